package config

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// Config is what a homeserver's configuration says, as far as it is needed
// here. Printing or encoding it shows no password.
type Config struct {
	// ServerName is the server's name, or empty; see RequireServerName.
	ServerName string
	// MediaStorePath is the absolute path of the media store.
	MediaStorePath string
	// Databases are the physical databases in their order in the file.
	Databases []Database
	// BackgroundUpdates says how background updates are run.
	BackgroundUpdates BackgroundUpdates
	// Files are the files that were read, in their order.
	Files []string
	// Notes say which files were left out, and why.
	Notes []string
	// Warnings are about keys that mean nothing here.
	Warnings []Warning

	paths []string
}

// Database is one physical database.
type Database struct {
	// Label is the name under databases, or "master" when there is one only.
	Label string
	// Name is the engine as the file names it: sqlite3 or psycopg2, or one of
	// our own names.
	Name string
	// Engine is engine.SQLite or engine.Postgres.
	Engine engine.Kind
	// DataStores are the logical databases kept there: "main", "state".
	DataStores []string
	// Postgres is how to connect; nil for SQLite. TxnLimit and
	// AllowUnsafeLocale are in it too.
	Postgres *postgres.Config
	// SQLitePath is the absolute path of the file, or ":memory:".
	SQLitePath string
	// TxnLimit is the number of transactions after which a connection is
	// replaced; zero is no limit.
	TxnLimit int
	// Position is where the database's section begins.
	Position Position
}

// InMemory is the SQLitePath of a database that ends with its connection.
const InMemory = ":memory:"

// Position is a place in a file; lines and columns count from 1.
type Position struct {
	File   string
	Line   int
	Column int
}

// String gives "file:line:column".
func (p Position) String() string { return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Column) }

// Warning is about a key that is accepted although it does not do here what it
// does upstream.
type Warning struct {
	Position Position
	Key      string
	Message  string
}

// String gives the position, the key and the message.
func (w Warning) String() string { return fmt.Sprintf("%s: %s: %s", w.Position, w.Key, w.Message) }

// Load reads configuration files as the Python homeserver does. Each path is a
// file or a directory, of which the direct files ending in .yaml are read in
// the order of their names. A later file replaces whole top-level keys of an
// earlier one; a file that is empty or no mapping is left out with a note.
// Relative paths in the files are relative to the working directory.
//
// Everything that is wrong with the database sections is reported together,
// joined: *Error (about a key), *MissingNameError, *EngineError,
// ErrNoDatabase. A file that is not YAML is a *SyntaxError.
func Load(paths ...string) (*Config, error) {
	loader := &loader{config: &Config{paths: paths}, top: map[string]section{}}
	if err := loader.readAll(paths); err != nil {
		return nil, err
	}
	loader.readGeneral()
	loader.readBackgroundUpdates()
	loader.readDatabases()
	if err := errors.Join(loader.problems...); err != nil {
		return nil, err
	}
	return loader.config, nil
}

// loader gathers what the files say and everything that is wrong with it.
type loader struct {
	config   *Config
	top      map[string]section
	problems []error
}

func (l *loader) reject(problem error) { l.problems = append(l.problems, problem) }

func (l *loader) warn(position Position, key, message string) {
	l.config.Warnings = append(l.config.Warnings, Warning{Position: position, Key: key, Message: message})
}

// readGeneral reads the keys outside the database sections that are needed.
func (l *loader) readGeneral() {
	l.config.ServerName = l.topText("server_name", "")
	path := l.topText("media_store_path", "media_store")
	absolute, err := filepath.Abs(path)
	if err != nil {
		l.reject(fmt.Errorf("resolve media_store_path: %w", err))
	}
	l.config.MediaStorePath = absolute
}

func (l *loader) topText(key, otherwise string) string {
	found, present := l.top[key]
	if !present || found.isNull() {
		return otherwise
	}
	value, isText := found.plain().(string)
	if !isText {
		l.reject(&Error{Position: found.position, Err: &engine.ValueError{Key: key, Problem: "not text", Allowed: "text"}})
	}
	return value
}

// RequireServerName gives the server's name, or an error that says where to
// look for it.
func (c *Config) RequireServerName() (string, error) {
	if c.ServerName != "" {
		return c.ServerName, nil
	}
	return "", &engine.Error{
		Op:     "find server_name",
		Object: "in " + strings.Join(c.Files, ", "),
		Err:    ErrNoServerName,
		Hint:   "Debian's package keeps it in conf.d/server_name.yaml: give that directory as a further configuration path" + c.siblingHint(),
	}
}

// siblingHint names the conf.d beside the first given file.
func (c *Config) siblingHint() string {
	if len(c.Files) == 0 {
		return ""
	}
	return " (" + filepath.Join(filepath.Dir(c.Files[0]), "conf.d") + ")"
}
