package backup

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path"
	"time"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// sqliteSource copies a file by SQLite's online backup.
type sqliteSource struct {
	database config.Database
	name     string // of the dump, below the folder of the backup
}

func openSQLite(ctx context.Context, c *creation, database config.Database, name string) (source, error) {
	if database.SQLitePath == config.InMemory {
		return nil, refuse(DatabaseInMemory, fmt.Sprintf("the database %s is in memory", database.Label), "there is nothing to back up")
	}
	if c.folder != nil {
		if err := c.folder.MkdirAll(path.Dir(name), 0o700); err != nil {
			return nil, err
		}
		if info, err := os.Stat(database.SQLitePath); err == nil {
			c.dumps += info.Size()
		}
		err := sqlite.CheckBackup(database.SQLitePath, c.absolute(name+sqliteEnd), sqlite.BackupOptions{})
		if full, isFull := errors.AsType[*sqlite.DestinationError](err); isFull && full.Problem == sqlite.DestinationFull {
			return nil, refuse(SpaceMissing, fmt.Sprintf("the copy of %s: %v", database.Label, err), "make room, or remove old backups")
		}
		if err != nil {
			return nil, err
		}
	}
	return &sqliteSource{database: database, name: name + sqliteEnd}, context.Cause(ctx)
}

// take makes the copy, which is a state that the database was in when the copying began.
func (s *sqliteSource) take(ctx context.Context, c *creation, into *Database) (err error) {
	into.Label, into.Dump = s.database.Label, s.name
	c.meter.Enter(at(PhaseDatabase, s.database.Label), 0)
	destination := c.absolute(s.name)
	into.Snapshot = time.Now().UTC()
	_, err = sqlite.Backup(ctx, s.database.SQLitePath, destination, sqlite.BackupOptions{Rate: -1, Log: c.options.Log, Progress: c.copies(s.database.Label)})
	if err != nil {
		return err
	}
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: destination, MustExist: true}, c.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := s.inspect(ctx, c, session, into); err != nil {
		return err
	}
	if err := c.distance(ctx, session, s.database.DataStores, into); err != nil {
		return err
	}
	if err := c.listRows(ctx, session, s.database.DataStores); err != nil {
		return err
	}
	return s.empty(ctx, session, into)
}

// copies shows how far a copy is, and begins to count again whenever the copy does.
func (c *creation) copies(label string) func(sqlite.BackupProgress) {
	var before sqlite.BackupProgress
	return func(now sqlite.BackupProgress) {
		if now.Attempt != before.Attempt {
			c.meter.Enter(at(PhaseDatabase, label), now.Total)
			before.Done = 0
		}
		c.meter.Add(now.Done - before.Done)
		before = now
	}
}

const (
	// Virtual tables have no root page; their content is in tables of their own.
	sqliteTables = `SELECT name FROM sqlite_schema WHERE type = 'table' AND rootpage > 0 AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`
	countersSQL  = `SELECT name, seq FROM sqlite_sequence ORDER BY name`
	hasCounters  = `SELECT count(*) FROM sqlite_schema WHERE name = 'sqlite_sequence'`
)

func (s *sqliteSource) inspect(ctx context.Context, c *creation, session engine.Session, into *Database) error {
	if err := into.describe(ctx, session, s.database); err != nil {
		return err
	}
	into.Tables, into.Sequences = []Table{}, []Sequence{}
	err := engine.Each(ctx, session, sqliteTables, nil, func(scan func(...any) error) error {
		table := Table{}
		err := scan(&table.Name)
		into.Tables = append(into.Tables, table)
		return err
	})
	if err != nil {
		return err
	}
	if err := into.count(ctx, session, func(table Table) string { return sqlite.QuoteIdentifier(table.Name) }, c.leftOut()); err != nil {
		return err
	}
	var counters int
	if err := session.QueryRow(ctx, hasCounters).Scan(&counters); err != nil || counters == 0 {
		return err
	}
	return engine.Each(ctx, session, countersSQL, nil, func(scan func(...any) error) error {
		sequence := Sequence{Last: new(int64)}
		err := scan(&sequence.Name, sequence.Last)
		into.Sequences = append(into.Sequences, sequence)
		return err
	})
}

// empty removes the rows that are left out; nothing of them stays in the file.
func (s *sqliteSource) empty(ctx context.Context, session engine.Session, into *Database) error {
	if _, err := session.Exec(ctx, "PRAGMA secure_delete = ON"); err != nil {
		return err
	}
	return session.Transact(ctx, engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		for _, table := range into.Tables {
			if !table.Left || table.Rows == 0 {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM "+sqlite.QuoteIdentifier(table.Name)); err != nil {
				return fmt.Errorf("leave out the rows of %s: %w", table.Name, err)
			}
		}
		return nil
	})
}

// dump only sums the copy.
func (s *sqliteSource) dump(ctx context.Context, c *creation, into *Database) error {
	c.meter.Enter(at(PhaseProof, s.database.Label), 0)
	stored, err := sumFile(ctx, c.folder, s.name, c.meter.Add)
	into.Files, into.Bytes = []Stored{stored}, stored.Size
	return err
}

func (s *sqliteSource) close() error { return nil }
