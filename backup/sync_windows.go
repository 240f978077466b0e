package backup

import "os"

// syncFile brings a file to the disk. Folders cannot be, and need not.
func syncFile(root *os.Root, name string, isFolder bool) error {
	if isFolder {
		return nil
	}
	file, err := root.OpenFile(name, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	return file.Sync()
}
