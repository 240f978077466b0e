//go:build unix

package backup

import (
	"io/fs"
	"syscall"
)

// owners are the numbers of a file's user and group.
func owners(info fs.FileInfo) (owner, group int) {
	if system, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(system.Uid), int(system.Gid)
	}
	return -1, -1
}

// isPrivate reports whether nobody else may read or write a file.
func isPrivate(info fs.FileInfo) bool { return info.Mode().Perm()&0o077 == 0 }
