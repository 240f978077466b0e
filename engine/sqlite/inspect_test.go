package sqlite_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
)

func TestInspect(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range []string{`PRAGMA journal_mode = WAL`, `CREATE TABLE t (a)`} {
		if err := session.ExecAlone(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	info, err := sqlite.Inspect(path)
	if err != nil {
		t.Fatal(err)
	}
	if info.JournalMode != "wal" || info.WALBytes == 0 || !info.InUse || info.Newer {
		t.Errorf("%+v", info)
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	if info, err = sqlite.Inspect(path); err != nil || info.InUse || info.WALBytes > 0 || info.WrittenBy != info.SQLiteVersion {
		t.Errorf("%+v, %v", info, err)
	}
}

// A journal that has to be rolled back is no matter of rights, although SQLite says so.
func TestHotJournalIsToldFromMissingRights(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "some.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	for _, statement := range []string{
		`CREATE TABLE t (a)`, `PRAGMA cache_size = 1`, `BEGIN IMMEDIATE`,
		`WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) INSERT INTO t SELECT hex(randomblob(500)) FROM n`,
	} {
		if err := session.ExecAlone(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	left := filepath.Join(t.TempDir(), "left.db")
	for _, suffix := range []string{"", "-journal"} {
		content, err := os.ReadFile(path + suffix)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(left+suffix, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	_, opened := sqlite.OpenSession(t.Context(), sqlite.Config{Database: left}.ReadOnly(), nil)
	_, inspected := sqlite.Inspect(left)
	for _, err := range []error{opened, inspected} {
		if _, hot := errors.AsType[*sqlite.HotJournalError](err); !hot {
			t.Errorf("%v", err)
		}
	}
}
