package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"

	"github.com/synapsedb/synapse/internal/filelock"
)

// folderLock is the file that writers lock, and in which they say who they are. It is there only while one of them works, or has been killed.
const folderLock = ".lock"

// Lock takes the system's lock, which ends with the process, and removes what killed writers have left.
func (f *folder) Lock(ctx context.Context) (held context.Context, unlock func() error, err error) {
	file, err := f.lock(ctx)
	if locked, ok := errors.AsType[*LockedError](err); ok {
		return nil, nil, locked
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lock %s: %w", f.path, systemError(err))
	}
	held, end := context.WithCancel(ctx)
	unlock = sync.OnceValue(func() error { // a second time, the name may be another holder's
		end()
		return f.unlock(file)
	})
	if err := f.removePartial(); err != nil {
		return nil, nil, errors.Join(fmt.Errorf("remove what a killed process has left in %s: %w", f.path, systemError(err)), unlock())
	}
	return held, unlock, nil
}

// lock opens the file until the one that is locked is the one that others find: its last holder may have removed it in between.
func (f *folder) lock(ctx context.Context) (*os.File, error) {
	for {
		if err := context.Cause(ctx); err != nil {
			return nil, err
		}
		// For writing, as a network file system wants it of whoever locks a file for himself.
		file, err := f.root.OpenFile(folderLock, os.O_RDWR|os.O_CREATE, 0o600)
		if err != nil {
			return nil, err
		}
		current, err := f.tryLock(file)
		if current {
			return file, nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, err
		}
	}
}

// tryLock locks an open file, and reports whether it is the one that has the name.
func (f *folder) tryLock(file *os.File) (current bool, err error) {
	got, err := filelock.Try(file, true)
	if err != nil {
		return false, err
	}
	if !got {
		return false, &LockedError{Store: f.path, Who: holder(file)}
	}
	locked, err := file.Stat()
	if err != nil {
		return false, err
	}
	named, err := f.root.Lstat(folderLock)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil || !os.SameFile(locked, named) {
		return false, err
	}
	describe(file)
	return true, nil
}

// describe writes for others who has the lock. Without it nothing else goes wrong, so that a full disk can be pruned.
func describe(file *os.File) {
	if file.Truncate(0) == nil {
		_, _ = file.WriteAt([]byte(whoWeAre()+"\n"), 0)
	}
}

// holder reads who has the lock; nothing, while that is just being written.
func holder(file *os.File) string {
	const longest = 200
	text, err := io.ReadAll(io.NewSectionReader(file, 0, longest))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// unlock removes the file while it is locked, so that no other holder's can be meant.
func (f *folder) unlock(file *os.File) error {
	_ = f.root.Remove(folderLock) // where it cannot be, the next holder finds it
	if err := file.Close(); err != nil {
		return fmt.Errorf("unlock %s: %w", f.path, err)
	}
	return nil
}

// removePartial removes what killed writers have left. The caller has the lock.
func (f *folder) removePartial() error {
	entries, err := fs.ReadDir(f.root.FS(), ".")
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), partialBegins) || !entry.Type().IsRegular() {
			continue
		}
		if err := f.root.Remove(entry.Name()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
