//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"
)

// release removes the file before the lock ends, so that whoever gets the lock on it sees that it is no longer in place.
func (l *schemaLock) release(file *os.File) error {
	err := os.Remove(l.path)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}
