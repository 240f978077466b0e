package sqlite

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestReadersOfALiveDatabaseSeeOneState(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	const fill = `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99) INSERT INTO %s SELECT i, 1000, '' FROM n`
	execute(t, path, "PRAGMA journal_mode = WAL",
		"CREATE TABLE a (id INTEGER PRIMARY KEY, amount INTEGER, filler BLOB)", fmt.Sprintf(fill, "a"),
		"CREATE TABLE b (id INTEGER PRIMARY KEY, amount INTEGER, filler BLOB)", fmt.Sprintf(fill, "b"))
	writer := start(t, "commit", nil, path)
	writer.expect(t, "ready")
	for round := range 50 {
		checkRound(t, path, round)
	}
	if err := writer.input.Close(); err != nil {
		t.Fatal(err)
	}
	var commits, longest int
	if _, err := fmt.Sscan(writer.line(t), &commits, &longest); err != nil {
		t.Fatal(err)
	}
	if commits < 100 || longest > 4000 {
		t.Errorf("the writer made %d commits, the longest took %d ms: the readers blocked it", commits, longest)
	}
	if err := writer.command.Wait(); err != nil {
		t.Error(err)
	}
}

// checkRound has four readers read the two tables at the same time. The money that the writer moves between them adds
// up, and lies at the same place, only when all look at one state.
func checkRound(t *testing.T, path string, round int) {
	t.Helper()
	snapshot := open(t, path, 4)
	if got := snapshot.Info().Access; got != SharedMemory || !snapshot.Info().InUse {
		t.Fatalf("round %d: %+v, want access %q to a file in use", round, snapshot.Info(), SharedMemory)
	}
	var sums [4]int64
	var group sync.WaitGroup
	for i := range sums {
		group.Go(func() {
			table := []string{"a", "b"}[i%2]
			sums[i] = number(t, snapshot.Reader(i), "SELECT sum(amount) FROM "+table)
		})
	}
	group.Wait()
	if sums[0]+sums[1] != 200_000 || sums[0] != sums[2] || sums[1] != sums[3] {
		t.Fatalf("round %d: the readers see different states: %v", round, sums)
	}
	if err := errors.Join(snapshot.Unchanged(), snapshot.Close()); err != nil {
		t.Fatalf("round %d: %v", round, err)
	}
}

func TestIdleOwnerWithAnEmptyLog(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "DELETE FROM t WHERE id = 1000", "PRAGMA wal_checkpoint(TRUNCATE)")
	before := dbtest.Listing(t, filepath.Dir(path))
	delete(before, "database.db-shm") // where readers leave their marks
	snapshot := open(t, path, 3)
	for i := range 3 {
		if got := number(t, snapshot.Reader(i), "SELECT count(*) FROM t"); got != 999 {
			t.Errorf("reader %d counts %d rows, want 999", i, got)
		}
	}
	if err := errors.Join(snapshot.Unchanged(), snapshot.Close()); err != nil {
		t.Error(err)
	}
	after := dbtest.Listing(t, filepath.Dir(path))
	delete(after, "database.db-shm")
	if diff := cmp.Diff(before, after); diff != "" || snapshot.Info().Access != SharedMemory {
		t.Errorf("%s: the folder changed (-before +after):\n%s", snapshot.Info().Access, diff)
	}
	owner.end(t)
}

func TestLiveDatabaseOfAnotherUser(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "live")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "database.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "DELETE FROM t WHERE id > 500")
	for file := range dbtest.Listing(t, folder) {
		change(t, filepath.Join(folder, file), 0o444)
	}
	change(t, folder, 0o555)
	before := dbtest.Listing(t, folder)
	reader := start(t, "count", func(command *exec.Cmd) { runAs(command, 65534) }, path, "SELECT count(*) FROM t")
	reader.expect(t, "500")
	reader.end(t)
	if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
		t.Errorf("the folder changed (-before +after):\n%s", diff)
	}
	owner.end(t)
}

func TestOwnerThatEndsLeavesItsLogToTheSnapshot(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "DELETE FROM t WHERE id > 500")
	snapshot := open(t, path, 2)
	owner.end(t)
	for i := range 2 {
		if got := number(t, snapshot.Reader(i), "SELECT count(*) FROM t"); got != 500 {
			t.Errorf("reader %d counts %d rows, want 500", i, got)
		}
	}
	if err := snapshot.Close(); err != nil {
		t.Error(err)
	}
	again := open(t, path, 1)
	if got := number(t, again.Reader(0), "SELECT count(*) FROM t"); got != 500 || again.Info().InUse {
		t.Errorf("%d rows afterwards, want 500: %+v", got, again.Info())
	}
}

func TestSharedLockKeepsWritersFromCommitting(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeRollback(t, path)
	snapshot := open(t, path, 2)
	writer := start(t, "hold", nil, path, "DELETE FROM t")
	if got := writer.line(t); got != "error: DELETE FROM t: database is locked (5) (SQLITE_BUSY)" {
		t.Errorf("the writer says %q", got)
	}
	writer.command.Wait() // reports the exit code
	if got := number(t, snapshot.Reader(1), "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want 1000", got)
	}
	if err := snapshot.Unchanged(); err != nil {
		t.Error(err)
	}
}

func TestIdleOwnerInRollbackModeIsSeen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeRollback(t, path)
	owner := startHolding(t, path, "SELECT count(*) FROM t")
	if info := open(t, path, 1).Info(); !info.InUse {
		t.Errorf("%+v: the file is not said to be in use", info)
	}
	owner.end(t)
}

func TestLockedDatabaseIsBusy(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(testing.TB, string){"rollback": makeRollback, "wal": makeWAL} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "database.db")
			prepare(t, path)
			owner := startHolding(t, path, "PRAGMA locking_mode = EXCLUSIVE", "BEGIN EXCLUSIVE", "DELETE FROM t")
			var busy *BusyError
			if _, err := OpenSnapshot(t.Context(), path, 2, quiet()); !errors.As(err, &busy) || busy.Path != path {
				t.Errorf("got %v, want a BusyError", err)
			}
			owner.end(t)
		})
	}
}

func TestHotJournalIsRefusedAndKept(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeRollback(t, path)
	owner := startHolding(t, path, "PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN", "UPDATE t SET body = 'lost'")
	reserved := dbtest.Listing(t, filepath.Dir(path))
	if _, found := reserved["database.db-journal"]; !found {
		t.Fatal("the writer has no journal yet")
	}
	owner.kill(t)
	before := dbtest.Listing(t, filepath.Dir(path))
	_, err := OpenSnapshot(t.Context(), path, 1, quiet())
	var hot *HotJournalError
	if !errors.As(err, &hot) || hot.Journal != path+"-journal" {
		t.Errorf("got %v, want a HotJournalError", err)
	}
	if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(path))); diff != "" {
		t.Errorf("the folder changed (-before +after):\n%s", diff)
	}
}

func TestChangesAreNoticed(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(testing.TB, string)
		change  []string
	}{
		"commit in the log":         {makeWAL, []string{"PRAGMA wal_autocheckpoint = 0", "DELETE FROM t WHERE id = 1"}},
		"commit in the file":        {makeWAL, []string{"DELETE FROM t WHERE id = 1", "PRAGMA wal_checkpoint(TRUNCATE)"}},
		"another mode":              {makeWAL, []string{"PRAGMA journal_mode = DELETE"}},
		"commit after a dead owner": {makeCrashed, []string{"DELETE FROM t WHERE id = 1"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "database.db")
			test.prepare(t, path)
			snapshot := open(t, path, 1)
			if err := snapshot.Unchanged(); err != nil {
				t.Error(err)
			}
			owner := startHolding(t, path, test.change...)
			var changed *ChangedError
			if err := snapshot.Unchanged(); !errors.As(err, &changed) {
				t.Errorf("got %v, want a ChangedError", err)
			}
			owner.end(t)
		})
	}
}

func TestOpeningWithoutWritingIsNoChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	makeWAL(t, path)
	snapshot := open(t, path, 1)
	owner := startHolding(t, path, "SELECT count(*) FROM t")
	if err := snapshot.Unchanged(); err != nil {
		t.Error(err)
	}
	owner.end(t)
	if err := snapshot.Unchanged(); err != nil {
		t.Error(err)
	}
}
