package filelock_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/internal/filelock"
)

func TestALockKeepsOtherOpenFilesAway(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	open := func() *os.File {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = file.Close() }) // some are closed before
		return file
	}
	try := func(file *os.File, exclusive, want bool) {
		t.Helper()
		if got, err := filelock.Try(file, exclusive); got != want || err != nil {
			t.Errorf("%t, %v; want %t", got, err, want)
		}
	}
	first, second, third := open(), open(), open()
	try(first, false, true)
	try(second, false, true)
	try(third, true, false)
	for _, file := range []*os.File{first, second} {
		if err := file.Close(); err != nil {
			t.Fatal(err)
		}
	}
	try(third, true, true)
	try(open(), false, false)
}
