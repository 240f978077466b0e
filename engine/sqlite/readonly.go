package sqlite

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
)

// ReadOnly is the same database, opened so that nothing is changed, not even its journal mode. The file has to exist. One
// that nobody writes to, since there is no -wal and no -journal beside it, is opened as immutable: in WAL mode SQLite would
// leave an empty -wal and a -shm beside it otherwise. A database in memory stays as it is, and so does a URI that says mode=ro.
func (c Config) ReadOnly() Config {
	place, err := parseLocation(c.Database)
	if err != nil || place.memory || place.readOnly() {
		return c
	}
	query := "mode=ro"
	if absent(place.path+"-wal") && absent(place.path+"-journal") {
		query += "&immutable=1"
	}
	address := url.URL{Scheme: "file", OmitHost: true, Path: place.path, RawQuery: query}
	c.Database = address.String()
	return c
}

// OnlyReads reports whether the location says that nothing is written to the file.
func (c Config) OnlyReads() bool {
	place, err := parseLocation(c.Database)
	return err == nil && place.readOnly()
}

// Path is the absolute path of the file; empty for a database in memory.
func (c Config) Path() string {
	place, err := parseLocation(c.Database)
	if err != nil {
		return ""
	}
	return place.path
}

// InMemory reports whether the database ends when it is closed.
func (c Config) InMemory() bool {
	place, err := parseLocation(c.Database)
	return err == nil && place.memory
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
