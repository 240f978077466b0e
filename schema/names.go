package schema

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// The kinds of files that a folder of deltas can hold.
type fileKind int

const (
	otherFile   fileKind = iota // nothing that is known
	sqlFile                     // SQL for one engine, or for all
	goFile                      // the name of a Go delta
	pythonFile                  // upstream's word for the same
	ignoredFile                 // what Python leaves behind
)

var (
	ownDelta = regexp.MustCompile(`^[0-9]{2}[A-Za-z0-9_.-]*[A-Za-z0-9_-]$`)
	setName  = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$`)
)

// readName takes the name of a file in a folder of deltas apart. only is the engine that the file is for, "" for all.
func readName(name string) (kind fileKind, only engine.Kind) {
	switch {
	case strings.HasSuffix(name, ".sql"):
		return sqlFile, ""
	case strings.HasSuffix(name, ".go"):
		return goFile, ""
	case strings.HasSuffix(name, ".py"):
		return pythonFile, ""
	case strings.HasSuffix(name, ".pyc"), name == "__pycache__":
		return ignoredFile, ""
	}
	for _, candidate := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
		if strings.HasSuffix(name, ".sql."+string(candidate)) {
			return sqlFile, candidate
		}
	}
	return otherFile, ""
}

// readVersion reads the name of a folder that is a version: digits, without a sign or a leading zero.
func readVersion(name string) (version int, ok bool) {
	version, err := strconv.Atoi(name)
	return version, err == nil && version >= 0 && strconv.Itoa(version) == name
}
