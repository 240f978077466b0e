package sqlite

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
)

// ReadOnly is the same database, opened so that nothing is changed, not even its journal mode. The file has to exist. One
// that nobody writes to, since there is no -wal and no -journal beside it, is opened as immutable: in WAL mode SQLite would
// leave an empty -wal and a -shm beside it otherwise. Databases in memory and URIs stay as they are.
func (c Config) ReadOnly() Config {
	place, err := parseLocation(c.Database)
	if err != nil || place.memory || place.path != c.Database {
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

// InMemory reports whether the database ends when it is closed.
func (c Config) InMemory() bool {
	place, err := parseLocation(c.Database)
	return err == nil && place.memory
}

func absent(path string) bool {
	_, err := os.Lstat(path)
	return errors.Is(err, fs.ErrNotExist)
}
