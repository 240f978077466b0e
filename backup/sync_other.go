//go:build !linux

package backup

import (
	"context"
	"io/fs"
	"os"
)

// syncAll brings everything below a folder to the disk.
func syncAll(ctx context.Context, root *os.Root, name string) error {
	return fs.WalkDir(root.FS(), name, func(name string, entry fs.DirEntry, err error) error {
		if err == nil {
			err = context.Cause(ctx)
		}
		if err != nil {
			return err
		}
		return syncFile(root, name, entry.IsDir())
	})
}
