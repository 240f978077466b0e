//go:build linux || darwin

package engine

import "golang.org/x/sys/unix"

// FreeSpace returns how many bytes a user who is not root may still write to the file system of a folder. It is known on
// Linux and macOS only.
func FreeSpace(folder string) (bytes int64, known bool) {
	var system unix.Statfs_t
	if err := unix.Statfs(folder, &system); err != nil || system.Blocks == 0 {
		return 0, false
	}
	return int64(system.Bavail) * int64(system.Bsize), true //nolint:unconvert // it has other types on other systems
}
