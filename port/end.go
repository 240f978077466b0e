package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

// Finish says that the move is over: it removes what ports keep in a target to be able to run again. It reports whether there
// was anything. A homeserver may be running on the target.
//
// It returns *RefusedError when the last port is not complete, or another one is running.
func Finish(ctx context.Context, config *postgres.Config, log *slog.Logger) (bool, error) {
	return onState(ctx, config, log, func(ctx context.Context, conn *pgx.Conn) error {
		var left stage
		if err := conn.QueryRow(ctx, "SELECT phase FROM synapse_port.run").Scan(&left); err != nil {
			return fmt.Errorf("read the state of the port: %w", err)
		}
		if left != stageComplete {
			return &RefusedError{Problems: []Problem{{
				ID: "port_unfinished", What: "the last port into this database is not complete (" + string(left) + "), and what it recorded is needed to complete it",
				Hint: "run the port again first; or put the empty tables back: --abandon",
			}}}
		}
		_, err := conn.Exec(ctx, dropState)
		return err
	})
}

// onState does work under the port's lock if there is a state.
func onState(ctx context.Context, config *postgres.Config, log *slog.Logger, work func(context.Context, *pgx.Conn) error) (found bool, err error) {
	patient := maps.Clone(settings)
	patient["synchronous_commit"] = "on"
	conn, err := config.Connect(ctx, patient)
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, conn.Close(context.WithoutCancel(ctx))) }()
	problem, err := (&target{config: config, conn: conn}).lock(ctx)
	if err != nil {
		return false, fmt.Errorf("take the target's lock: %w", err)
	}
	if problem != nil {
		return false, &RefusedError{Problems: []Problem{*problem}}
	}
	if err := conn.QueryRow(ctx, stateExists).Scan(&found); err != nil || !found {
		return false, err
	}
	log.DebugContext(ctx, "the target holds the state of a port")
	return true, work(ctx, conn)
}

// Abandon puts an unfinished target back to how it was before the first port: the rows that came are removed, and what the
// target was prepared with, indexes, constraints, triggers, sequences and the compat version are put back, all in one
// transaction. It reports whether there was anything to do.
//
// It returns *RefusedError when the port is complete, or something else uses the target.
func Abandon(ctx context.Context, config *postgres.Config, log *slog.Logger) (bool, error) {
	found, err := onState(ctx, config, log, func(context.Context, *pgx.Conn) error { return nil })
	if err != nil || !found {
		return false, err
	}
	t, problems := openTarget(ctx, config)
	if t != nil {
		defer t.close()
	}
	if t != nil && t.earlier != nil && t.earlier.stage == stageComplete {
		problems = append(problems, Problem{
			ID: "port_complete", What: "the port into this database is complete; abandoning it would throw its rows away",
			Hint: "say that the move is over: --finish; if the database is not wanted any more, drop it",
		})
	}
	if len(problems) > 0 {
		return false, &RefusedError{Problems: problems}
	}
	if t.earlier == nil {
		return false, nil
	}
	r := &run{target: t, record: t.record, options: Options{Log: log}}
	err = pgx.BeginFunc(ctx, t.conn, func(tx pgx.Tx) error { return r.putBack(ctx, tx) })
	if err != nil {
		return true, fmt.Errorf("put the target back: %w", err)
	}
	return true, nil
}

func (r *run) putBack(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on"); err != nil {
		return err
	}
	steps := []func(context.Context, pgx.Tx) error{
		r.dropKeys, r.emptyAll, r.plantSeed, r.putIndexesBack, r.putKeysBack, r.putSequencesBack, r.lowerGuard,
	}
	for _, step := range steps {
		if err := step(ctx, tx); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, dropState)
	return err
}

// dropKeys drops the foreign keys that are there, so that the tables can be emptied in any order.
func (r *run) dropKeys(ctx context.Context, tx pgx.Tx) error {
	for _, key := range r.record.foreignKeys {
		if r.target.absent[objectID{kindForeignKey, key.Table, key.Name}] {
			continue
		}
		if err := r.dropConstraint(ctx, tx, key.Table, key.Name); err != nil {
			return err
		}
	}
	return nil
}

// emptyAll empties every table that a port fills or empties.
func (r *run) emptyAll(ctx context.Context, tx pgx.Tx) error {
	names := slices.Concat(slices.Collect(maps.Keys(r.target.earlier.scan)), homeserver.RegeneratedTables(), homeserver.TransientTables(),
		[]string{homeserver.DirectoryPositionTable, homeserver.BackgroundUpdatesTable})
	slices.Sort(names)
	var quoted []string
	for _, name := range slices.Compact(names) {
		if r.target.schema.Table(name) != nil {
			quoted = append(quoted, r.target.quote(name))
		}
	}
	_, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(quoted, ", "))
	return err
}

type seedRows struct {
	Table, Columns string
	Content        []byte
}

// plantSeed puts the rows back that the target was prepared with. The triggers of users are still off.
func (r *run) plantSeed(ctx context.Context, tx pgx.Tx) error {
	rows, err := tx.Query(ctx, "SELECT table_name, columns, content FROM synapse_port.seed")
	if err != nil {
		return err
	}
	seeds, err := pgx.CollectRows(rows, pgx.RowToStructByPos[seedRows])
	if err != nil {
		return err
	}
	for _, seed := range seeds {
		statement := fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", r.target.quote(seed.Table), seed.Columns)
		if _, err := tx.Conn().PgConn().CopyFrom(ctx, bytes.NewReader(seed.Content), statement); err != nil {
			return fmt.Errorf("rows of %s: %w", seed.Table, err)
		}
	}
	return nil
}

func (r *run) putIndexesBack(ctx context.Context, tx pgx.Tx) error {
	for name, indexes := range r.record.indexes {
		for _, index := range indexes {
			exists, err := holds(ctx, tx, indexExists, r.target.quote(index.Name))
			if err != nil {
				return err
			}
			if exists || index.Constraint != nil && index.Constraint.Exclusion {
				continue // an exclusion's comes with its constraint
			}
			if _, err := tx.Exec(ctx, index.Definition); err != nil {
				return err
			}
			if err := r.comment(ctx, tx, "INDEX "+r.target.quote(index.Name), index.Comment); err != nil {
				return err
			}
		}
		if err := r.attachIn(ctx, tx, &tablePlan{name: name}, indexes); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) putKeysBack(ctx context.Context, tx pgx.Tx) error {
	for table := range r.record.triggers {
		if err := r.enableTriggers(ctx, tx, table); err != nil {
			return err
		}
	}
	for _, key := range r.record.foreignKeys {
		if err := r.addForeignKey(ctx, tx, key); err != nil {
			return fmt.Errorf("foreign key %s of %s: %w", key.Name, key.Table, err)
		}
		if !key.Validated {
			continue
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", r.target.quote(key.Table), postgres.QuoteIdentifier(key.Name)))
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) putSequencesBack(ctx context.Context, tx pgx.Tx) error {
	for _, sequence := range r.record.sequences {
		_, err := tx.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", r.target.quote(sequence.Name), sequence.LastValue, sequence.IsCalled)
		if err != nil {
			return err
		}
	}
	return nil
}
