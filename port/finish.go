package port

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
)

// finish makes the target usable, in one transaction that is on the disk when it ends: what the homeserver has to
// build again is enqueued, the port's own schema goes, and the compat version gets its real value.
func (r *run) finish(ctx context.Context) error {
	r.options.Progress.enter(PhaseFinish)
	if err := r.aside.finish(); err != nil {
		return err
	}
	err := pgx.BeginFunc(ctx, r.target.conn, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on"); err != nil {
			return err
		}
		for _, step := range []func(context.Context, pgx.Tx) error{r.enqueueDirectory, r.lowerGuard} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, dropState)
		return err
	})
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	return nil
}

// enqueueDirectory has the homeserver build its user directory: upstream leaves it empty for ever when its position
// is NULL and no update is waiting.
func (r *run) enqueueDirectory(ctx context.Context, tx pgx.Tx) error {
	if r.target.schema.Table(homeserver.DirectoryPositionTable) == nil {
		return nil
	}
	position := r.target.quote(homeserver.DirectoryPositionTable)
	if _, err := tx.Exec(ctx, "DELETE FROM "+position); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, "INSERT INTO "+position+" (stream_id) VALUES (NULL)"); err != nil {
		return err
	}
	updates := r.target.quote(homeserver.BackgroundUpdatesTable)
	for _, update := range homeserver.DirectoryUpdates() {
		var dependsOn *string
		if update.DependsOn != "" {
			dependsOn = &update.DependsOn
		}
		_, err := tx.Exec(ctx, "INSERT INTO "+updates+` (update_name, progress_json, depends_on, ordering)
			VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`, update.Name, update.ProgressJSON, dependsOn, update.Ordering)
		if err != nil {
			return err
		}
		r.report.Enqueued = append(r.report.Enqueued, update.Name)
	}
	return nil
}

// lowerGuard writes the compat version that the target was prepared with.
func (r *run) lowerGuard(ctx context.Context, tx pgx.Tx) error {
	table := r.target.quote(homeserver.CompatVersionTable)
	if _, err := tx.Exec(ctx, "DELETE FROM "+table); err != nil || r.target.compat == nil {
		return err
	}
	_, err := tx.Exec(ctx, "INSERT INTO "+table+" (compat_version) VALUES ($1)", *r.target.compat)
	return err
}
