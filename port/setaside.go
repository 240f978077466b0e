package port

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// setAside makes the target ready to be filled, all in one transaction: it locks it against use, records the
// definitions of indexes, foreign keys and triggers and takes them away, and empties the tables.
func (r *run) setAside(ctx context.Context) error {
	err := pgx.BeginFunc(ctx, r.target.conn, func(tx pgx.Tx) error {
		steps := []func(context.Context, pgx.Tx) error{
			r.raiseGuard, r.resetSequences, r.dropForeignKeys, r.dropIndexes, r.disableTriggers, r.empty, r.loadRecord,
		}
		for _, step := range steps {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		r.began = true // whether the commit succeeds or not: its answer may be lost
		return nil
	})
	if err != nil {
		return fmt.Errorf("prepare the target: %w", err)
	}
	return nil
}

const recordRun = `INSERT INTO synapse_port.run (target_schema, compat_version, source)
VALUES ($1, $2, $3) ON CONFLICT (only_row) DO UPDATE SET source = excluded.source, started = now()`

// raiseGuard makes upstream, and ourselves, refuse to start on the target: its compat version becomes greater
// than any schema version (facts: upstream compares it with its own and stops).
func (r *run) raiseGuard(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, createState); err != nil {
		return err
	}
	path := r.source.snapshot.Info().Path
	if _, err := tx.Exec(ctx, recordRun, r.target.schema.Name, r.target.compat, path); err != nil {
		return err
	}
	table := r.target.quote(homeserver.CompatVersionTable)
	if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO "+table+" (compat_version) VALUES ($1)", homeserver.GuardCompatVersion)
	return err
}

const recordObject = `INSERT INTO synapse_port.object (kind, table_name, name, definition)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

// remember records an object before it is taken away. What an earlier run recorded stays: it saw the target whole.
func remember(ctx context.Context, tx pgx.Tx, kind, table, name string, object any) error {
	definition, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, recordObject, kind, table, name, string(definition))
	return err
}

// resetSequences records where the sequences stand, or takes them back to where an unfinished port found them.
func (r *run) resetSequences(ctx context.Context, tx pgx.Tx) error {
	for _, sequence := range r.target.schema.Sequences {
		if err := remember(ctx, tx, kindSequence, "", sequence.Name, sequence); err != nil {
			return err
		}
		if !r.target.ours {
			continue
		}
		_, err := tx.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)",
			r.target.quote(sequence.Name), sequence.LastValue, sequence.IsCalled)
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dropForeignKeys(ctx context.Context, tx pgx.Tx) error {
	for _, key := range r.target.schema.ForeignKeys {
		if err := remember(ctx, tx, kindForeignKey, key.Table, key.Name, key); err != nil {
			return err
		}
		if r.target.absent[objectID{kindForeignKey, key.Table, key.Name}] {
			continue
		}
		if err := r.dropConstraint(ctx, tx, key.Table, key.Name); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) dropConstraint(ctx context.Context, tx pgx.Tx, table, name string) error {
	_, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", r.target.quote(table), postgres.QuoteIdentifier(name)))
	return err
}

// dropIndexes takes the indexes off the tables that get many rows. An index that was clustered on, identifies rows
// for replication, lies in a tablespace or has statistics targets stays: its definition alone would not bring it back.
func (r *run) dropIndexes(ctx context.Context, tx pgx.Tx) error {
	for _, table := range r.plan.tables {
		// What an unfinished port recorded is built again in any case, also when the table has fewer rows by now.
		if !table.heavy && len(r.target.recorded[table.name]) == 0 {
			continue
		}
		for _, index := range table.target.Indexes {
			if !index.Valid || !index.Plain || r.target.absent[objectID{kindIndex, table.name, index.Name}] {
				continue
			}
			if err := r.dropIndex(ctx, tx, table.name, index); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) dropIndex(ctx context.Context, tx pgx.Tx, table string, index *catalog.Index) error {
	if err := remember(ctx, tx, kindIndex, table, index.Name, index); err != nil {
		return err
	}
	if index.Constraint != nil {
		return r.dropConstraint(ctx, tx, table, index.Constraint.Name)
	}
	_, err := tx.Exec(ctx, "DROP INDEX "+r.target.quote(index.Name))
	return err
}

// disableTriggers keeps the triggers from changing, checking or refusing rows that the source's own have let in.
func (r *run) disableTriggers(ctx context.Context, tx pgx.Tx) error {
	for _, table := range r.target.schema.Tables {
		if len(table.Triggers) == 0 {
			continue
		}
		for _, trigger := range table.Triggers {
			if err := remember(ctx, tx, kindTrigger, table.Name, trigger.Name, trigger); err != nil {
				return err
			}
		}
		if _, err := tx.Exec(ctx, fmt.Sprintf("ALTER TABLE %s DISABLE TRIGGER USER", r.target.quote(table.Name))); err != nil {
			return err
		}
	}
	return nil
}

// empty removes the seed rows of a prepared target, and what an unfinished port left.
func (r *run) empty(ctx context.Context, tx pgx.Tx) error {
	var names []string
	for _, table := range r.plan.tables {
		if r.target.filled[table.name] {
			names = append(names, r.target.quote(table.name))
		}
	}
	for _, name := range r.plan.cleared {
		if r.target.filled[name] {
			names = append(names, r.target.quote(name))
		}
	}
	if len(names) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(names, ", "))
	return err
}

// loadRecord reads back everything that was set aside, by this run and by unfinished ones before it.
func (r *run) loadRecord(ctx context.Context, tx pgx.Tx) (err error) {
	r.record, err = readRecord(ctx, tx)
	return err
}
