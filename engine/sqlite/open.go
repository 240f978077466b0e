package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	lib "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
)

// DB is an open database: a *sql.DB whose connections have foreign keys on, wait for locks, and begin transactions with the
// write lock unless these are read-only. A file is in WAL mode with synchronous NORMAL, or FULL where Config.Durable says so, unless it was
// opened read-only.
type DB struct {
	*sql.DB
	place  location
	keeper *sql.Conn // keeps a shared database in memory alive
	// useWAL puts a file into WAL mode, on one of its connections.
	useWAL func(ctx context.Context, connection *sql.Conn) error
}

// Open opens a database, and makes it when that is asked for. Errors a caller can test for: *FileError, *BusyError,
// *DamagedError, *VersionError, and those of package engine for a wrong Config.
func Open(ctx context.Context, config Config, log *slog.Logger) (*DB, error) {
	if err := checkVersion(lib.SQLITE_VERSION); err != nil {
		return nil, err
	}
	place, err := parseLocation(config.Database)
	if err != nil {
		return nil, fmt.Errorf("open SQLite database: %w", err)
	}
	if config, err = config.complete(&place); err != nil {
		return nil, fmt.Errorf("open SQLite database: %w", err)
	}
	if err := place.check(); err != nil {
		return nil, err
	}
	linked, err := newConnector(place, config)
	if err != nil {
		return nil, err
	}
	db := &DB{DB: sql.OpenDB(linked), place: place}
	if err := db.start(ctx, config, linked, log); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// check looks at the path before SQLite does, whose only answer would be "unable to open database file". It opens
// no file that is there: closing one drops the locks that this process holds on it.
func (l location) check() error {
	if l.memory {
		return nil
	}
	info, err := os.Stat(l.path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && l.creates():
		return makePrivate(l.path)
	case err != nil:
		return pathError(l.path, err)
	case info.Size() == 0 && info.Mode().IsRegular():
		return nil // SQLite takes an empty file for a new database
	}
	return kindError(l.path, info)
}

// makePrivate makes an empty file, for SQLite would make one that others can read. Its companions get the same mode.
func makePrivate(path string) error {
	if err := checkFolder(path); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return nil // by another one, just now
	}
	if err != nil {
		return &FileError{Path: path, Problem: Unwritable, Err: err, Hint: "give this user the right to make files in its folder"}
	}
	return file.Close()
}

func checkFolder(path string) error {
	folder := filepath.Dir(path)
	if info, err := os.Stat(folder); err != nil || !info.IsDir() {
		return &FileError{Path: path, Problem: Missing, Err: err, Hint: fmt.Sprintf("make the folder %s first", folder)}
	}
	return nil
}

func (db *DB) start(ctx context.Context, config Config, linked *connector, log *slog.Logger) error {
	db.SetMaxOpenConns(config.MaxConnections)
	db.SetMaxIdleConns(config.MaxConnections) // a connection costs a look at the schema each time it is opened
	first, err := db.Conn(ctx)
	if err != nil {
		return db.place.explain(err)
	}
	if db.place.shared {
		db.keeper = first
		db.SetMaxOpenConns(config.MaxConnections + 1)
	}
	if err := db.prepare(ctx, first, config, linked, log); err != nil {
		return errors.Join(db.place.explain(err), first.Close())
	}
	if db.keeper != nil {
		return nil
	}
	return first.Close()
}

// prepare reads the file for the first time, and puts it into WAL mode unless that is left for later.
func (db *DB) prepare(ctx context.Context, first *sql.Conn, config Config, linked *connector, log *slog.Logger) error {
	if _, err := first.ExecContext(ctx, "SELECT count(*) FROM sqlite_schema"); err != nil {
		return err
	}
	db.useWAL = func(ctx context.Context, connection *sql.Conn) error {
		return db.place.useWAL(ctx, connection, config, linked, log)
	}
	if config.keepJournal {
		return nil
	}
	return db.useWAL(ctx, first)
}

func (l location) useWAL(ctx context.Context, connection *sql.Conn, config Config, linked *connector, log *slog.Logger) error {
	if l.memory || l.readOnly() {
		return nil
	}
	mode, err := switchToWAL(ctx, connection, config.BusyTimeout)
	if err != nil {
		return err
	}
	if mode != "wal" {
		log.WarnContext(ctx, "the file system cannot hold a database in WAL mode, so readers and writers exclude each other",
			"path", l.path, "journal_mode", mode)
		return nil // and synchronous stays FULL, which a rollback journal needs
	}
	setting := "PRAGMA synchronous = NORMAL"
	if config.Durable {
		setting = "PRAGMA synchronous = FULL"
	}
	linked.settings = append(linked.settings, setting)
	_, err = connection.ExecContext(ctx, setting)
	return err
}

// switchToWAL retries by itself: SQLite reports a lock here at once, without waiting for the busy timeout.
func switchToWAL(ctx context.Context, connection *sql.Conn, patience time.Duration) (mode string, err error) {
	for deadline, attempt := time.Now().Add(patience), 1; ; attempt++ {
		err := connection.QueryRowContext(ctx, "PRAGMA journal_mode = WAL").Scan(&mode)
		if err == nil || !isRepeatable(err) || time.Now().After(deadline) {
			return strings.ToLower(mode), err
		}
		if stopped := engine.BackOff(ctx, attempt); stopped != nil {
			return "", errors.Join(err, stopped)
		}
	}
}

func (l location) explain(err error) error {
	if code, _ := ResultCode(err); code == lib.SQLITE_READONLY_ROLLBACK {
		return explain(l.name, err)
	}
	switch primary(err) {
	case lib.SQLITE_NOTADB:
		return &FileError{Path: l.name, Problem: Foreign, Err: err, Hint: "check the path, or decrypt the file first"}
	case lib.SQLITE_CANTOPEN, lib.SQLITE_PERM, lib.SQLITE_READONLY:
		return &FileError{Path: l.name, Problem: Unwritable, Err: err,
			Hint: "give this user the right to write to the file and to its folder, or open it with mode=ro"}
	}
	return explain(l.name, err)
}

// Path returns the absolute path of the file, or "" for a database in memory.
func (db *DB) Path() string { return db.place.path }

// InMemory reports whether the database ends when it is closed.
func (db *DB) InMemory() bool { return db.place.memory }

// Close closes all connections; a database in memory is gone afterwards.
func (db *DB) Close() error {
	var err error
	if db.keeper != nil {
		err = db.keeper.Close()
	}
	return errors.Join(err, db.DB.Close())
}
