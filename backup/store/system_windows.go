package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

// lockByte lies behind all content: locked bytes cannot be read by others.
const lockByte = 1 << 30

// tryLock takes the system's lock on an open file, which ends with the file or its process.
func tryLock(file *os.File) (bool, error) {
	const flags = windows.LOCKFILE_FAIL_IMMEDIATELY | windows.LOCKFILE_EXCLUSIVE_LOCK
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, &windows.Overlapped{Offset: lockByte})
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}

// syncFolder does nothing: folders cannot be brought to the disk, and need not.
func syncFolder(*os.Root, string) error { return nil }

// systemError names errors as Unix does.
func systemError(err error) error {
	switch {
	case errors.Is(err, windows.ERROR_DISK_FULL):
		return fmt.Errorf("%w (%w)", err, syscall.ENOSPC)
	case errors.Is(err, windows.ERROR_WRITE_PROTECT):
		return fmt.Errorf("%w (%w)", err, syscall.EROFS)
	}
	return err
}

// isNoFolder reports that a file is where a folder would have to be.
func isNoFolder(err error) bool { return errors.Is(err, windows.ERROR_DIRECTORY) }
