package sqlite

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// fillUp copies a database onto a small file system of its own: first without the room for it, then with somebody else
// filling it up meanwhile, then with room enough.
func fillUp(place, source string) error {
	if err := syscall.Mount("none", place, "tmpfs", 0, "size=8m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	destination, filler := filepath.Join(place, "copy.db"), filepath.Join(place, "filler")
	if err := os.WriteFile(filler, make([]byte, 6<<20), 0o600); err != nil {
		return err
	}
	report := func(options BackupOptions) error {
		_, err := Backup(context.Background(), source, destination, options)
		left, globErr := filepath.Glob(destination + "*")
		fmt.Println(isProblem(err, DestinationFull), len(left))
		return globErr
	}
	if err := report(BackupOptions{}); err != nil {
		return err
	}
	if err := os.Remove(filler); err != nil {
		return err
	}
	grow := func(BackupProgress) {
		file, err := os.OpenFile(filler, os.O_CREATE|os.O_WRONLY, 0o600)
		if err == nil {
			_, _ = io.CopyN(file, zeros{}, 8<<20)
			file.Close()
		}
	}
	if err := report(BackupOptions{Progress: grow}); err != nil {
		return err
	}
	if err := os.Remove(filler); err != nil {
		return err
	}
	return report(BackupOptions{})
}

type zeros struct{}

func (zeros) Read(buffer []byte) (int, error) { return len(buffer), nil }

func TestBackupOntoAFullDisk(t *testing.T) {
	t.Parallel()
	source, place := filepath.Join(t.TempDir(), "database.db"), t.TempDir()
	makeLedger(t, source, "WAL", 1000)
	copier := start(t, "fill-up", dbtest.OwnMounts, place, source)
	for _, want := range []string{"true 0", "true 0", "false 1"} {
		copier.expect(t, want)
	}
	copier.end(t)
}

// copyReadOnly copies a database from a file system that is mounted read-only.
func copyReadOnly(place, source, destination string) error {
	if err := syscall.Mount("none", place, "tmpfs", 0, "size=32m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	if err := os.CopyFS(place, os.DirFS(filepath.Dir(source))); err != nil {
		return err
	}
	if err := syscall.Mount("none", place, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	result, err := Backup(context.Background(), filepath.Join(place, filepath.Base(source)), destination, BackupOptions{Rate: -1})
	if err != nil {
		return err
	}
	fmt.Println(result.Source.Access)
	return nil
}

func TestBackupFromAReadOnlyFileSystem(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(testing.TB, string)
		access  Access
		rows    int64
	}{
		"rollback": {makeRollback, SharedLock, 1000}, "wal": {makeWAL, Immutable, 1000}, "killed": {makeCrashed, PrivateLog, 1010},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, destination := filepath.Join(t.TempDir(), "database.db"), filepath.Join(t.TempDir(), "copy.db")
			test.prepare(t, source)
			copier := start(t, "copy-read-only", dbtest.OwnMounts, t.TempDir(), source, destination)
			copier.expect(t, string(test.access))
			copier.end(t)
			if got := number(t, open(t, destination, 1).Reader(0), "SELECT count(*) FROM t"); got != test.rows {
				t.Errorf("%d rows, want %d", got, test.rows)
			}
		})
	}
}
