//go:build unix

package store

import (
	"errors"
	"fmt"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// syncFolder brings the names in a folder to the disk. A file system that cannot do that says EINVAL.
func syncFolder(root *os.Root, name string) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return err
	}
	return nil
}

// systemError lets a quota that is used up count as a full disk.
func systemError(err error) error {
	if errors.Is(err, unix.EDQUOT) {
		return fmt.Errorf("%w (%w)", err, syscall.ENOSPC)
	}
	return err
}

// isNoFolder reports that a file is where a folder would have to be.
func isNoFolder(err error) bool { return errors.Is(err, unix.ENOTDIR) }
