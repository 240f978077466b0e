package demo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// unfinished is the file a database is generated in.
type unfinished struct {
	path string
}

func newUnfinished(path string) (*unfinished, error) {
	folder, name := filepath.Split(path)
	if folder == "" {
		folder = "."
	}
	file, err := os.CreateTemp(folder, "."+name+".*.unfinished")
	if err != nil {
		return nil, err
	}
	return &unfinished{path: file.Name()}, file.Close()
}

// finish makes the file durable before it gets its name, and then the name.
func (u *unfinished) finish(path string) error {
	if err := syncFile(u.path); err != nil {
		return err
	}
	if err := os.Chmod(u.path, 0o644); err != nil { //nolint:gosec // all of it is made up, and a server under another account may read it
		return err
	}
	if err := mustBeFree(path); err != nil {
		return err
	}
	if err := os.Rename(u.path, path); err != nil {
		return err
	}
	return syncFile(filepath.Dir(path))
}

// remove deletes what SQLite may have left of the file.
func (u *unfinished) remove() error {
	var errs []error
	for _, suffix := range []string{"", "-journal", "-wal", "-shm"} {
		if err := os.Remove(u.path + suffix); !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func syncFile(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
