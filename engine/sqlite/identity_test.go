package sqlite_test

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// identityOf opens and closes a snapshot.
func identityOf(t *testing.T, path string) string {
	t.Helper()
	snapshot, err := sqlite.OpenSnapshot(t.Context(), path, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	identity, err := snapshot.Identity()
	if err := errors.Join(err, snapshot.Close()); err != nil {
		t.Fatal(err)
	}
	return identity
}

func execOn(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestIdentityChangesWithEveryCommit(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"delete", "wal"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "a.db")
			execOn(t, path, "PRAGMA journal_mode = "+mode, "CREATE TABLE t (a)", "INSERT INTO t VALUES (1)")
			before := identityOf(t, path)
			if again := identityOf(t, path); again != before {
				t.Errorf("it changed by reading: %q, %q", before, again)
			}
			for _, statement := range []string{"INSERT INTO t VALUES (2)", "UPDATE t SET a = 3", "UPDATE t SET a = 4", "VACUUM"} {
				execOn(t, path, statement)
				after := identityOf(t, path)
				if after == before {
					t.Errorf("%s: it is still %q", statement, after)
				}
				before = after
			}
			content, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path+".copy", content, 0o600); err != nil {
				t.Fatal(err)
			}
			if identityOf(t, path+".copy") == before {
				t.Error("a copy has the identity of the original")
			}
		})
	}
}
