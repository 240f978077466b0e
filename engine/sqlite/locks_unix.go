//go:build unix

package sqlite

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// Where SQLite puts its locks on a database (https://sqlite.org/lockingv3.html, os.h): PENDING, RESERVED, then SHARED.
// A connection in WAL mode holds SHARED from its first read until it closes.
const (
	lockStart    = 0x40000000
	lockLength   = 2 + 510
	reservedByte = lockStart + 1
)

// noLockVFS is the VFS of SQLite that reads files without locks and without shared memory.
const noLockVFS = "unix-none"

// probe is our own descriptor of the database. It is no os.File because closing any descriptor of a file drops all
// locks that the process holds on it, those of SQLite's connections too: when it is closed must be ours to decide.
type probe struct {
	path       string
	descriptor int
}

func openProbe(path string) (*probe, error) {
	for {
		descriptor, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return nil, pathError(path, err)
		}
		return &probe{path: path, descriptor: descriptor}, nil
	}
}

func (p *probe) read(buffer []byte) (int, error) {
	for {
		read, err := unix.Pread(p.descriptor, buffer, 0)
		if !errors.Is(err, unix.EINTR) {
			return max(read, 0), err
		}
	}
}

// locked reports whether another process holds a lock in the range of bytes. Locks of this process don't count.
func (p *probe) locked(start, length int64) (bool, error) {
	for {
		lock := unix.Flock_t{Type: unix.F_WRLCK, Start: start, Len: length}
		err := unix.FcntlFlock(uintptr(p.descriptor), unix.F_GETLK, &lock)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return false, fmt.Errorf("ask for the locks on %s: %w", p.path, err)
		}
		return lock.Type != unix.F_UNLCK, nil
	}
}

// close closes the descriptor, unless another snapshot of this process has the file open and would lose its locks.
// SQLite itself keeps descriptors back for the same reason.
func (p *probe) close() error {
	if users(p.path).here > 1 {
		return nil
	}
	if err := unix.Close(p.descriptor); err != nil {
		return fmt.Errorf("close %s: %w", p.path, err)
	}
	return nil
}
