package backup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/internal/filelock"
)

// ownStaging is a folder for one process, which others remove when it was killed. It has a lock for that, since a stream has none.
type ownStaging struct {
	root   *os.Root
	path   string // absolute
	locked *os.File
}

const (
	ownStagingBegins = "synapse-stream-"
	ownLockName      = ".lock"
	newLockName      = ".lock-new"
)

// makeOwnStaging makes one below a folder, and removes those of killed processes of this user.
func makeOwnStaging(below string) (_ *ownStaging, err error) {
	removeOrphans(below)
	path, err := os.MkdirTemp(below, ownStagingBegins)
	if err == nil {
		path, err = filepath.Abs(path)
	}
	if err != nil {
		return nil, err
	}
	s := &ownStaging{path: path}
	if s.root, err = os.OpenRoot(path); err == nil {
		err = s.lock()
	}
	if err != nil {
		return nil, errors.Join(err, s.remove())
	}
	return s, nil
}

// lock gives the file its name when it is locked: others find none, or one that is locked.
func (s *ownStaging) lock() (err error) {
	if s.locked, err = s.root.OpenFile(newLockName, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600); err != nil {
		return err
	}
	if _, err := filelock.Try(s.locked, true); err != nil {
		return err
	}
	return s.root.Rename(newLockName, ownLockName)
}

// remove removes the folder, and what is in it. There may be none.
func (s *ownStaging) remove() error {
	if s == nil {
		return nil
	}
	var errs []error
	if s.locked != nil {
		errs = append(errs, s.locked.Close())
	}
	if s.root != nil {
		_ = s.root.Close() // whoever was given it may have closed it
	}
	return errors.Join(append(errs, removeStaging(s.path))...)
}

// removeOrphans removes folders whose lock nobody holds, as far as that works. The next one tries again.
func removeOrphans(below string) {
	if below == "" {
		below = os.TempDir()
	}
	entries, _ := os.ReadDir(below)
	for _, entry := range entries {
		info, err := entry.Info()
		if err == nil && strings.HasPrefix(entry.Name(), ownStagingBegins) && info.IsDir() && isOurs(info) {
			removeOrphan(filepath.Join(below, entry.Name()))
		}
	}
}

func removeOrphan(path string) {
	locked, err := os.OpenFile(filepath.Join(path, ownLockName), os.O_RDWR, 0)
	if err != nil {
		return
	}
	defer locked.Close()
	if got, err := filelock.Try(locked, true); err == nil && got {
		_ = os.RemoveAll(path)
	}
}
