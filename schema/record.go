package schema

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// record writes what is kept in the database about its schema, and knows what it has written.
type record struct {
	own     bool
	exists  bool // there is a version
	version int
	compat  *int // still to be written
}

// begin records a new database in the transaction that creates it.
func (r *record) begin(ctx context.Context, tx engine.Tx, plan *Plan, logical []string) error {
	if r.own {
		if err := r.mark(ctx, tx, plan, logical); err != nil {
			return err
		}
	}
	return r.start(ctx, tx, plan)
}

// mark says which set a database belongs to, and guards one that is to be filled.
func (r *record) mark(ctx context.Context, tx engine.Tx, plan *Plan, logical []string) error {
	if _, err := tx.Exec(ctx, "INSERT INTO schema_set (name) VALUES (?)", plan.Set); err != nil {
		return fmt.Errorf("record the schema set: %w", err)
	}
	for _, database := range logical {
		if _, err := tx.Exec(ctx, "INSERT INTO schema_databases (name) VALUES (?)", database); err != nil {
			return fmt.Errorf("record the logical databases: %w", err)
		}
	}
	if plan.filling == "" {
		return nil
	}
	if err := r.setProgress(ctx, tx, filling, progress{checksum: plan.filling}); err != nil {
		return err
	}
	return r.open(ctx, tx)
}

// start records the full schema, with the deltas that it contains, so that one which is missing there is noticed later.
func (r *record) start(ctx context.Context, tx engine.Tx, plan *Plan) error {
	if err := r.open(ctx, tx); err != nil {
		return err
	}
	if err := r.setVersion(ctx, tx, plan.base, false); err != nil || !r.own {
		return err
	}
	for _, delta := range plan.covered {
		if err := r.insertApplied(ctx, tx, delta); err != nil {
			return err
		}
	}
	return nil
}

// open raises the compat version. It comes before the first change of the tables.
func (r *record) open(ctx context.Context, tx engine.Tx) error {
	if r.compat == nil {
		return nil
	}
	if _, err := tx.Exec(ctx, "DELETE FROM schema_compat_version"); err != nil {
		return fmt.Errorf("record the compat version: %w", err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO schema_compat_version (compat_version) VALUES (?)", *r.compat); err != nil {
		return fmt.Errorf("record the compat version: %w", err)
	}
	r.compat = nil
	return nil
}

func (r *record) setVersion(ctx context.Context, tx engine.Tx, version int, upgraded bool) error {
	if _, err := tx.Exec(ctx, "DELETE FROM schema_version"); err != nil {
		return fmt.Errorf("record the version: %w", err)
	}
	if _, err := tx.Exec(ctx, "INSERT INTO schema_version (version, upgraded) VALUES (?, ?)", version, upgraded); err != nil {
		return fmt.Errorf("record the version: %w", err)
	}
	r.version, r.exists = version, true
	return nil
}

// applied records a delta, and the version that it belongs to unless the database has a newer one.
func (r *record) applied(ctx context.Context, tx engine.Tx, delta *Delta) error {
	if err := r.insertApplied(ctx, tx, delta); err != nil {
		return err
	}
	if !r.exists || delta.Version < r.version {
		return nil
	}
	return r.setVersion(ctx, tx, delta.Version, true)
}

func (r *record) insertApplied(ctx context.Context, tx engine.Tx, delta *Delta) error {
	statement, values := "INSERT INTO applied_schema_deltas (version, file) VALUES (?, ?)", []any{delta.Version, delta.File()}
	if r.own {
		statement, values = "INSERT INTO applied_schema_deltas (version, file, checksum) VALUES (?, ?, ?)", append(values, nullable(delta.Checksum()))
	}
	if _, err := tx.Exec(ctx, statement, values...); err != nil {
		return fmt.Errorf("record %s: %w", delta.File(), err)
	}
	return nil
}

func nullable(text string) any {
	if text == "" {
		return nil
	}
	return text
}

func (r *record) setProgress(ctx context.Context, tx engine.Tx, file string, reached progress) error {
	if err := r.dropProgress(ctx, tx, file); err != nil {
		return err
	}
	const insert = "INSERT INTO schema_progress (file, checksum, statements, catalog) VALUES (?, ?, ?, ?)"
	if _, err := tx.Exec(ctx, insert, file, reached.checksum, reached.statements, nullable(reached.catalog)); err != nil {
		return fmt.Errorf("record the progress of %s: %w", file, err)
	}
	return nil
}

func (r *record) dropProgress(ctx context.Context, tx engine.Tx, file string) error {
	if _, err := tx.Exec(ctx, "DELETE FROM schema_progress WHERE file = ?", file); err != nil {
		return fmt.Errorf("record the progress of %s: %w", file, err)
	}
	return nil
}

// finish comes after the last step.
func (r *record) finish(ctx context.Context, tx engine.Tx, plan *Plan) error {
	if err := r.open(ctx, tx); err != nil {
		return err
	}
	if !r.exists {
		if err := r.start(ctx, tx, plan); err != nil {
			return err
		}
	}
	if r.version < plan.To {
		if err := r.setVersion(ctx, tx, plan.To, true); err != nil {
			return err
		}
	}
	if !r.own {
		return nil
	}
	if _, err := tx.Exec(ctx, "DELETE FROM schema_progress WHERE file <> ?", filling); err != nil {
		return fmt.Errorf("record that nothing is unfinished: %w", err)
	}
	return nil
}
