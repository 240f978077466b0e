package backup

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// lockByte lies behind all content: locked bytes cannot be read by others.
const lockByte = 1 << 30

// tryLock takes the system's lock on an open file, which ends with the file or its process.
func tryLock(file *os.File, exclusive bool) (bool, error) {
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

// isReadOnly reports whether the file system takes no changes.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// isFull reports whether the file system had no more room.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
