//go:build unix

package backup

import (
	"errors"
	"os"
	"path"
	"syscall"

	"golang.org/x/sys/unix"
)

// link gives a file a second name in another folder, which no link leads out of. It does nothing where that is not possible, and for a file that has
// several names already: each of them can have its own owner and time only if it is a file of its own.
func link(from *os.Root, name string, to *os.Root, as string) (done bool, err error) {
	info, err := from.Lstat(name)
	if err != nil {
		return false, err
	}
	if system, ok := info.Sys().(*syscall.Stat_t); !ok || system.Nlink != 1 || !info.Mode().IsRegular() {
		return false, nil
	}
	source, err := from.Open(path.Dir(name))
	if err != nil {
		return false, err
	}
	defer source.Close()
	target, err := to.Open(path.Dir(as))
	if err != nil {
		return false, err
	}
	defer target.Close()
	err = unix.Linkat(int(source.Fd()), path.Base(name), int(target.Fd()), path.Base(as), 0)
	for _, impossible := range []error{unix.EXDEV, unix.EPERM, unix.EMLINK, unix.ENOTSUP} {
		if errors.Is(err, impossible) {
			return false, nil
		}
	}
	return err == nil, err
}

// onOneFileSystem reports whether two folders are, so that a file of one can have a second name in the other.
func onOneFileSystem(one, other string) bool {
	var first, second unix.Stat_t
	return unix.Stat(one, &first) == nil && unix.Stat(other, &second) == nil && first.Dev == second.Dev
}
