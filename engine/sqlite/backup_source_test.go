package sqlite

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestBackupOfEveryKindOfFileLeavesItsFolderAlone(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		prepare func(testing.TB, string)
		access  Access
		rows    int64
	}{
		"rollback":              {makeRollback, SharedLock, 1000},
		"wal without a log":     {makeWAL, Immutable, 1000},
		"wal of a dead process": {makeCrashed, PrivateLog, 1010},
		"zeroed journal": {func(tb testing.TB, path string) {
			makeRollback(tb, path)
			execute(tb, path, "PRAGMA journal_mode = PERSIST", "DELETE FROM t WHERE id = 1000")
		}, SharedLock, 999},
		"large pages, UTF-16, auto_vacuum": {func(tb testing.TB, path string) {
			execute(tb, path, "PRAGMA page_size = 65536", "PRAGMA encoding = 'UTF-16le'", "PRAGMA auto_vacuum = FULL",
				"CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", insertThousand)
		}, SharedLock, 1000},
		"small pages": {func(tb testing.TB, path string) {
			execute(tb, path, "PRAGMA page_size = 512", "PRAGMA journal_mode = WAL", "CREATE TABLE t (id INTEGER PRIMARY KEY, body TEXT)", insertThousand)
		}, Immutable, 1000},
		"fts4 without its module": {func(tb testing.TB, path string) {
			makeRollback(tb, path)
			createFTS4(tb, path)
		}, SharedLock, 1000},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			source, destination := filepath.Join(folder, "database.db"), filepath.Join(t.TempDir(), "copy.db")
			test.prepare(t, source)
			before := dbtest.Listing(t, folder)
			result := backup(t, source, destination, BackupOptions{Check: IntegrityCheck})
			if result.Source.Access != test.access || result.Attempts != 1 {
				t.Errorf("%+v, want access %q", result, test.access)
			}
			if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
			made := open(t, destination, 1)
			if got := number(t, made.Reader(0), "SELECT count(*) FROM t"); got != test.rows || made.Info().JournalMode != "rollback" {
				t.Errorf("%d rows, want %d: %+v", got, test.rows, made.Info())
			}
			if got, want := made.Info(), result.Source; got.PageSize != want.PageSize || got.Encoding != want.Encoding || got.AutoVacuum != want.AutoVacuum {
				t.Errorf("copy: %+v\nsource: %+v", got, want)
			}
		})
	}
}

// createFTS4 has the table of a module that this library lacks.
func createFTS4(tb testing.TB, path string) {
	tb.Helper()
	execute(tb, path, "PRAGMA writable_schema = ON",
		"INSERT INTO sqlite_schema VALUES ('table', 'search', 'search', 0, 'CREATE VIRTUAL TABLE search USING fts4 (value)')")
}

// All committed transfers of a writer that was killed are in the copy, and nothing of the one that it was at.
func TestBackupAfterTheWriterWasKilled(t *testing.T) {
	t.Parallel()
	for round := range dbtest.Rounds(t, 3) {
		folder := t.TempDir()
		source, destination := filepath.Join(folder, "database.db"), filepath.Join(folder, "copy.db")
		makeLedger(t, source, "WAL", 50)
		writer := start(t, "ledger", nil, source, "5000")
		for writer.committed(t) < int64(100+round*13) {
			continue
		}
		certain := writer.committed(t)
		writer.kill(t)
		before := dbtest.Listing(t, folder)
		result := backup(t, source, destination, BackupOptions{})
		if newest := ledgerState(t, destination); newest < certain || result.Source.Access != PrivateLog {
			t.Errorf("round %d: newest %d, certain %d: %+v", round, newest, certain, result)
		}
		after := dbtest.Listing(t, folder)
		delete(after, "copy.db")
		if diff := cmp.Diff(before, after); diff != "" {
			t.Errorf("the source changed (-before +after):\n%s", diff)
		}
	}
}

// A user who may only read the source can copy it: of a server at work, of one that was killed, and of none.
func TestBackupNeedsNoRightToWriteToTheSource(t *testing.T) {
	t.Parallel()
	const stranger = 65533
	for name, prepare := range map[string]func(testing.TB, string) *process{
		"rollback": func(tb testing.TB, path string) *process { makeRollback(tb, path); return nil },
		"wal":      func(tb testing.TB, path string) *process { makeWAL(tb, path); return nil },
		"killed":   func(tb testing.TB, path string) *process { makeCrashed(tb, path); return nil },
		"live": func(tb testing.TB, path string) *process {
			makeWAL(tb, path)
			return startHolding(tb, path, "UPDATE t SET body = 'new' WHERE id = 1")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder, err := os.MkdirTemp("", "readonly") // t.TempDir lies below a folder that only root may enter
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { os.RemoveAll(folder) })
			target := filepath.Join(folder, "copies")
			if err := os.MkdirAll(filepath.Join(folder, "source"), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(target, 0o700); err != nil {
				t.Fatal(err)
			}
			source := filepath.Join(folder, "source", "database.db")
			owner := prepare(t, source)
			for file := range dbtest.Listing(t, filepath.Dir(source)) {
				change(t, filepath.Join(filepath.Dir(source), file), 0o444)
			}
			change(t, filepath.Dir(source), 0o555)
			change(t, folder, 0o755)
			if os.Geteuid() == 0 {
				if err := os.Chown(target, stranger, stranger); err != nil {
					t.Fatal(err)
				}
			}
			before := dbtest.Listing(t, filepath.Dir(source))
			copier := start(t, "backup", func(command *exec.Cmd) { runAs(command, stranger) }, source, filepath.Join(target, "copy.db"))
			copier.expect(t, "begun")
			copier.end(t)
			if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(source))); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
			if owner != nil {
				owner.end(t)
			}
		})
	}
}

// A server that starts while a database is copied that stranger used makes the copy begin again, and goes on undisturbed.
func TestBackupWhileAServerStarts(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source, destination := filepath.Join(folder, "database.db"), filepath.Join(folder, "copy.db")
	makeLedger(t, source, "WAL", 2000)
	var writer *process
	result, err := Backup(t.Context(), source, destination, BackupOptions{Progress: func(BackupProgress) {
		if writer == nil {
			writer = start(t, "ledger", nil, source, "1000")
			for writer.committed(t) < 10 {
				continue
			}
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	if newest := ledgerState(t, destination); newest < 10 || result.Attempts != 2 || result.Source.Access != SharedMemory {
		t.Errorf("newest %d: %+v", newest, result)
	}
	writer.end(t)
}

func TestBackupOfADamagedDatabaseIsNoCopy(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	source, destination := filepath.Join(folder, "database.db"), filepath.Join(folder, "copy.db")
	makeRollback(t, source)
	content, err := os.ReadFile(source)
	if err != nil {
		t.Fatal(err)
	}
	for i := 81920; i < 90000; i++ {
		content[i] = 0x5a
	}
	write(t, source, string(content))
	_, err = Backup(t.Context(), source, destination, BackupOptions{})
	damaged, ok := errors.AsType[*IntegrityError](err)
	if !ok || len(damaged.Messages) == 0 || !strings.Contains(err.Error(), "has the same pages as the source") {
		t.Errorf("got %v, want an IntegrityError", err)
	}
	if left := dbtest.Listing(t, folder); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
	backup(t, source, destination, BackupOptions{Check: NoCheck})
	made, err := os.ReadFile(destination)
	if err != nil {
		t.Fatal(err)
	}
	if string(made[4096:]) != string(content[4096:]) {
		t.Error("the copy differs from the source behind the first page")
	}
}

func TestBackupRefusesASourceThatCannotBeRead(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	destination := filepath.Join(folder, "copy.db")
	hot := filepath.Join(folder, "hot.db")
	makeRollback(t, hot)
	startHolding(t, hot, "PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN", "UPDATE t SET body = 'lost'").kill(t)
	write(t, filepath.Join(folder, "text"), strings.Repeat("text\n", 100))
	before := dbtest.Listing(t, folder)
	for source, want := range map[string]string{
		filepath.Join(folder, "missing"): "there is no such file", filepath.Join(folder, "text"): "this is not a SQLite database",
		hot: "still has to be rolled back", folder: "this is a directory",
	} {
		if _, err := Backup(t.Context(), source, destination, BackupOptions{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", source, err, want)
		}
	}
	if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
		t.Errorf("the folder changed (-before +after):\n%s", diff)
	}
	if _, err := Backup(t.Context(), hot, destination, BackupOptions{Check: "all"}); err == nil {
		t.Error("an unknown check was accepted")
	}
}
