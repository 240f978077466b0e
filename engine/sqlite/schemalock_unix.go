//go:build unix

package sqlite

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes the lock on an open file, unless another open file has it, in this process or another.
func tryLock(file *os.File) (bool, error) {
	for {
		err := unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		switch {
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.EWOULDBLOCK):
			return false, nil
		default:
			return err == nil, err
		}
	}
}

// release removes the file before the lock ends, so that whoever gets the lock on it sees that it is no longer in place.
func (l *schemaLock) release(file *os.File) error {
	err := os.Remove(l.path)
	if err := errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("unlock: %w", err)
	}
	return nil
}
