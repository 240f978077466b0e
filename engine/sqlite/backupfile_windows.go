package sqlite

import (
	"errors"

	"golang.org/x/sys/windows"
)

// keepsOpen says that a file can be renamed and removed while it is open.
const keepsOpen = false

// isFull reports whether the file system had no more room.
func isFull(err error) bool { return errors.Is(err, windows.ERROR_DISK_FULL) }

// syncFolder has nothing to do: Windows brings names to the disk by itself, and has no call for it.
func syncFolder(string) error { return nil }
