package backup

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// syncAll brings everything of the file system that a folder is on to the disk, which takes far less time than thousands of files one by one.
func syncAll(_ context.Context, root *os.Root, name string) error {
	folder, err := root.Open(name)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := unix.Syncfs(int(folder.Fd())); err != nil {
		return fmt.Errorf("bring %s to the disk: %w", name, err)
	}
	return nil
}
