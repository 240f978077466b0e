package sqlite_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// A database holds what others must not read, whatever the umask: tokens, messages.
func TestNewFileIsItsOwners(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "new.db")
	db, err := sqlite.Open(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := db.ExecContext(t.Context(), "CREATE TABLE t (x)"); err != nil {
		t.Fatal(err)
	}
	for _, companion := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(path + companion)
		if err != nil {
			t.Fatal(err)
		}
		if mode := info.Mode().Perm(); mode != 0o600 {
			t.Errorf("%s: %v", path+companion, mode)
		}
	}
}
