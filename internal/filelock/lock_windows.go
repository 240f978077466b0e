package filelock

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockByte lies behind all content: locked bytes cannot be read by others, and the content may say who holds the lock.
const lockByte = 1 << 30

// Try takes the lock on an open file, to have it alone or to share it, and reports whether it could: a lock that another open file has
// is no error.
func Try(file *os.File, exclusive bool) (bool, error) {
	flags := uint32(windows.LOCKFILE_FAIL_IMMEDIATELY)
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockByte})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
