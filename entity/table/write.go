package table

import (
	"bytes"
	"context"
	"fmt"
	"unicode/utf8"

	"github.com/synapsedb/synapse/engine"
)

// Write does all of the changes in one transaction, which is durable when it returns; of several to one entity the last one counts. After an error it
// looks first whether the connection and the lock are still there, and gets both again where not: *SupersededError when another process has opened
// the application meanwhile, after which nothing is written any more. The other errors are *IDError, *ValueError, *ReadOnlyError, *RunningError,
// and those of the engines; nothing was written then, unless it was the answer to the commit that got lost.
func (t *Table) Write(ctx context.Context, changes []Change) error {
	for i := range changes {
		if err := changes[i].check(); err != nil {
			return err
		}
	}
	group := newGroup(t.application.ID, changes)
	if err := t.transact(ctx, func(tx engine.Tx) error { return group.write(ctx, tx) }); err != nil {
		return fmt.Errorf("write %d entities to %s: %w", len(changes), t.name, err)
	}
	return nil
}

// transact writes under the application's lock.
func (t *Table) transact(ctx context.Context, work func(engine.Tx) error) error {
	if t.readOnly {
		return &ReadOnlyError{Database: t.name}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ready(ctx); err != nil {
		return err
	}
	err := t.session.Transact(ctx, engine.TxOptions{}, work)
	t.doubted = err != nil
	return err
}

// check refuses what not every engine could keep as it is.
func (c *Change) check() error {
	if err := CheckID(c.ID); err != nil {
		return err
	}
	if row := c.Row; row != nil {
		if err := row.check(c.ID); err != nil {
			return err
		}
	}
	if c.Aside == nil {
		return nil
	}
	if err := checkText(c.ID, "problem", []byte(c.Aside.Problem)); err != nil {
		return err
	}
	return c.Aside.check(c.ID)
}

func (r *Row) check(id string) error {
	if err := checkText(id, "state", r.State); err != nil {
		return err
	}
	if err := checkText(id, "attributes", r.Attributes); err != nil {
		return err
	}
	return checkText(id, "locals", r.Locals)
}

func checkText(id, column string, text []byte) error {
	switch {
	case bytes.IndexByte(text, 0) >= 0:
		return &ValueError{ID: id, Column: column, Problem: "has a NUL in it, which no JSON has"}
	case !utf8.Valid(text):
		return &ValueError{ID: id, Column: column, Problem: "is not valid UTF-8"}
	}
	return nil
}

// group is what one transaction does.
type group struct {
	application string
	asides      []*Change
	rows        []*Change
	deleted     []*Change
}

func newGroup(application string, changes []Change) *group {
	made := &group{application: application, rows: make([]*Change, 0, len(changes))}
	seen := make(map[string]struct{}, len(changes))
	for i := len(changes) - 1; i >= 0; i-- {
		change := &changes[i]
		if change.Aside != nil {
			made.asides = append(made.asides, change)
		}
		if _, later := seen[change.ID]; later {
			continue
		}
		switch {
		case change.Delete:
			made.deleted = append(made.deleted, change)
		case change.Row != nil:
			made.rows = append(made.rows, change)
		default:
			continue
		}
		seen[change.ID] = struct{}{}
	}
	return made
}

func (g *group) write(ctx context.Context, tx engine.Tx) error {
	if err := upsertDamaged(tx.Engine()).run(ctx, tx, len(g.asides), g.addAside); err != nil {
		return fmt.Errorf("set damaged entities aside: %w", err)
	}
	if err := upsertEntities(tx.Engine()).run(ctx, tx, len(g.rows), g.addRow); err != nil {
		return err
	}
	if err := deleteEntities(g.application).run(ctx, tx, len(g.deleted), g.addDeleted); err != nil {
		return fmt.Errorf("delete entities: %w", err)
	}
	return nil
}

func (g *group) addRow(values []any, row int) ([]any, int) {
	change := g.rows[row]
	var removed any
	if !change.Row.Removed.IsZero() {
		removed = micros(change.Row.Removed)
	}
	values = append(values, g.application, change.ID)
	values, size := change.Row.add(values)
	return append(values, removed), size
}

func (g *group) addAside(values []any, row int) ([]any, int) {
	change := g.asides[row]
	values = append(values, g.application, change.ID, micros(change.Aside.Found), change.Aside.Problem)
	values, size := change.Aside.add(values)
	return values, size + len(change.Aside.Problem)
}

func (g *group) addDeleted(values []any, row int) ([]any, int) {
	return append(values, g.deleted[row].ID), len(g.deleted[row].ID)
}

// add appends what all tables have of an entity, and returns how many bytes it takes about.
func (r *Row) add(values []any) ([]any, int) {
	const others = 100
	values = append(values, text(r.State, "null"), text(r.Attributes, "null"), text(r.Locals, "{}"), r.Definition, micros(r.LastChanged), micros(r.LastWritten))
	return values, len(r.State) + len(r.Attributes) + len(r.Locals) + others
}

// text is what a column of JSON gets: SQLite would keep bytes as a BLOB, which is no text.
func text(json []byte, none string) string {
	if json == nil {
		return none
	}
	return string(json)
}
