//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// keepsOpen says that a file can be renamed and removed while it is open.
const keepsOpen = true

// isFull reports whether the file system or a quota had no more room.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// syncFolder brings the names in a folder to the disk. A file system that cannot do that for folders says EINVAL.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("open the folder: %w", err)
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("sync the folder: %w", err)
	}
	return nil
}
