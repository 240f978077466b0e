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

// setAside makes the target ready to be written to, all in one transaction: it locks it against use, records the
// definitions of indexes, foreign keys and triggers and takes them away where rows come or go, and empties the tables that
// are filled anew.
func (r *run) setAside(ctx context.Context) error {
	err := r.onControl(ctx, func(ctx context.Context, tx pgx.Tx) error {
		r.objects, r.removals = &pgx.Batch{}, nil
		steps := []func(context.Context, pgx.Tx) error{
			r.raiseGuard, r.resetSequences, r.keepSeed, r.dropForeignKeys, r.dropIndexes, r.disableTriggers, r.recordObjects, r.takeAway,
			r.empty, r.expectChanges, r.loadRecord,
		}
		for _, step := range steps {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		r.began = true // whether the commit succeeds or not: its answer may be lost
		return nil
	}, r.isOurs)
	if err != nil {
		return fmt.Errorf("prepare the target: %w", err)
	}
	r.wrote = true
	return nil
}

const recordRun = `INSERT INTO synapse_port.run
    (target_schema, compat_version, phase, source, source_identity, policy, hash_seed, attempt, scan)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (only_row) DO UPDATE SET phase = excluded.phase, source = excluded.source, source_identity = excluded.source_identity,
    policy = excluded.policy, attempt = excluded.attempt, scan = excluded.scan, started = now()`

// raiseGuard makes upstream, and ourselves, refuse to start on the target: its compat version becomes greater
// than any schema version (facts: upstream compares it with its own and stops).
func (r *run) raiseGuard(ctx context.Context, tx pgx.Tx) error {
	if _, err := tx.Exec(ctx, createState); err != nil {
		return err
	}
	now := stageCopying
	if before := r.target.earlier; before != nil && before.stage != stageCopying {
		now = stageApplying
	}
	if err := r.recordRun(ctx, tx, now); err != nil {
		return err
	}
	table := r.target.quote(homeserver.CompatVersionTable)
	if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO "+table+" (compat_version) VALUES ($1)", homeserver.GuardCompatVersion)
	return err
}

func (r *run) recordRun(ctx context.Context, tx pgx.Tx, now stage) error {
	found, err := json.Marshal(r.scanned())
	if err != nil {
		return err
	}
	_, err = tx.Exec(ctx, recordRun, r.target.schema.Name, r.target.compat, now, r.source.snapshot.Info().Path, r.identity,
		r.options.OnBadValue, int64(r.seed), r.attempt, string(found))
	return err
}

const recordObject = `INSERT INTO synapse_port.object (kind, table_name, name, definition)
VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

// remember has an object recorded that is taken away. What an earlier run recorded stays: it saw the target whole.
func (r *run) remember(kind, table, name string, object any) error {
	definition, err := json.Marshal(object)
	if err == nil {
		r.objects.Queue(recordObject, kind, table, name, string(definition))
	}
	return err
}

// recordObjects sends what is remembered, hundreds of rows, at once. It is one transaction with what takes the objects away.
func (r *run) recordObjects(ctx context.Context, tx pgx.Tx) error {
	return tx.SendBatch(ctx, r.objects).Close()
}

// resetSequences records where the sequences stand, or takes them back to where an unfinished port found them.
func (r *run) resetSequences(ctx context.Context, tx pgx.Tx) error {
	if r.discards {
		r.target.record.completeSequences(r.target.schema)
	}
	for _, sequence := range r.target.schema.Sequences {
		if err := r.remember(kindSequence, "", sequence.Name, sequence); err != nil {
			return err
		}
		if !r.resetsSequences() {
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

// resetsSequences is true of a target on which no server can have used them.
func (r *run) resetsSequences() bool {
	return r.target.earlier != nil && (r.target.earlier.stage != stageComplete || r.discards)
}

// dropForeignKeys drops those between tables that rows come into or go from.
func (r *run) dropForeignKeys(context.Context, pgx.Tx) error {
	for _, key := range r.target.schema.ForeignKeys {
		if err := r.remember(kindForeignKey, key.Table, key.Name, key); err != nil {
			return err
		}
		absent := r.target.absent[objectID{kindForeignKey, key.Table, key.Name}]
		if absent || !r.touched(key.Table) && !r.touched(key.Parent) {
			continue
		}
		r.removals = append(r.removals, r.constraintRemoval(key.Table, key.Name))
	}
	return nil
}

func (r *run) constraintRemoval(table, name string) string {
	return fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", r.target.quote(table), postgres.QuoteIdentifier(name))
}

// dropIndexes takes the indexes off the tables that get many rows. An index that was clustered on, identifies rows
// for replication, lies in a tablespace or has statistics targets stays: its definition alone would not bring it back.
func (r *run) dropIndexes(context.Context, pgx.Tx) error {
	for _, table := range r.plan.tables {
		// What an unfinished port recorded is built again in any case, also when the table has fewer rows by now.
		if table.way != wayAnew || !table.heavy && len(r.target.recorded[table.name]) == 0 {
			continue
		}
		for _, index := range table.target.Indexes {
			if !index.Valid || !index.Plain || r.target.absent[objectID{kindIndex, table.name, index.Name}] {
				continue
			}
			if err := r.remember(kindIndex, table.name, index.Name, index); err != nil {
				return err
			}
			r.removals = append(r.removals, r.indexRemoval(table.name, index))
		}
	}
	return nil
}

func (r *run) indexRemoval(table string, index *catalog.Index) string {
	if index.Constraint != nil {
		return r.constraintRemoval(table, index.Constraint.Name)
	}
	return "DROP INDEX " + r.target.quote(index.Name)
}

// disableTriggers keeps the triggers from changing, checking or refusing rows that the source's own have let in.
func (r *run) disableTriggers(context.Context, pgx.Tx) error {
	for _, table := range r.target.schema.Tables {
		if len(table.Triggers) == 0 {
			continue
		}
		for _, trigger := range table.Triggers {
			if err := r.remember(kindTrigger, table.Name, trigger.Name, trigger); err != nil {
				return err
			}
		}
		r.removals = append(r.removals, fmt.Sprintf("ALTER TABLE %s DISABLE TRIGGER USER", r.target.quote(table.Name)))
	}
	return nil
}

// takeAway drops what is recorded by now.
func (r *run) takeAway(ctx context.Context, tx pgx.Tx) error {
	return executeAll(ctx, tx, r.removals)
}

// executeAll sends statements in one message: each by itself would cost a round trip, while nobody else does anything.
func executeAll(ctx context.Context, tx pgx.Tx, statements []string) error {
	done, results := 0, tx.Conn().PgConn().Exec(ctx, strings.Join(statements, ";\n"))
	for results.NextResult() {
		if _, err := results.ResultReader().Close(); err == nil {
			done++
		}
	}
	err := results.Close()
	if err != nil && done < len(statements) {
		err = fmt.Errorf("%s: %w", statements[done], err)
	}
	return err
}

// empty removes what is in the tables that are filled anew, and what a server builds again.
func (r *run) empty(ctx context.Context, tx pgx.Tx) error {
	var names, quoted []string
	for _, table := range r.plan.tables {
		if table.way == wayAnew && r.target.filled[table.name] {
			names = append(names, table.name)
		}
	}
	for _, name := range r.plan.cleared {
		if r.target.filled[name] {
			names = append(names, name)
		}
	}
	for _, name := range names {
		quoted = append(quoted, r.target.quote(name))
	}
	if len(names) > 0 {
		if _, err := tx.Exec(ctx, "TRUNCATE "+strings.Join(quoted, ", ")); err != nil {
			return err
		}
	}
	for _, name := range r.discarded {
		if _, err := tx.Exec(ctx, "DELETE FROM "+r.target.quote(name)); err != nil {
			return err
		}
	}
	return r.forget(ctx, tx)
}

// forget removes what is recorded of the rows of tables that are filled anew.
func (r *run) forget(ctx context.Context, tx pgx.Tx) error {
	var anew []string
	statements := []string{
		"DELETE FROM synapse_port.progress WHERE table_name = ANY($1)",
		"DELETE FROM synapse_port.table_state WHERE table_name = ANY($1)",
		"DELETE FROM synapse_port.set_aside WHERE table_name = ANY($1)",
	}
	for _, table := range r.plan.tables {
		if table.way != wayAnew {
			continue
		}
		anew = append(anew, table.name)
		if table.search != nil {
			statements = append(statements, "DELETE FROM synapse_port.search_text WHERE $1::text[] IS NOT NULL")
		}
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement, anew); err != nil {
			return err
		}
	}
	return nil
}

// expectChanges marks the tables that are whole but not yet equal to the source. If the port ends before they are, the next
// one compares them again.
func (r *run) expectChanges(ctx context.Context, tx pgx.Tx) error {
	states := map[string][]string{}
	for _, table := range r.plan.tables {
		switch {
		case table.way == wayCompare && table.differs():
			states[stateApplying] = append(states[stateApplying], table.name)
		case table.way == wayCompare:
			states[stateReady] = append(states[stateReady], table.name)
		}
	}
	for state, names := range states {
		if _, err := tx.Exec(ctx, "UPDATE synapse_port.table_state SET state = $1 WHERE table_name = ANY($2)", state, names); err != nil {
			return err
		}
	}
	return nil
}

// loadRecord reads back everything that was set aside, by this run and by unfinished ones before it.
func (r *run) loadRecord(ctx context.Context, tx pgx.Tx) (err error) {
	r.record, err = readRecord(ctx, tx)
	return err
}
