//go:build unix

package backup

import (
	"errors"

	"golang.org/x/sys/unix"
)

// isReadOnly reports whether the file system takes no changes.
func isReadOnly(err error) bool { return errors.Is(err, unix.EROFS) }

// isFull reports whether the file system or a quota had no more room.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }
