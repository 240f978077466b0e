//go:build unix

package backup

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// syncFile brings a file, or the names in a folder, to the disk. A file system that cannot do that for folders says EINVAL.
func syncFile(root *os.Root, name string, isFolder bool) error {
	file, err := root.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := file.Sync(); err != nil && (!isFolder || !errors.Is(err, unix.EINVAL)) {
		return err
	}
	return nil
}
