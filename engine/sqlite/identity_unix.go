//go:build unix

package sqlite

import (
	"io/fs"
	"syscall"
)

// fileNumber returns what the operating system knows a file by.
func fileNumber(info fs.FileInfo) (device, number uint64) {
	status, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return 0, 0
	}
	return uint64(status.Dev), uint64(status.Ino) //nolint:unconvert // other types on other systems
}
