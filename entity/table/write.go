package table

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// Write does all of the changes in one transaction, which is durable when it returns.
func (t *Table) Write(ctx context.Context, changes []Change) error {
	if t.readOnly {
		return &ReadOnlyError{Database: t.name}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == nil {
		return errClosed
	}
	return t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return t.apply(ctx, tx, changes) })
}

const (
	setAsideSQL = `INSERT INTO damaged_entities (application, id, found, problem, state, attributes, locals, definition, last_changed, last_written)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	upsertSQL = `INSERT INTO entities (application, id, state, attributes, locals, definition, last_changed, last_written, removed)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (application, id) DO UPDATE SET state = excluded.state, attributes = excluded.attributes,
locals = excluded.locals, definition = excluded.definition, last_changed = excluded.last_changed, last_written = excluded.last_written, removed = excluded.removed`
	deleteSQL = `DELETE FROM entities WHERE application = ? AND id = ?`
)

func (t *Table) apply(ctx context.Context, tx engine.Tx, changes []Change) error {
	for _, change := range changes {
		if err := t.applyOne(ctx, tx, change); err != nil {
			return fmt.Errorf("write the entity %s: %w", change.ID, err)
		}
	}
	return nil
}

func (t *Table) applyOne(ctx context.Context, tx engine.Tx, change Change) (err error) {
	if aside := change.Aside; aside != nil {
		_, err = tx.Exec(ctx, setAsideSQL, t.application.ID, change.ID, micros(aside.Found), aside.Problem, text(aside.State, "null"),
			text(aside.Attributes, "null"), text(aside.Locals, "{}"), aside.Definition, micros(aside.LastChanged), micros(aside.LastWritten))
	}
	switch {
	case err != nil:
	case change.Delete:
		_, err = tx.Exec(ctx, deleteSQL, t.application.ID, change.ID)
	case change.Row != nil:
		row := change.Row
		var removed any
		if !row.Removed.IsZero() {
			removed = micros(row.Removed)
		}
		_, err = tx.Exec(ctx, upsertSQL, t.application.ID, change.ID, text(row.State, "null"), text(row.Attributes, "null"), text(row.Locals, "{}"),
			row.Definition, micros(row.LastChanged), micros(row.LastWritten), removed)
	}
	return err
}

// text is what a column of JSON gets.
func text(json []byte, none string) string {
	if json == nil {
		return none
	}
	return string(json)
}
