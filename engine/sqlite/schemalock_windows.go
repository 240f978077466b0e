package sqlite

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// release closes the file before it removes it, as a file that is open cannot be removed here; for the same reason it stays
// when somebody waits for it, who will remove it in turn.
func (l *schemaLock) release(file *os.File) error {
	if err := file.Close(); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	err := os.Remove(l.path)
	if err == nil || errors.Is(err, os.ErrNotExist) || errors.Is(err, windows.ERROR_SHARING_VIOLATION) {
		return nil
	}
	return fmt.Errorf("remove the lock file: %w", err)
}
