package upstream

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

const extremitiesUpdate = "event_forward_extremities_event_id_foreign_key_constraint_update"

// constraintUpdates are for PostgreSQL; SQLite's deltas have made the tables anew.
func constraintUpdates() []update {
	all := []update{dropNullIndexes(), validateAndDelete(extremitiesUpdate, background.ValidateAndDelete{
		Table: "event_forward_extremities", Constraint: "event_forward_extremities_event_id", Keys: columns("event_id", "room_id"),
		Breaks: background.LacksReference("event_forward_extremities", columns("event_id"), "events", columns("event_id")),
	})}
	for _, table := range []string{"event_push_actions_staging", pushActions, pushSummary} {
		constraint := table + "_thread_id"
		all = append(all, update{
			name: constraint, alone: background.ValidateConstraint{Table: table, Constraint: constraint}.Run, finish: validEmpty(table, constraint),
		})
	}
	return all
}

func validateAndDelete(name string, work background.ValidateAndDelete) update {
	return update{
		name: name, alone: work.Run, options: []background.Option{background.InBatches(), background.Total(work.Total)}, finish: validEmpty(work.Table, work.Constraint),
	}
}

// validEmpty marks a constraint of a table without rows as valid.
func validEmpty(table, constraint string) func(ctx context.Context, tx engine.Tx) error {
	return func(ctx context.Context, tx engine.Tx) error {
		if tx.Engine() != engine.Postgres {
			return nil
		}
		quote := quoteFor(tx)
		return execute(ctx, tx, "ALTER TABLE "+quote(table)+" VALIDATE CONSTRAINT "+quote(constraint))
	}
}

// dropNullIndexes drops what helped to find rows without a thread, of which there are none any more.
func dropNullIndexes() update {
	found := map[string]string{"event_push_actions_thread_id_null": pushActions, "event_push_summary_thread_id_null": pushSummary}
	return update{
		name: "event_push_drop_null_thread_id_indexes",
		alone: func(ctx context.Context, alone *background.Alone) (background.Result, error) {
			for index, table := range found {
				if err := alone.Session.DropIndex(ctx, table, index); err != nil {
					return background.Result{}, fmt.Errorf("drop the index %s: %w", index, err)
				}
			}
			return background.Result{Items: 1, Done: true}, nil
		},
		finish: func(ctx context.Context, tx engine.Tx) error {
			var all []error
			for index := range found {
				all = append(all, execute(ctx, tx, "DROP INDEX IF EXISTS "+quoteFor(tx)(index)))
			}
			return errors.Join(all...)
		},
	}
}

// lowerBound is upstream's progress.
type lowerBound struct {
	ID string `json:"lower_bound_id"`
}

// fillFullUserID completes the ids of users, and ends with PostgreSQL's constraint valid.
func fillFullUserID(name, table string, config homeserver.Config) update {
	const constraint = "full_user_id_not_null"
	return update{
		name: name, finish: validEmpty(table, constraint), options: rowsOf(table),
		handler: func(ctx context.Context, batch *background.Batch) (background.Result, error) {
			from, err := progressOf[lowerBound](batch)
			if err != nil {
				return background.Result{}, err
			}
			server, err := serverName(ctx, batch.Tx, config, table)
			if err != nil {
				return background.Result{}, err
			}
			until, more, err := textAt(ctx, batch, "SELECT user_id FROM "+table+" WHERE user_id > ? ORDER BY user_id LIMIT 1 OFFSET ?", from.ID)
			if err != nil {
				return background.Result{}, err
			}
			fill, values := "UPDATE "+table+" SET full_user_id = "+completeID+" WHERE full_user_id IS NULL AND user_id > ?", []any{server, from.ID}
			if more {
				fill, values = fill+" AND user_id <= ?", append(values, until)
			}
			if _, err := batch.Tx.Exec(ctx, fill, values...); err != nil {
				return background.Result{}, fmt.Errorf("fill %s.full_user_id: %w", table, err)
			}
			if more {
				return background.Result{Items: batch.Size, Progress: lowerBound{until}}, nil
			}
			return background.Result{Items: 1, Done: true}, validEmpty(table, constraint)(ctx, batch.Tx)
		},
	}
}
