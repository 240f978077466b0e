package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// sqliteTarget is a file that gets its name in the end: until then no homeserver finds it.
type sqliteTarget struct {
	*restoration

	database *Database
	path     string
	folder   *os.Root
}

func (t *sqliteTarget) check(context.Context) (bool, error) {
	for _, end := range []string{"", "-wal", "-journal", "-shm"} {
		_, err := os.Lstat(t.path + end)
		if err == nil {
			return false, refuse(TargetNotEmpty, t.path+end+" is there", "restore to where no database is: what is there is never written over")
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return false, err
		}
	}
	_, err := os.Lstat(t.path + unfinishedEnd)
	return err == nil, nil
}

func (t *sqliteTarget) name() string       { return filepath.Base(t.path) }
func (t *sqliteTarget) unfinished() string { return t.name() + unfinishedEnd }

func (t *sqliteTarget) fill(ctx context.Context) (err error) {
	stored := t.database.Files[0]
	t.meter.enter(PhaseDatabase, t.database.Label, stored.Size)
	if t.folder, err = os.OpenRoot(filepath.Dir(t.path)); err != nil {
		return err
	}
	// The name of a copy that is being made ends twice.
	for _, end := range []string{"", "-wal", "-journal", "-shm"} {
		if err := unlessMissing(t.folder.Remove(t.unfinished() + end)); err != nil {
			return err
		}
	}
	as := placed{name: t.unfinished(), mode: 0o600, owner: t.backup.Manifest.Media.Owner, group: t.backup.Manifest.Media.Group}
	if err := place(ctx, t.folder, as, t.backup.root, stored, t.meter.add); err != nil {
		return fmt.Errorf("restore the database %s: %w", t.database.Label, err)
	}
	return t.complete(ctx)
}

// complete empties what must not come back, moves AUTOINCREMENT columns on, and counts.
func (t *sqliteTarget) complete(ctx context.Context) (err error) {
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: filepath.Join(filepath.Dir(t.path), t.unfinished()), MustExist: true}, t.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	result := RestoredDatabase{Label: t.database.Label, Target: t.path, Snapshot: t.database.Snapshot, Tables: len(t.database.Tables), Sequences: len(t.database.Sequences)}
	err = session.Transact(ctx, engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		for _, table := range t.database.Tables {
			if table.Left {
				if _, err := tx.Exec(ctx, "DELETE FROM "+sqlite.QuoteIdentifier(table.Name)); err != nil {
					return err
				}
			}
		}
		if len(t.database.Sequences) == 0 {
			return nil
		}
		_, err := tx.Exec(ctx, "UPDATE sqlite_sequence SET seq = seq + ?", t.options.SequenceMargin)
		return err
	})
	if err != nil {
		return err
	}
	result.Rows, result.Emptied, err = t.prove(ctx, session, t.database, func(table Table) string { return sqlite.QuoteIdentifier(table.Name) })
	t.report.Databases = append(t.report.Databases, result)
	return err
}

func (t *sqliteTarget) finish(context.Context) error {
	if err := syncFile(t.folder, t.unfinished(), false); err != nil {
		return err
	}
	if err := rename(t.folder, t.unfinished(), t.name()); err != nil {
		return err
	}
	return syncFolder(t.folder, ".")
}

func (t *sqliteTarget) close() error {
	if t.folder == nil {
		return nil
	}
	return t.folder.Close()
}
