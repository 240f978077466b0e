package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// sqliteTarget is a file that gets its name in the end: until then no homeserver finds it.
type sqliteTarget struct {
	*restoration

	database *Database
	path     string
	folder   *os.Root
	complete bool // before this run
}

func (t *sqliteTarget) check(context.Context) (bool, error) {
	if named, err := os.Lstat(t.path); err == nil {
		unnamed, err := os.Lstat(t.path + unfinishedEnd)
		t.complete = err == nil && os.SameFile(named, unnamed) || t.wasComplete()
	}
	if t.complete {
		return true, nil
	}
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
	if err := os.MkdirAll(filepath.Dir(t.path), 0o750); err != nil {
		return err
	}
	if t.folder, err = os.OpenRoot(filepath.Dir(t.path)); err != nil || t.complete {
		return err
	}
	stored := t.database.Files[0]
	t.meter.Enter(at(PhaseDatabase, t.database.Label), stored.Size)
	// The name of a copy that is being made ends twice.
	for _, end := range []string{"", "-wal", "-journal", "-shm"} {
		if err := unlessMissing(t.folder.Remove(t.unfinished() + end)); err != nil {
			return err
		}
	}
	as := placed{name: t.unfinished(), mode: 0o600, owner: t.backup.Manifest.Media.Owner, group: t.backup.Manifest.Media.Group}
	if err := place(ctx, t.folder, as, t.backup.root, stored, t.meter.Add); err != nil {
		return fmt.Errorf("restore the database %s: %w", t.database.Label, err)
	}
	return t.finishCopy(ctx)
}

// finishCopy empties what must not come back, moves AUTOINCREMENT columns on, and counts.
func (t *sqliteTarget) finishCopy(ctx context.Context) (err error) {
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: filepath.Join(filepath.Dir(t.path), t.unfinished()), MustExist: true}, t.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	result := RestoredDatabase{Label: t.database.Label, Target: t.path, Snapshot: t.database.Snapshot, Tables: len(t.database.Tables), Sequences: len(t.database.Sequences)}
	err = session.Transact(ctx, engine.TxOptions{KeysUnchecked: true}, func(tx engine.Tx) error {
		for _, table := range t.database.Tables {
			if table.Left || slices.Contains(neverRestored(), table.Name) {
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

// finish gives the database its name, which nothing may have. The other name stays as the mark.
func (t *sqliteTarget) finish(context.Context) error {
	if t.complete {
		return nil
	}
	if err := syncFile(t.folder, t.unfinished(), false); err != nil {
		return err
	}
	if err := t.folder.Link(t.unfinished(), t.name()); err != nil {
		return err
	}
	return syncFolder(t.folder, ".")
}

func (t *sqliteTarget) unmark(context.Context) error {
	return errors.Join(unlessMissing(t.folder.Remove(t.unfinished())), syncFolder(t.folder, "."))
}

func (t *sqliteTarget) close() error {
	if t.folder == nil {
		return nil
	}
	return t.folder.Close()
}
