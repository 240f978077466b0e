package schema

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// Marks that a file may carry, as a comment "-- synapse: MARK" before a statement.
const (
	// MarkNoTransaction is for one statement that the engine does not run in a transaction. It must be safe to repeat.
	MarkNoTransaction = "no-transaction"
	// MarkKeysUnchecked is for a whole file: SQLite checks foreign keys at its end only.
	MarkKeysUnchecked = "keys-unchecked"
)

// script is one SQL file, as one engine reads it.
type script struct {
	path       string // in the set's Files
	statements []sqltext.Statement
	checksum   string // SHA-256 of the file, in hexadecimal digits
}

// Delta is one step of an upgrade on one engine.
type Delta struct {
	// Database is the logical database.
	Database string
	Version  int
	// Name is the file's, or the Go delta's.
	Name string

	code   *GoDelta
	script *script
	// missing: a delta in a language that is not ours, whose code is not known.
	missing bool
}

// File is the name under which the delta is recorded: "VERSION/NAME".
func (d *Delta) File() string { return strconv.Itoa(d.Version) + "/" + d.Name }

// Checksum is the SHA-256 of a file in hexadecimal digits, and empty for code.
func (d *Delta) Checksum() string {
	if d.script == nil {
		return ""
	}
	return d.script.checksum
}

// path is where to look for it.
func (d *Delta) path() string {
	return path.Join(d.Database, "delta", strconv.Itoa(d.Version), d.Name)
}

func (d *Delta) keysUnchecked() bool {
	if d.code != nil {
		return d.code.KeysUnchecked
	}
	return d.script != nil && d.script.marked(MarkKeysUnchecked)
}

// compare orders deltas as they are applied: by version, then by file name, then by logical database.
func (d *Delta) compare(other *Delta) int {
	return cmp.Or(cmp.Compare(d.Version, other.Version), strings.Compare(d.Name, other.Name), strings.Compare(d.Database, other.Database))
}

func (s *script) marked(mark string) bool {
	for _, statement := range s.statements {
		if marked(statement, mark) {
			return true
		}
	}
	return false
}

func marked(statement sqltext.Statement, mark string) bool {
	return slices.Contains(statement.Marks, mark)
}

// autoIncrement stands in files of upstream's for a key that numbers itself.
const autoIncrement = "$%AUTO_INCREMENT_PRIMARY_KEY%$"

func autoIncrementOf(kind engine.Kind) string {
	switch kind {
	case engine.Postgres:
		return "BIGINT PRIMARY KEY GENERATED ALWAYS AS IDENTITY"
	case engine.MySQL:
		return "BIGINT AUTO_INCREMENT PRIMARY KEY"
	default:
		return "INTEGER PRIMARY KEY AUTOINCREMENT"
	}
}

// readScript takes a file apart. Only in own files a comment can be a mark.
func readScript(name, content string, kind engine.Kind, own bool) (*script, error) {
	split := sqltext.SplitUnmarked
	if own {
		split = sqltext.Split
	}
	sum := sha256.Sum256([]byte(content))
	statements, err := split(kind, strings.ReplaceAll(content, autoIncrement, autoIncrementOf(kind)))
	if err != nil {
		return nil, err
	}
	return &script{path: name, statements: statements, checksum: hex.EncodeToString(sum[:])}, nil
}
