package table_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/schema"
)

func TestPrivateMemory(t *testing.T) {
	t.Parallel()
	for _, location := range []string{":memory:", "", "file::memory:", "file:?mode=memory"} {
		first, second := open(t, sqliteAt(location), app), open(t, sqliteAt(location), app)
		write(t, first, changeTo(row("a", 1))...)
		write(t, second, changeTo(row("a", 2))...)
		mustHold(t, first, row("a", 1))
		mustHold(t, second, row("a", 2))
	}
}

// A cancelled write must not cost a database that is gone with its connection.
func TestMemoryOutlivesAnError(t *testing.T) {
	t.Parallel()
	opened := open(t, sqliteAt(":memory:"), app)
	write(t, opened, changeTo(row("a", 1))...)
	for range 3 {
		if err := opened.Write(cancelled(t), changeTo(row("a", 2))); err == nil {
			t.Error("written after the end of the context")
		}
	}
	write(t, opened, changeTo(row("b", 1))...)
	mustHold(t, opened, row("a", 1), row("b", 1))
}

// Two applications of one process write to, and read from, one database in shared memory at the same time.
func TestSharedMemory(t *testing.T) {
	t.Parallel()
	for _, location := range []string{"file:" + t.Name() + "?mode=memory&cache=shared", "file::memory:?cache=shared"} {
		const rounds = 50
		names := []string{"first", "second"}
		opened := make([]*table.Table, len(names))
		for i, name := range names {
			opened[i] = open(t, sqliteAt(location), name)
		}
		var writing sync.WaitGroup
		for _, one := range opened {
			writing.Go(func() {
				for round := range rounds {
					for one.Write(t.Context(), changeTo(row("a", round), row(fmt.Sprint(round), round))) != nil && t.Context().Err() == nil {
						continue // the other one was in the way, which is no reason to give up
					}
				}
			})
		}
		writing.Wait()
		for _, one := range opened {
			rows := load(t, one)
			if len(rows) != rounds+1 || string(rows[len(rows)-1].State) != fmt.Sprint(rounds-1) {
				t.Errorf("%d rows in %s", len(rows), location)
			}
		}
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "entities.db")
	location := sqliteAt("file:" + path + "?mode=ro")
	if missing, is := errors.AsType[*sqlite.FileError](openError(t, location, app)); !is || missing.Problem != sqlite.Missing {
		t.Error(missing)
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, isBehind := errors.AsType[*schema.BehindError](openError(t, location, app)); !isBehind {
		t.Error("a database without tables was opened to be read")
	}
	writer := open(t, sqliteAt(path), app)
	write(t, writer, changeTo(row("a", 1))...)
	reader := open(t, location, app)
	if !reader.ReadOnly() || writer.ReadOnly() {
		t.Error("the wrong one is read-only")
	}
	for _, err := range []error{reader.Write(t.Context(), changeTo(row("a", 2))), reader.DeleteDamaged(t.Context(), nil)} {
		if _, isReadOnly := errors.AsType[*table.ReadOnlyError](err); !isReadOnly || table.Rejects(err) {
			t.Error(err)
		}
	}
	mustHold(t, reader, row("a", 1))
	write(t, writer, changeTo(row("a", 3))...)
	mustHold(t, reader, row("a", 3))
	if damaged, err := reader.Damaged(t.Context()); err != nil || len(damaged) != 0 {
		t.Error(damaged, err)
	}
}

// A file that is gone is not made anew by who has lost it.
func TestFileThatIsGone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "entities.db")
	opened := open(t, sqliteAt(path), app)
	write(t, opened, changeTo(row("a", 1))...)
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(path + suffix); err != nil {
			t.Fatal(err)
		}
	}
	_ = opened.Write(t.Context(), changeTo(row("a", 2))) // SQLite notices, or does not
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Error("the file was made anew", err)
	}
}
