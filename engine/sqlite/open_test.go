package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// openDB opens a database and closes it with the test.
func openDB(tb testing.TB, config Config) *DB {
	tb.Helper()
	db, err := Open(tb.Context(), config, quiet())
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { db.Close() })
	return db
}

func mustExecute(tb testing.TB, db *DB, statement string) {
	tb.Helper()
	if _, err := db.ExecContext(tb.Context(), statement); err != nil {
		tb.Fatalf("%s: %v", statement, err)
	}
}

func value[T any](tb testing.TB, db *DB, query string) T {
	tb.Helper()
	var result T
	if err := db.QueryRowContext(tb.Context(), query).Scan(&result); err != nil {
		tb.Fatalf("%s: %v", query, err)
	}
	return result
}

func TestOpenSettings(t *testing.T) {
	t.Parallel()
	const synchronousNormal, synchronousFull = 1, 2
	file := func(query string) func(string) string {
		return func(folder string) string { return fileURI(filepath.Join(folder, "new.db")) + query }
	}
	fixed := func(dsn string) func(string) string { return func(string) string { return dsn } }
	tests := map[string]struct {
		dsn         func(folder string) string
		journal     string
		synchronous int
		memory      bool
	}{
		"path":       {func(folder string) string { return filepath.Join(folder, "a?b#c%41.db") }, "wal", synchronousNormal, false},
		"uri":        {file(""), "wal", synchronousNormal, false},
		"rwc":        {file("?mode=rwc"), "wal", synchronousNormal, false},
		"psow":       {file("?psow=0"), "wal", synchronousNormal, false},
		"memory":     {fixed(":memory:"), "memory", synchronousFull, true},
		"temporary":  {fixed(""), "delete", synchronousFull, true},
		"memory uri": {fixed("file::memory:"), "memory", synchronousFull, true},
		"named":      {fixed("file:settings?mode=memory"), "memory", synchronousFull, true},
		"shared":     {fixed("file:settings?mode=memory&cache=shared"), "memory", synchronousFull, true},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			db := openDB(t, Config{Database: test.dsn(folder), BusyTimeout: 1500 * time.Millisecond})
			got := []any{
				value[string](t, db, "PRAGMA journal_mode"), value[int](t, db, "PRAGMA synchronous"), value[int](t, db, "PRAGMA foreign_keys"),
				value[int](t, db, "PRAGMA busy_timeout"), db.InMemory(), db.Path() == "",
			}
			if diff := cmp.Diff([]any{test.journal, test.synchronous, 1, 1500, test.memory, test.memory}, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			mustExecute(t, db, "CREATE TABLE t (a)")
			if files := dbtest.Listing(t, folder); (len(files) == 0) != test.memory {
				t.Errorf("files in the folder: %v", files)
			}
		})
	}
}

func TestEveryConnectionHasTheSettings(t *testing.T) {
	t.Parallel()
	db := openDB(t, Config{Database: filepath.Join(t.TempDir(), "new.db")})
	for range 4 {
		connection, err := db.Conn(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		var synchronous, keys int
		row := connection.QueryRowContext(t.Context(), "SELECT synchronous, foreign_keys FROM pragma_synchronous, pragma_foreign_keys")
		if err := row.Scan(&synchronous, &keys); err != nil || synchronous != 1 || keys != 1 {
			t.Errorf("synchronous %d, foreign keys %d, %v", synchronous, keys, err)
		}
	}
}

func TestMemoryOutlivesIdleTimeAndInterruptedQueries(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{":memory:", "", "file:outlive?mode=memory&cache=shared", "file::memory:"} {
		t.Run(dsn, func(t *testing.T) {
			t.Parallel()
			db := openDB(t, Config{Database: dsn})
			mustExecute(t, db, "CREATE TABLE t (a)")
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
			defer cancel()
			const endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
			var ignored int
			if err := db.QueryRowContext(ctx, endless).Scan(&ignored); err == nil {
				t.Error("the endless query ended")
			}
			var group sync.WaitGroup
			for range 8 {
				group.Go(func() {
					if err := Transact(t.Context(), db, sql.TxOptions{}, insertOne); err != nil {
						t.Error(err)
					}
				})
			}
			group.Wait()
			if got := value[int](t, db, "SELECT count(*) FROM t"); got != 8 {
				t.Errorf("%d rows, want 8", got)
			}
		})
	}
}

func insertOne(transaction *sql.Tx) error {
	_, err := transaction.Exec("INSERT INTO t VALUES (1)")
	return err
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"?mode=ro", "?immutable=1"} {
		t.Run(query, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "old.db")
			makeRollback(t, path)
			before := dbtest.Listing(t, filepath.Dir(path))
			db := openDB(t, Config{Database: fileURI(path) + query})
			err := Transact(t.Context(), db, sql.TxOptions{ReadOnly: true}, func(transaction *sql.Tx) error {
				var rows int
				return transaction.QueryRow("SELECT count(*) FROM t").Scan(&rows)
			})
			if err != nil {
				t.Error(err)
			}
			if _, err := db.ExecContext(t.Context(), "DELETE FROM t"); err == nil {
				t.Error("a row could be deleted")
			}
			if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(path))); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

func TestOpenRefuses(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "text"), strings.Repeat("this is no database\n", 100))
	makeRollback(t, filepath.Join(folder, "good"))
	tests := map[string]struct {
		config Config
		want   error
		hint   string
	}{
		"missing, rw":        {Config{Database: fileURI(folder+"/none") + "?mode=rw"}, &FileError{}, "check the path"},
		"missing, ro":        {Config{Database: fileURI(folder+"/none") + "?mode=ro"}, &FileError{}, "check the path"},
		"missing, immutable": {Config{Database: fileURI(folder+"/none") + "?immutable=1"}, &FileError{}, "check the path"},
		"missing":            {Config{Database: folder + "/none", MustExist: true}, &FileError{}, "check the path"},
		"no folder":          {Config{Database: folder + "/none/new.db"}, &FileError{}, "make the folder"},
		"folder":             {Config{Database: folder}, &FileError{}, "name the database file in it"},
		"text":               {Config{Database: folder + "/text"}, &FileError{}, "check the path"},
		"vfs":                {Config{Database: "file:a?vfs=unix-none"}, &engine.ValueError{}, "leave it out"},
		"nolock":             {Config{Database: "file:a?nolock=1"}, &engine.ValueError{}, "leave it out"},
		"typing error":       {Config{Database: "file:a?moed=ro"}, &engine.UnknownKeyError{}, "did you mean mode"},
		"driver's key":       {Config{Database: "file:a?_pragma=foreign_keys(0)"}, &engine.UnknownKeyError{}, "_pragma"},
		"mode":               {Config{Database: "file:a?mode=readonly"}, &engine.ValueError{}, "ro, rw, rwc, memory"},
		"twice":              {Config{Database: "file:a?mode=ro&mode=rw"}, &engine.ValueError{}, "one of them"},
		"immutable off":      {Config{Database: "file:a?immutable=0"}, &engine.ValueError{}, "allowed: 1"},
		"query":              {Config{Database: "file:a?mode=%"}, &engine.ValueError{}, "key=value"},
		"escape":             {Config{Database: "file:a%zz"}, &engine.ValueError{}, "%25"},
		"host":               {Config{Database: "file://server/a"}, &engine.ValueError{}, "file:/path"},
		"nul":                {Config{Database: "a\x00b"}, &engine.ValueError{}, "NUL"},
		"connections":        {Config{Database: ":memory:", MaxConnections: 2}, &engine.ConflictError{}, "cache=shared"},
		"negative":           {Config{Database: ":memory:", MaxConnections: -1}, &engine.ValueError{}, "0 for the default"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := dbtest.Listing(t, folder)
			_, err := Open(t.Context(), test.config, quiet())
			if err == nil || !strings.Contains(err.Error(), test.hint) || !sameType(err, test.want) {
				t.Errorf("got %v, want a %T with %q", err, test.want, test.hint)
			}
			if diff := cmp.Diff(before, dbtest.Listing(t, folder)); diff != "" {
				t.Errorf("the folder changed (-before +after):\n%s", diff)
			}
		})
	}
}

// sameType reports whether an error of want's type is in err's chain.
func sameType(err, want error) bool {
	return errors.As(err, reflect.New(reflect.TypeOf(want)).Interface())
}

func TestOldLibraryIsRefused(t *testing.T) {
	t.Parallel()
	for version, want := range map[string]bool{"3.51.2": false, "3.51.3": true, "3.50.99": false, "3.52.0": true, "4.0.0": true, "": false} {
		var tooOld *VersionError
		if err := checkVersion(version); errors.As(err, &tooOld) == want {
			t.Errorf("%s: %v", version, err)
		}
	}
}

func TestTransactRollsBack(t *testing.T) {
	t.Parallel()
	db := openDB(t, Config{Database: ":memory:"})
	mustExecute(t, db, "CREATE TABLE t (a UNIQUE ON CONFLICT ROLLBACK)")
	wrong := errors.New("wrong")
	err := Transact(t.Context(), db, sql.TxOptions{}, func(transaction *sql.Tx) error {
		return errors.Join(insertOne(transaction), wrong)
	})
	if !errors.Is(err, wrong) {
		t.Errorf("got %v", err)
	}
	err = Transact(t.Context(), db, sql.TxOptions{}, func(transaction *sql.Tx) error {
		if err := insertOne(transaction); err != nil {
			return err
		}
		return insertOne(transaction) // SQLite itself rolls back here
	})
	if code, _ := ResultCode(err); code != 2067 || strings.Contains(err.Error(), "no transaction") {
		t.Errorf("got %v, want SQLITE_CONSTRAINT_UNIQUE alone", err)
	}
	if got := value[int](t, db, "SELECT count(*) FROM t"); got != 0 {
		t.Errorf("%d rows, want none", got)
	}
}

func TestTransactSaysWhenALockStays(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "BEGIN IMMEDIATE")
	db := openDB(t, Config{Database: path, BusyTimeout: 10 * time.Millisecond})
	if err := Transact(t.Context(), db, sql.TxOptions{}, insertOne); primary(err) != 5 || !strings.Contains(err.Error(), "failed 5 times") {
		t.Errorf("got %v", err)
	}
	owner.end(t)
}

func TestWaitForALockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeWAL(t, path)
	owner := startHolding(t, path, "BEGIN IMMEDIATE")
	const patience = time.Hour // whoever waited for it would see the test time out
	db := openDB(t, Config{Database: path, MaxConnections: 1, BusyTimeout: patience})
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if err := Transact(ctx, db, sql.TxOptions{}, insertOne); !errors.Is(err, context.DeadlineExceeded) || primary(err) != 5 {
		t.Errorf("got %v, want the end of the context and SQLITE_BUSY", err)
	}
	if got := value[int64](t, db, "PRAGMA busy_timeout"); got != patience.Milliseconds() {
		t.Errorf("the connection now waits %d ms", got)
	}
	owner.end(t)
	write := func(transaction *sql.Tx) error { _, err := transaction.Exec("DELETE FROM t"); return err }
	if err := Transact(t.Context(), db, sql.TxOptions{}, write); err != nil {
		t.Errorf("the connection is of no more use: %v", err)
	}
}

func TestOpenSaysWhoKeepsTheFileFromWALMode(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	makeRollback(t, path)
	reader := startHolding(t, path, "BEGIN", "SELECT count(*) FROM t")
	var busy *BusyError
	if _, err := Open(t.Context(), Config{Database: path, BusyTimeout: 30 * time.Millisecond}, quiet()); !errors.As(err, &busy) {
		t.Errorf("got %v, want a BusyError", err)
	}
	reader.end(t)
}

const increments = 200

// increment counts up in as many transactions, each of which reads before it writes.
func increment(path string) error {
	db, err := Open(context.Background(), Config{Database: path}, quiet())
	if err != nil {
		return err
	}
	for range increments {
		if err := Transact(context.Background(), db, sql.TxOptions{}, incrementOnce); err != nil {
			return err
		}
	}
	fmt.Println("done")
	return db.Close()
}

func incrementOnce(transaction *sql.Tx) error {
	if _, err := transaction.Exec("CREATE TABLE IF NOT EXISTS counter (n INTEGER NOT NULL)"); err != nil {
		return err
	}
	var n int
	if err := transaction.QueryRow("SELECT coalesce(max(n), 0) FROM counter").Scan(&n); err != nil {
		return err
	}
	_, err := transaction.Exec("INSERT INTO counter VALUES (?)", n+1)
	return err
}

func TestFourProcessesMakeADatabaseAndLoseNoTransaction(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.db")
	var writers []*process
	for range 4 {
		writers = append(writers, start(t, "increment", nil, path))
	}
	for _, writer := range writers {
		writer.expect(t, "done")
		writer.end(t)
	}
	db := openDB(t, Config{Database: path, MustExist: true})
	if got := value[string](t, db, "SELECT count(*) || ' ' || count(DISTINCT n) || ' ' || max(n) FROM counter"); got != "800 800 800" {
		t.Errorf("rows, different rows, highest: %s, want 800 of each", got)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the log is still there: %v", err)
	}
}
