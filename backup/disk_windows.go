package backup

import (
	"errors"

	"golang.org/x/sys/windows"
)

// isReadOnly reports whether the file system takes no changes.
func isReadOnly(err error) bool { return errors.Is(err, windows.ERROR_WRITE_PROTECT) }

// isFull reports whether the file system had no more room.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }
