package sqlite

import (
	"fmt"
	"strconv"
	"strings"
)

// OldestVersion is the first SQLite without the WAL-reset bug, by which committed pages could be lost.
const OldestVersion = "3.51.3"

// VersionError reports a SQLite library that is too old to be trusted with a database.
type VersionError struct {
	Have string
	Want string
}

// Error says why the version matters.
func (e *VersionError) Error() string {
	return fmt.Sprintf("the SQLite built into this program is %s, and before %s it can lose committed pages in WAL mode; "+
		"build it with a newer modernc.org/sqlite", e.Have, e.Want)
}

func checkVersion(have string) error {
	if versionNumber(have) < versionNumber(OldestVersion) {
		return &VersionError{Have: have, Want: OldestVersion}
	}
	return nil
}

// versionNumber is SQLite's own way to make a number of a version; a part that is none counts as 0.
func versionNumber(version string) int {
	number := 0
	for _, part := range strings.SplitN(version, ".", 3) {
		value, _ := strconv.Atoi(part)
		number = number*1000 + value
	}
	return number
}
