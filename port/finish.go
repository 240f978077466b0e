package port

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
)

// finish makes the target usable, in one transaction that is on the disk when it ends: what the homeserver has to
// build again is enqueued, the compat version gets its real value, and how everything was left is recorded.
func (r *run) finish(ctx context.Context) error {
	r.options.Progress.enter(PhaseFinish)
	if err := r.aside.seal(); err != nil {
		return err
	}
	err := r.onControl(ctx, func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = on"); err != nil {
			return err
		}
		r.report.Enqueued = nil
		steps := []func(context.Context, pgx.Tx) error{r.enqueueDirectory, r.lowerGuard, r.recordEnd}
		if r.idle {
			steps = []func(context.Context, pgx.Tx) error{r.recordAgain, r.recordEnd}
		}
		for _, step := range steps {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	}, r.isComplete)
	if err != nil {
		return fmt.Errorf("finish: %w", err)
	}
	r.finished = true
	// Only now: a port that is taken up again must be able to write the file anew.
	r.report.noteClose(r.aside.name())
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

// recordAgain records that the target is equal to this state of the source, too.
func (r *run) recordAgain(ctx context.Context, tx pgx.Tx) error {
	return r.recordRun(ctx, tx, stageComplete)
}

// isComplete reports whether the last transaction was committed.
func (r *run) isComplete(ctx context.Context) (complete bool, err error) {
	err = r.target.conn.QueryRow(ctx, "SELECT phase = $1 AND attempt = $2 FROM synapse_port.run", stageComplete, r.attempt).Scan(&complete)
	return complete, err
}

const (
	recordComplete = `UPDATE synapse_port.run SET phase = $1, aside_file = $3 WHERE attempt = $2`
	recordSum      = `UPDATE synapse_port.table_state SET state = 'ready', rows = $2, high = $3, low = $4 WHERE table_name = $1`
)

// recordEnd records how the port leaves the target, for the next one to see whether somebody has written to it.
func (r *run) recordEnd(ctx context.Context, tx pgx.Tx) error {
	tag, err := tx.Exec(ctx, recordComplete, stageComplete, r.attempt, r.aside.absolute())
	if err == nil && tag.RowsAffected() != 1 {
		err = errTakenOver
	}
	if err != nil {
		return err
	}
	var batch pgx.Batch // more than two hundred statements
	for _, table := range r.plan.tables {
		if table.sum != nil {
			batch.Queue(recordSum, table.name, table.sum.Rows, int64(table.sum.High), int64(table.sum.Low))
		}
	}
	if err := r.queueLeftAt(ctx, tx, &batch); err != nil {
		return err
	}
	batch.Queue("DELETE FROM synapse_port.progress")
	return tx.SendBatch(ctx, &batch).Close()
}
