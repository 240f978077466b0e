package port

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

// checkWritten refuses a target that was complete and that somebody has written to since: a port would undo that.
func (r *run) checkWritten(ctx context.Context) error {
	before := r.target.earlier
	if before == nil || before.stage != stageComplete {
		return nil
	}
	if err := r.sumTargets(ctx); err != nil {
		return err
	}
	what := r.writtenRows()
	r.discarded = nil
	others, err := r.writtenOthers(ctx)
	if err != nil {
		return fmt.Errorf("look for what was written to the target: %w", err)
	}
	r.discards = len(what)+len(others) > 0
	if !r.discards || r.options.DiscardTargetChanges {
		return nil
	}
	return &RefusedError{Problems: []Problem{{
		ID:   "target_written",
		What: "somebody, most likely a homeserver, has written to the target since the last port was complete: " + engine.List(append(what, others...)),
		Hint: "if the homeserver is to go on with PostgreSQL, the move is over: synapse port --finish; " +
			"to have what was written there thrown away and replaced by what the source holds: --discard-target-changes",
	}}}
}

// sumTargets reads the tables of a complete target that were not compared.
func (r *run) sumTargets(ctx context.Context) error {
	var tasks []*task
	for _, table := range r.plan.tables {
		switch {
		case table.changes != nil:
			table.sum = &table.changes.target
		case table.recorded != nil:
			tasks = append(tasks, &task{name: "read " + table.name, table: table.name, weight: table.rows, run: func(ctx context.Context, w *worker) error {
				sum, err := r.targetSum(ctx, w, table, &TableProgress{})
				table.sum = &sum
				return err
			}})
		}
	}
	if len(tasks) == 0 {
		return nil
	}
	if err := r.connect(ctx); err != nil {
		return err
	}
	defer r.disconnect()
	return runTasks(ctx, r.workers, tasks)
}

// writtenRows names the tables whose rows are not those that the last port left.
func (r *run) writtenRows() []string {
	var names []string
	for _, table := range r.plan.tables {
		switch {
		case table.recorded == nil:
			if r.target.filled[table.name] && !table.target.Unlogged {
				names = append(names, fmt.Sprintf("table %s (the last port did not fill it)", table.name))
			}
		case *table.recorded != *table.sum:
			name := fmt.Sprintf("table %s (%d rows, %d then", table.name, table.sum.Rows, table.recorded.Rows)
			if table.changes != nil && r.target.earlier.identity == r.identity { // all that differs was written there
				name += fmt.Sprintf("; %d are new or changed", table.changes.rows.OnlyTarget)
			}
			names = append(names, name+")")
		}
	}
	return names
}

const selectLeft = `SELECT kind, name, value FROM synapse_port.left_at`

// writtenOthers names sequences and tables that are not compared with the source and are not as the last port left them.
func (r *run) writtenOthers(ctx context.Context) ([]string, error) {
	then := map[leftKey]string{}
	rows, err := r.target.conn.Query(ctx, selectLeft)
	if err != nil {
		return nil, err
	}
	for rows.Next() {
		var key leftKey
		var value string
		if err := rows.Scan(&key.kind, &key.name, &value); err != nil {
			rows.Close()
			return nil, err
		}
		then[key] = value
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	now, err := r.readLeftAt(ctx, r.target.conn)
	if err != nil {
		return nil, err
	}
	var names []string
	for key, value := range now {
		if then[key] == value {
			continue
		}
		names = append(names, key.kind+" "+key.name)
		if key.kind == leftTable && r.discardable(key.name) {
			r.discarded = append(r.discarded, key.name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// discardable is true of tables that only a server fills, but for what describes the database itself.
func (r *run) discardable(name string) bool {
	return name == homeserver.BackgroundUpdatesTable || slices.Contains(homeserver.PostgresOnlyTables(), name)
}
