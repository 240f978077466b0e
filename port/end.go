package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

// Finish says that the move into Options.Target, and Options.State, is over: it removes what ports keep there to be able to run
// again. It reports whether there was anything. A homeserver may be running on the target.
//
// It returns *RefusedError when the last port is not complete, or another one is running; nothing is removed then.
func Finish(ctx context.Context, options Options) (found bool, err error) {
	states, err := openStates(ctx, options)
	defer func() { err = errors.Join(err, states.close(ctx)) }()
	if err != nil {
		return false, err
	}
	var problems []Problem
	for _, s := range states {
		if s.exists && s.stage != stageComplete {
			problems = append(problems, s.run.namedProblems([]Problem{{
				ID: "port_unfinished", What: "the last port into this database is not complete (" + string(s.stage) + "), and what it recorded is needed to complete it",
				Hint: "run the port again first; or put the empty tables back: --abandon",
			}})...)
		}
	}
	if len(problems) > 0 {
		return false, &RefusedError{Problems: problems}
	}
	for _, s := range states {
		if !s.exists {
			continue
		}
		if _, err := s.conn.Exec(ctx, dropState); err != nil {
			return true, s.run.named(err)
		}
		found = true
	}
	return found, nil
}

// keptState is what ports keep in one database.
type keptState struct {
	run    *run
	conn   *pgx.Conn // it holds the lock
	exists bool
	stage  stage
}

type keptStates []*keptState

func (s keptStates) close(ctx context.Context) error {
	var err error
	for _, one := range s {
		err = errors.Join(err, one.conn.Close(context.WithoutCancel(ctx)))
	}
	return err
}

// openStates connects to the databases of a move, takes their locks, and looks at what ports keep there. What is returned has to
// be closed, also beside an error.
func openStates(ctx context.Context, options Options) (states keptStates, err error) {
	if options, err = options.withDefaults(); err != nil {
		return nil, err
	}
	patient := maps.Clone(settings)
	patient["synchronous_commit"] = "on"
	for _, r := range newMove(options, nil).runs {
		conn, err := r.options.Target.Connect(ctx, patient)
		if err != nil {
			return states, r.named(err)
		}
		states = append(states, &keptState{run: r, conn: conn})
	}
	if len(states) > 1 {
		same, err := sameDatabase(ctx, states[0].conn, states[1].conn)
		if same {
			err = &RefusedError{Problems: []Problem{oneDatabase(options.State)}}
		}
		if err != nil {
			return states, err
		}
	}
	for _, s := range states {
		if err := s.read(ctx); err != nil {
			return states, err
		}
	}
	return states, nil
}

func (s *keptState) read(ctx context.Context) error {
	problem, err := (&target{conn: s.conn}).lock(ctx)
	if err != nil {
		return s.run.named(fmt.Errorf("take the target's lock: %w", err))
	}
	if problem != nil {
		return &RefusedError{Problems: s.run.namedProblems([]Problem{*problem})}
	}
	if err := s.conn.QueryRow(ctx, stateExists).Scan(&s.exists); err != nil || !s.exists {
		return s.run.named(err)
	}
	s.run.options.Log.DebugContext(ctx, "the target holds the state of a port", "database", s.run.options.Target.Describe())
	if err := s.conn.QueryRow(ctx, "SELECT phase FROM synapse_port.run").Scan(&s.stage); err != nil {
		return s.run.named(fmt.Errorf("read the state of the port: %w", err))
	}
	return nil
}

// Abandon puts an unfinished target, Options.Target and Options.State, back to how it was before the first port: the rows that
// came are removed, and what the target was prepared with, indexes, constraints, triggers, sequences and the compat version are
// put back, all in one transaction for each database. It reports whether there was anything to do.
//
// It returns *RefusedError when the port is complete, be it in one of two databases, or something else uses them; nothing is
// changed then.
func Abandon(ctx context.Context, options Options) (found bool, err error) {
	runs, err := unfinishedRuns(ctx, options)
	if err != nil {
		return false, err
	}
	var problems []Problem
	for _, r := range runs {
		r.target, r.problems = openTarget(ctx, r.options.Target, r.part)
		if r.target != nil {
			defer r.target.close()
		}
		problems = append(problems, r.namedProblems(r.problems)...)
	}
	if len(problems) > 0 {
		return false, &RefusedError{Problems: problems}
	}
	for _, r := range runs {
		if r.target.earlier == nil {
			continue
		}
		found, r.record = true, r.target.record
		err = pgx.BeginFunc(ctx, r.target.conn, func(tx pgx.Tx) error { return r.putBack(ctx, tx) })
		if err != nil {
			return true, r.named(fmt.Errorf("put the target back: %w", err))
		}
	}
	return found, nil
}

// unfinishedRuns are those whose targets hold the state of a port. It refuses complete ones.
func unfinishedRuns(ctx context.Context, options Options) (runs []*run, err error) {
	states, err := openStates(ctx, options)
	defer func() { err = errors.Join(err, states.close(ctx)) }()
	if err != nil {
		return nil, err
	}
	var problems []Problem
	for _, s := range states {
		switch {
		case !s.exists:
		case s.stage == stageComplete:
			problems = append(problems, s.run.namedProblems([]Problem{{
				ID: "port_complete", What: "the port into this database is complete; abandoning it would throw its rows away",
				Hint: "say that the move is over: --finish; if the database is not wanted any more, drop it",
			}})...)
		default:
			runs = append(runs, s.run)
		}
	}
	if len(problems) > 0 {
		return nil, &RefusedError{Problems: problems}
	}
	return runs, nil
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
		if _, err := tx.Exec(ctx, r.constraintRemoval(key.Table, key.Name)); err != nil {
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
	if err := r.addForeignKeysIn(ctx, tx); err != nil {
		return err
	}
	for _, key := range r.record.foreignKeys {
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
