package sqlite

import (
	"database/sql"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestSnapshotRefusesWhatIsNoDatabase(t *testing.T) {
	t.Parallel()
	random := strings.Repeat("\x93\x11\xfe\x00\x7f\xe0\xaa\x01", 512)
	tests := map[string]struct {
		content string
		problem Problem
		hint    string
	}{
		"empty":      {"", Empty, "nothing to read"},
		"text":       {strings.Repeat("hello\n", 1000), Foreign, "SQLite format 3"},
		"short":      {"SQLite format 3\x00", Foreign, "SQLite format 3"},
		"encrypted":  {random, Encrypted, "plain database"},
		"zstd":       {"\x28\xb5\x2f\xfd" + random, Foreign, "zstd -d"},
		"gzip":       {"\x1f\x8b" + random, Foreign, "gunzip"},
		"dump":       {"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n", Foreign, "sqlite3 first"},
		"postgresql": {"PGDMP" + random, Foreign, "pg_restore"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "file")
			write(t, path, test.content)
			expectProblem(t, path, test.problem, test.hint)
		})
	}
}

func expectProblem(t *testing.T, path string, problem Problem, hint string) {
	t.Helper()
	folder := filepath.Dir(path)
	before := dbtest.Listing(t, folder)
	checkProblem(t, path, problem, hint)
	if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
		t.Errorf("the folder changed (-before +after):\n%s", diff)
	}
}

func checkProblem(t *testing.T, path string, problem Problem, hint string) {
	t.Helper()
	_, err := OpenSnapshot(t.Context(), path, 1, quiet())
	var wrong *FileError
	if !errors.As(err, &wrong) || wrong.Problem != problem || !strings.Contains(err.Error(), hint) {
		t.Errorf("got %v, want problem %q with hint %q", err, problem, hint)
	}
}

func TestSnapshotRefusesWhatIsNoFile(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	expectProblem(t, filepath.Join(folder, "missing.db"), Missing, "check the path")
	checkProblem(t, "", Missing, "name the database file")
	makeRollback(t, filepath.Join(folder, "good.db"))
	checkProblem(t, filepath.Join(folder, "good.db", "inner.db"), Unreadable, "right to read")
	checkProblem(t, "/dev/null", Special, "itself")
	if err := os.Mkdir(filepath.Join(folder, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	expectProblem(t, filepath.Join(folder, "sub"), Directory, "name the database file in it")
	if err := os.Symlink("nowhere", filepath.Join(folder, "link")); err != nil {
		t.Fatal(err)
	}
	checkProblem(t, filepath.Join(folder, "link"), Missing, "check the path")
	if _, err := OpenSnapshot(t.Context(), filepath.Join(folder, "good.db"), 0, quiet()); err == nil {
		t.Error("a snapshot without readers was opened")
	}
}

func TestUnreadableFile(t *testing.T) {
	t.Parallel()
	folder, err := os.MkdirTemp("", "unreadable")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	path := filepath.Join(folder, "a.db")
	makeRollback(t, path)
	change(t, folder, 0o755)
	change(t, path, 0o000)
	reader := start(t, "count", func(command *exec.Cmd) { runAs(command, 65534) }, path, "SELECT 1")
	if got := reader.line(t); !strings.Contains(got, string(Unreadable)) || !strings.Contains(got, "right to read") {
		t.Errorf("the reader says %q", got)
	}
	reader.command.Wait() // reports the exit code
}

func TestFileThatThisProcessWritesToIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if err := db.PingContext(t.Context()); err != nil {
		t.Fatal(err)
	}
	expectProblem(t, path, OpenHere, "close it first")
}

func TestSnapshotsOfOneFileDoNotTakeEachOthersLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	first, second := open(t, path, 1), open(t, path, 1)
	if err := second.Close(); err != nil {
		t.Fatal(err)
	}
	writer := start(t, "hold", nil, path, "DELETE FROM t")
	if got := writer.line(t); !strings.Contains(got, "SQLITE_BUSY") {
		t.Errorf("the writer says %q", got)
	}
	writer.command.Wait() // reports the exit code
	if got := number(t, first.Reader(0), "SELECT count(*) FROM t"); got != 1000 {
		t.Errorf("%d rows, want 1000", got)
	}
}

func TestDamagedDatabase(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := 8192; i < len(content); i++ {
		content[i] = 0x5a
	}
	write(t, path, string(content))
	err = open(t, path, 1).Reader(0).each(t.Context(), "SELECT * FROM t", nil, func(*Rows) {})
	var damaged *DamagedError
	if !errors.As(err, &damaged) || !strings.Contains(err.Error(), "integrity_check") {
		t.Errorf("got %v, want a DamagedError", err)
	}
}
