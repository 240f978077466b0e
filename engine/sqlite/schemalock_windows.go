package sqlite

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// lockByte lies behind all content: locked bytes cannot be read by others, and the content says who holds the lock.
const lockByte = 1 << 30

// tryLock takes the lock on an open file, unless another open file has it, in this process or another.
func tryLock(file *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockByte})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// release closes the file before it removes it, as a file that is open cannot be removed here; for the same reason it stays
// when somebody waits for it, who will remove it in turn.
func (l *schemaLock) release(file *os.File) error {
	if err := file.Close(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	err := os.Remove(l.path)
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil
	}
	return fmt.Errorf("remove the lock file: %w", err)
}
