package sqlite

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// open opens a snapshot and closes it with the test.
func open(tb testing.TB, path string, readers int) *Snapshot {
	tb.Helper()
	snapshot, err := OpenSnapshot(tb.Context(), path, readers, quiet())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { snapshot.Close() })
	return snapshot
}

// number returns the first value of a query.
func number(tb testing.TB, reader *Reader, query string) int64 {
	tb.Helper()
	rows, err := reader.Query(tb.Context(), query)
	if err != nil {
		tb.Fatal(err)
	}
	defer rows.Close()
	if more, err := rows.Next(); err != nil || !more {
		tb.Fatalf("%s: %v, %v", query, more, err)
	}
	return rows.Int64(0)
}

const insertThousand = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) INSERT INTO t SELECT i, hex(randomblob(500)) FROM n`

// makeRollback makes a database in rollback mode with 1000 rows.
func makeRollback(tb testing.TB, path string) {
	execute(tb, path, "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", insertThousand)
}

// makeWAL makes a database in WAL mode with 1000 rows, all of them in the file.
func makeWAL(tb testing.TB, path string) {
	execute(tb, path, "PRAGMA journal_mode = WAL", "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", insertThousand)
}

// makeCrashed makes a WAL database whose owner was killed: 10 committed rows and some that are not are in the log.
func makeCrashed(tb testing.TB, path string) {
	tb.Helper()
	makeWAL(tb, path)
	startHolding(tb, path, "PRAGMA wal_autocheckpoint = 0", "INSERT INTO t SELECT id + 1000, body FROM t LIMIT 10",
		"PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN", "INSERT INTO t SELECT id + 2000, body FROM t").kill(tb)
}

func TestSnapshotReadsEveryKindOfFileAndLeavesItsFolderAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(testing.TB, string)
		access  Access
		rows    int64
	}{
		"rollback":              {makeRollback, SharedLock, 1000},
		"wal without a log":     {makeWAL, Immutable, 1000},
		"wal with an empty log": {func(tb testing.TB, path string) { makeWAL(tb, path); write(tb, path+"-wal", "") }, Immutable, 1000},
		"wal of a dead process": {makeCrashed, PrivateLog, 1010},
		"log without memory": {func(tb testing.TB, path string) {
			makeCrashed(tb, path)
			if err := os.Remove(path + "-shm"); err != nil {
				tb.Fatal(err)
			}
		}, PrivateLog, 1010},
		"log without a commit": {func(tb testing.TB, path string) {
			makeWAL(tb, path)
			startHolding(tb, path, "PRAGMA cache_size = 10", "BEGIN", "INSERT INTO t SELECT id + 2000, body FROM t").kill(tb)
		}, PrivateLog, 1000},
		"log of another database": {func(tb testing.TB, path string) {
			makeWAL(tb, path)
			write(tb, path+"-wal", strings.Repeat("nonsense", 1000))
		}, PrivateLog, 1000},
		"zeroed journal": {func(tb testing.TB, path string) {
			makeRollback(tb, path)
			execute(tb, path, "PRAGMA journal_mode = PERSIST", "DELETE FROM t WHERE id = 1000")
		}, SharedLock, 999},
		"empty journal": {func(tb testing.TB, path string) {
			makeRollback(tb, path)
			write(tb, path+"-journal", "")
		}, SharedLock, 1000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "database.db")
			test.prepare(t, path)
			before := dbtest.Listing(t, filepath.Dir(path))
			snapshot := open(t, path, 3)
			for i := range 3 {
				if got := number(t, snapshot.Reader(i), "SELECT count(*) FROM t"); got != test.rows {
					t.Errorf("reader %d counts %d rows, want %d", i, got, test.rows)
				}
			}
			during := dbtest.Listing(t, filepath.Dir(path))
			unchanged, closed := snapshot.Unchanged(), snapshot.Close()
			if snapshot.Info().Access != test.access || snapshot.Info().InUse || unchanged != nil || closed != nil {
				t.Errorf("%+v, unchanged: %v, close: %v; want access %q", snapshot.Info(), unchanged, closed, test.access)
			}
			if diff := cmp.Diff(before, during); diff != "" {
				t.Errorf("the folder changed while the snapshot was open (-before +during):\n%s", diff)
			}
			if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(path))); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestSnapshotNeedsNoRightToWrite(t *testing.T) {
	t.Parallel()
	const nobody = 65534
	for name, prepare := range map[string]func(testing.TB, string){"rollback": makeRollback, "wal": makeWAL, "crashed": makeCrashed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, err := os.MkdirTemp("", "readonly") // t.TempDir lies below a folder that only root may enter
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(folder) })
			path := filepath.Join(folder, "database.db")
			prepare(t, path)
			for file := range dbtest.Listing(t, folder) {
				change(t, filepath.Join(folder, file), 0o444)
			}
			change(t, folder, 0o555)
			before := dbtest.Listing(t, folder)
			other := start(t, "count", func(command *exec.Cmd) { runAs(command, nobody) }, path, "SELECT count(*) / 100 FROM t")
			other.expect(t, "10")
			other.end(t)
			if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

// runAs gives the command another user where that is allowed; an ordinary user has no right to write already.
func runAs(command *exec.Cmd, user uint32) {
	if os.Geteuid() == 0 {
		command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: user, Gid: user}}
		command.Dir = "/"
	}
}

func change(tb testing.TB, path string, mode os.FileMode) {
	tb.Helper()
	if err := os.Chmod(path, mode); err != nil {
		tb.Fatal(err)
	}
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		tb.Fatal(err)
	}
}

func TestSnapshotOpensAnyName(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a b.db", "what?mode=rwc.db", "#1.db", "100%.db", "%41.db", "é.db", "\xff\xfe.db", "a'b\"c.db", "+&=.db", "back\\slash.db", ":memory:"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			makeRollback(t, filepath.Join(folder, "plain.db"))
			if err := os.Rename(filepath.Join(folder, "plain.db"), filepath.Join(folder, name)); err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(t.TempDir(), "link")
			if err := os.Symlink(filepath.Join(folder, name), link); err != nil {
				t.Fatal(err)
			}
			for _, path := range []string{filepath.Join(folder, name), link} {
				snapshot := open(t, path, 1)
				if got := number(t, snapshot.Reader(0), "SELECT count(*) FROM t"); got != 1000 || filepath.Base(snapshot.Info().Path) != name {
					t.Errorf("%s: %d rows in %s", path, got, snapshot.Info().Path)
				}
			}
		})
	}
}

func TestSnapshotInfo(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "database.db")
	execute(t, path, "PRAGMA page_size = 8192", "PRAGMA auto_vacuum = FULL", "PRAGMA application_id = 77",
		"PRAGMA encoding = 'UTF-16le'", "CREATE TABLE t (a)")
	want := SnapshotInfo{
		Path: path, Size: 3 * 8192, JournalMode: "rollback", Access: SharedLock, PageSize: 8192, ApplicationID: 77,
		AutoVacuum: true, Encoding: "UTF-16",
	}
	if diff := cmp.Diff(want, open(t, path, 1).Info(), cmpopts.IgnoreFields(SnapshotInfo{}, "SQLiteVersion")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
