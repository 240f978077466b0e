package store

import (
	"regexp"
	"strings"
)

// longestName is what every file system takes for a part of a path, and far less than a service takes for a key.
const longestName = 255

// lockName is the object that is the lock of a bucket. It is none of the files.
const lockName = "lock.json"

// nameForm is narrow, so that a name is the same file everywhere, leads nowhere else, and needs no quoting.
var nameForm = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$`)

func validName(name string) bool {
	return len(name) <= longestName && name != lockName && nameForm.MatchString(name)
}

func checkName(name string) error {
	if !validName(name) {
		return &NameError{Name: name}
	}
	return nil
}

// checkPrefix takes what a name can begin with.
func checkPrefix(prefix string) error {
	if prefix == "" || validName(prefix+"x") {
		return nil
	}
	return &NameError{Name: prefix}
}

// folderOf is the longest folder that all names with a prefix lie in: empty, or with a slash at its end.
func folderOf(prefix string) string { return prefix[:strings.LastIndexByte(prefix, '/')+1] }
