package dbtest_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestDataAreUnpackedAndCopied(t *testing.T) {
	t.Parallel()
	folder, ok := dbtest.Data(t)
	if !ok {
		return
	}
	const name = "homeserver-94.sqlite"
	shared, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(shared, []byte("SQLite format 3\x00")) {
		t.Errorf("%s is no SQLite database", name)
	}
	path, ok := dbtest.CopyData(t, name)
	if !ok || strings.HasPrefix(path, folder) {
		t.Fatalf("the copy is at %q, %v", path, ok)
	}
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(shared, copied) {
		t.Error("the copy differs")
	}
}

func TestRounds(t *testing.T) {
	t.Setenv(dbtest.RoundsVariable, "")
	if got := dbtest.Rounds(t, 3); got != 3 {
		t.Errorf("%d rounds, want the usual 3", got)
	}
	t.Setenv(dbtest.RoundsVariable, "200")
	if got := dbtest.Rounds(t, 3); got != 200 {
		t.Errorf("%d rounds, want the environment's 200", got)
	}
}
