package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// sqlitePlace has a new file for each measurement.
type sqlitePlace struct{ folder string }

func (p *sqlitePlace) path() string { return filepath.Join(p.folder, "pace.db") }

func (p *sqlitePlace) open(ctx context.Context) (engine.Session, error) {
	return sqlite.OpenSession(ctx, sqlite.Config{Database: p.path()}, nil)
}

func (p *sqlitePlace) fresh(ctx context.Context, rows int) (err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		if err := os.Remove(p.path() + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	db, err := p.openDB(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	for _, statement := range []string{
		filledSQL, updatesTableSQL, enqueueSQL,
		fmt.Sprintf(`INSERT INTO filled WITH RECURSIVE c (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM c WHERE i < %d)
			SELECT i, 0, 'a note of some length' FROM c`, rows),
		"PRAGMA wal_checkpoint (TRUNCATE)", "ANALYZE",
	} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (p *sqlitePlace) openDB(ctx context.Context) (*sqlite.DB, error) {
	return sqlite.Open(ctx, sqlite.Config{Database: p.path()}, nil)
}

func (p *sqlitePlace) loop(ctx context.Context, rows, together int) (err error) {
	db, err := p.openDB(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	statement, err := db.PrepareContext(ctx, "UPDATE filled SET n = n + 1 WHERE id > ? AND id <= ?")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, statement.Close()) }()
	return ranges(rows, together, func(after, until int) error {
		_, err := statement.ExecContext(ctx, after, until)
		return err
	})
}
