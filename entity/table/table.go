package table

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
)

// Table is an application's entities in a database, on one connection, which also holds the application's lock. Its methods wait for each other.
type Table struct {
	database    synapse.Database
	application Application
	log         *slog.Logger
	name        string
	readOnly    bool

	mu      sync.Mutex
	session engine.Session // nil when it was closed
	epoch   int64          // of this opening
}

// Name is the database in words. It holds no secret.
func (t *Table) Name() string { return t.name }

// Engine is the product behind it.
func (t *Table) Engine() engine.Kind { return t.database.Engine }

// ReadOnly reports whether the database was opened with mode=ro, so that Write refuses.
func (t *Table) ReadOnly() bool { return t.readOnly }

// Close ends the session, and with it the lock.
func (t *Table) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.closeSession()
}

func (t *Table) closeSession() error {
	if t.session == nil {
		return nil
	}
	session := t.session
	t.session = nil
	return session.Close()
}

const loadSQL = `SELECT id, state, attributes, locals, definition, last_changed, last_written, removed FROM entities WHERE application = ?`

// Load gives take every row of the application, those of removed entities too, in no certain order. take may keep the bytes; its error ends
// the loading.
func (t *Table) Load(ctx context.Context, take func(Row) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == nil {
		return errClosed
	}
	return engine.Each(ctx, t.session, loadSQL, []any{t.application.ID}, func(scan func(...any) error) error {
		row, err := scanRow(scan)
		if err != nil {
			return err
		}
		return take(row)
	})
}

var errClosed = errors.New("the table of entities is closed")

func scanRow(scan func(...any) error) (Row, error) {
	var row Row
	var changed, written int64
	var removed *int64
	err := scan(&row.ID, &row.State, &row.Attributes, &row.Locals, &row.Definition, &changed, &written, &removed)
	if err != nil {
		return Row{}, fmt.Errorf("read an entity: %w", err)
	}
	row.LastChanged, row.LastWritten = moment(changed), moment(written)
	if removed != nil {
		row.Removed = moment(*removed)
	}
	return row, nil
}
