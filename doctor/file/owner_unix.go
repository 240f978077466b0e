//go:build unix

package file

import (
	"io/fs"
	"syscall"
)

// ownerMayWrite reports whether the owner of a file may write to another one, by its mode. Of the owner's groups only that of
// the file is known. Root may always.
func ownerMayWrite(file, other fs.FileInfo) bool {
	owner, known := file.Sys().(*syscall.Stat_t)
	target, alsoKnown := other.Sys().(*syscall.Stat_t)
	switch {
	case !known || !alsoKnown || owner.Uid == 0:
		return true
	case target.Uid == owner.Uid:
		return other.Mode()&0o200 != 0
	case target.Gid == owner.Gid && other.Mode()&0o020 != 0:
		return true
	}
	return other.Mode()&0o002 != 0
}
