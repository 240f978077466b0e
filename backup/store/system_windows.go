package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/windows"
)

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
