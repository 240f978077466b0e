package sqlite

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"
)

// WithReader opens a connection to the file for the time of work, beside those that there are: its rows give their columns as they lie in
// SQLite's memory, where database/sql and its driver take three times as long for many rows. It sees what is committed, and writes nothing.
// A database in memory has no second connection: the error is errors.ErrUnsupported.
func (c Config) WithReader(ctx context.Context, work func(*Reader) error) (err error) {
	place, err := parseLocation(c.Database)
	if err != nil {
		return err
	}
	if place.memory {
		return fmt.Errorf("open a second connection to %s: %w", place.name, errors.ErrUnsupported)
	}
	reader, err := place.openReader(c.BusyTimeout)
	if err != nil {
		return explain(place.name, err)
	}
	defer func() { err = errors.Join(err, reader.close()) }()
	if err := reader.findEncoding(ctx); err != nil {
		return err
	}
	return work(reader)
}

func (l location) openReader(patience time.Duration) (*Reader, error) {
	path, err := filepath.EvalSymlinks(l.path)
	if err != nil {
		return nil, pathError(l.path, err)
	}
	uri := fileURI(path) + "?mode=ro"
	if l.parameters.Has("immutable") {
		uri += "&immutable=1"
	}
	connection, err := openHandle(uri)
	if err != nil {
		return nil, err
	}
	if patience == 0 {
		patience = defaultBusyTimeout
	}
	lib.Xsqlite3_busy_timeout(connection.tls, connection.db, int32(patience/time.Millisecond))
	return &Reader{handle: connection, path: path, open: map[*Rows]struct{}{}}, nil
}

// findEncoding is also the first look at the file.
func (r *Reader) findEncoding(ctx context.Context) error {
	wide := false
	r.wide = true // which reads any text, with a copy more
	err := r.each(ctx, "PRAGMA encoding", nil, func(rows *Rows) { wide = strings.HasPrefix(rows.text(0), "UTF-16") })
	r.wide = wide
	return err
}
