package table_test

import (
	"bytes"
	"context"
	"errors"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/table"
)

// mustBeRejected writes a group that the database refuses for one of its values, and sees that all others can be written at once.
func mustBeRejected(t *testing.T, opened *table.Table, bad table.Change) {
	t.Helper()
	write(t, opened, changeTo(row("a", 1))...)
	err := opened.Write(t.Context(), append(changeTo(row("a", -1)), bad))
	if !table.Rejects(err) {
		t.Errorf("not rejected: %v", err)
	}
	mustHold(t, opened, row("a", 1))
	write(t, opened, changeTo(row("a", 2))...)
	mustHold(t, opened, row("a", 2))
}

// MariaDB takes at most 16 MiB at once unless its max_allowed_packet says otherwise.
func TestValueBeyondWhatTheServerTakes(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.MySQL)
	limit := one[int](t, at.Session(t), `SELECT @@max_allowed_packet`)
	for name, size := range map[string]int{"just below": limit - 1000, "just above": limit + 1000, "far above": 3 * limit} {
		large := row("large", 1)
		large.State = bytes.Repeat([]byte{'1'}, size)
		opened := open(t, at.database, name)
		if size < limit {
			write(t, opened, changeTo(large)...)
			mustHold(t, opened, large)
			continue
		}
		mustBeRejected(t, opened, table.Change{ID: "large", Row: &large})
		mustBeRejected(t, opened, table.Change{ID: "aside", Aside: &table.Damaged{Row: large, Found: now}})
	}
}

func TestValueThatBreaksAConstraint(t *testing.T) {
	t.Parallel()
	constraints := map[engine.Kind]string{
		engine.SQLite:   `CREATE TRIGGER small BEFORE INSERT ON entities WHEN length(new.state) > 10 BEGIN SELECT RAISE(ABORT, 'too long'); END`,
		engine.Postgres: `ALTER TABLE entities ADD CONSTRAINT small CHECK (length(state) <= 10)`,
		engine.MySQL:    `ALTER TABLE entities MODIFY state VARCHAR(10) NOT NULL`,
	}
	onEveryEngine(t, func(t *testing.T, at place) {
		closeTable(t, open(t, at.database, app))
		execute(t, at.Session(t), constraints[at.Engine])
		large := row("large", 1)
		large.State = []byte(`"more than 10"`)
		mustBeRejected(t, open(t, at.database, app), table.Change{ID: "large", Row: &large})
	})
}

// What one engine would refuse or change is refused on all.
func TestTextThatIsNone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		for _, text := range []string{"\"\x00\"", "\"\xff\"", "\"\xed\xa0\x80\""} {
			state, attributes, locals := row("x", 1), row("x", 1), row("x", 1)
			state.State, attributes.Attributes, locals.Locals = []byte(text), []byte(text), []byte(text)
			for _, change := range []table.Change{
				{ID: "x", Row: &state}, {ID: "x", Row: &attributes}, {ID: "x", Row: &locals}, {ID: "x", Aside: &table.Damaged{Row: state, Found: now}},
				{ID: "x", Aside: &table.Damaged{Row: row("x", 1), Found: now, Problem: text}}, {ID: text, Delete: true},
			} {
				mustBeRejected(t, opened, change)
			}
		}
	})
}

// A database that is locked, and a context that ends, reject nothing.
func TestLockedDatabaseRejectsNothing(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	opened, blocker := open(t, at.database, app), at.Session(t)
	err := blocker.Transact(t.Context(), engine.TxOptions{}, func(engine.Tx) error {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		err := opened.Write(ctx, changeTo(row("a", 1)))
		if _, isBusy := errors.AsType[*sqlite.BusyError](err); !isBusy || table.Rejects(err) {
			t.Errorf("write to a locked database: %v", err)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	write(t, opened, changeTo(row("a", 2))...)
	mustHold(t, opened, row("a", 2))
	for _, err := range []error{nil, context.Canceled, context.DeadlineExceeded, errors.New("any"), &table.SupersededError{}, &table.RunningError{}} {
		if table.Rejects(err) {
			t.Errorf("%v is taken for a refusal of a value", err)
		}
	}
}
