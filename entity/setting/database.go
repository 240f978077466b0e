package setting

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
)

const (
	allowedTypes = "sqlite, postgresql, mysql"
	allowedURLs  = "a path or a file: URI for sqlite, postgresql://user:password@host:port/database, mysql://user:password@host:port/database"
)

// database finds the engine, and has it read the URL.
func (r *reader) database(kind, place chosen) error {
	known := engine.Kind("")
	if kind.text != "" {
		var ok bool
		if known, ok = engine.ParseKind(strings.TrimSpace(kind.text)); !ok {
			return kind.problem("there is no such type", allowedTypes)
		}
	}
	scheme, err := place.engine()
	if err != nil {
		return err
	}
	switch {
	case known == "" && scheme == "":
		known = engine.SQLite
	case known == "":
		known, kind.origin = scheme, FromScheme
	case scheme != "" && scheme != known:
		return kind.problem("it is "+product(known)+", but "+place.variable+" (from "+string(place.origin)+") is of "+product(scheme), "two that match, or the URL alone")
	}
	r.settings.TypeOrigin, r.settings.URLOrigin = kind.origin, place.origin
	if place.text == "" && known != engine.SQLite {
		return place.missing(known, kind.origin)
	}
	database, warnings, err := place.read(known)
	for _, warning := range warnings {
		r.warn(place.variable, warning.String())
	}
	r.settings.Database = database
	return err
}

// product is an engine by the name that the setting has for it.
func product(kind engine.Kind) string {
	if kind == engine.Postgres {
		return "postgresql"
	}
	return string(kind)
}

// schemeBefore matches the beginning of a URL with an authority. What follows a "+" names somebody's driver.
var schemeBefore = regexp.MustCompile(`^([A-Za-z][A-Za-z0-9.-]*)(\+[A-Za-z0-9.+-]*)?://`)

// engine tells the engine by the scheme, if there is one. A path has none.
func (c chosen) engine() (engine.Kind, error) {
	if strings.ContainsFunc(c.text, func(character rune) bool { return character < ' ' || character == 0x7f }) {
		return "", c.problem("it has a character in it that cannot be printed, such as the end of a line", allowedURLs)
	}
	lower := strings.ToLower(c.text)
	if strings.HasPrefix(lower, "file:") || strings.HasPrefix(lower, "sqlite:") {
		return engine.SQLite, nil
	}
	for kind, schemes := range map[engine.Kind][]string{engine.Postgres: {"postgresql", "postgres"}, engine.MySQL: {"mysql", "mariadb"}} {
		if match := schemeBefore.FindStringSubmatch(lower); match != nil && slices.Contains(schemes, match[1]) {
			return kind, nil
		}
	}
	if schemeBefore.MatchString(lower) {
		return "", c.problem("there is no database for a URL that begins like this", allowedURLs)
	}
	return "", nil
}

// Parse reads a URL alone, as Read does for one whose type was not given. Its errors are *Error, in which
// name stands for the setting, such as "--from".
func Parse(url, name string) (synapse.Database, []Warning, error) {
	r := &reader{settings: &Settings{}}
	if err := r.database(chosen{}, chosen{variable: name, text: url}); err != nil {
		return synapse.Database{}, nil, err
	}
	return r.settings.Database, r.settings.Warnings, nil
}

func (c chosen) read(kind engine.Kind) (database synapse.Database, warnings []postgres.Warning, err error) {
	database = synapse.Database{Label: "entity", Engine: kind}
	switch kind {
	case engine.SQLite:
		database.SQLite, err = c.sqlite()
		return database, nil, err
	case engine.Postgres:
		database.Postgres, warnings, err = postgres.ParseArgs(map[string]any{"dsn": plainScheme(c.text, "postgresql://")})
	default:
		database.MySQL, err = mysql.ParseURL(plainScheme(c.text, "mysql://"))
	}
	if err != nil {
		err = &Error{Setting: c.variable, Origin: c.origin, Err: err}
	}
	return database, warnings, err
}

// missing is what is wrong with no URL at all: a server that is not named must not be whichever is found.
func (c chosen) missing(kind engine.Kind, origin Origin) error {
	return &Error{
		Setting: c.variable, Problem: fmt.Sprintf("it is missing, and %s (from %s) needs it", product(kind), origin),
		Allowed: product(kind) + "://user:password@host:port/database",
	}
}

// plainScheme puts the usual spelling of a scheme in place of the one in the URL, which may name a driver.
func plainScheme(url, scheme string) string {
	if found := schemeBefore.FindString(url); found != "" {
		return scheme + url[len(found):]
	}
	return url
}

// credentials matches what is no path, but a server's address whose scheme was left out or mistyped: to take it for
// a path would show a password as the name of a file.
var credentials = regexp.MustCompile(`^[^/\\]+:[^/\\]*@|(?i)\b(password|dbname)\s*=`)

func (c chosen) sqlite() (sqlite.Config, error) {
	path := c.text
	if path == "" {
		path = DefaultFile
	}
	if rest, found := cutPrefixFold(path, "sqlite:"); found {
		path = rest
		if strings.HasPrefix(path, "//") {
			return sqlite.Config{}, c.problem("what follows sqlite: is not a path: sqlite:/// means different places to different programs", "a path alone, sqlite:PATH, or a file: URI")
		}
	}
	if rest, found := cutPrefixFold(path, "file:"); found {
		return sqlite.Config{Database: "file:" + rest}, nil
	}
	if credentials.MatchString(path) {
		return sqlite.Config{}, c.problem("it looks like the address of a server, without the beginning of its URL", allowedURLs+"; ./ before a path that only looks like it")
	}
	return sqlite.Config{Database: path}, nil
}

func cutPrefixFold(text, prefix string) (rest string, found bool) {
	if len(text) < len(prefix) || !strings.EqualFold(text[:len(prefix)], prefix) {
		return text, false
	}
	return text[len(prefix):], true
}
