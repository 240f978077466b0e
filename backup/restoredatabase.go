package backup

import (
	"context"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

// neverRestored are the tables whose rows do not come back, whatever a dump holds.
func neverRestored() []string {
	return slices.Concat([]string{oneTimeKeys}, homeserver.TransientTables())
}

// placeDatabases decides where each database goes.
func (m *restoration) placeDatabases(ctx context.Context) error {
	if !m.wants(PartDatabase) {
		for _, database := range m.backup.Manifest.Databases {
			m.report.NotRestored = append(m.report.NotRestored, "the database "+database.Label)
		}
		return nil
	}
	var problems []Problem
	for i := range m.backup.Manifest.Databases {
		database := &m.backup.Manifest.Databases[i]
		opened, err := m.placeDatabase(ctx, database)
		if refused, isRefused := errors.AsType[*RefusedError](err); isRefused {
			problems = append(problems, refused.Problems...)
			continue
		}
		if err != nil {
			return fmt.Errorf("the target of the database %s: %w", database.Label, err)
		}
		m.targets = append(m.targets, opened)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

func (m *restoration) placeDatabase(ctx context.Context, database *Database) (target, error) {
	var to *postgres.Config
	file := filepath.Join(m.options.Folder, path.Base(database.Dump))
	if m.options.Folder == "" {
		configured := m.configured(database)
		if configured == nil {
			return nil, refuse(TargetMissing, fmt.Sprintf("the configuration has no database for %v of %s", database.Logical, database.Engine),
				"give it the same databases as were backed up; synapse backup show lists them")
		}
		to, file = configured.Postgres, configured.SQLitePath
	} else if database.Engine == string(engine.Postgres) {
		if to = m.options.Databases[database.Label]; to == nil {
			return nil, refuse(TargetMissing, "there is no place for the database "+database.Label, "give an empty one: --database "+database.Label+"=DSN")
		}
	}
	if database.Engine == string(engine.SQLite) {
		return &sqliteTarget{restoration: m, database: database, path: file}, nil
	}
	return openPostgresTarget(ctx, m, database, to)
}

// configured finds the database that keeps the same.
func (m *restoration) configured(database *Database) *config.Database {
	for i := range m.options.Config.Databases {
		one := &m.options.Config.Databases[i]
		stores, wanted := slices.Sorted(slices.Values(one.DataStores)), slices.Sorted(slices.Values(database.Logical))
		if string(one.Engine) == database.Engine && slices.Equal(stores, wanted) {
			return one
		}
	}
	return nil
}

// prove counts every table and compares it with the manifest.
func (m *restoration) prove(ctx context.Context, from engine.Querier, database *Database, quote func(Table) string) (rows int64, emptied []string, err error) {
	m.meter.Enter(at(PhaseProof, database.Label), 0)
	var differences []string
	emptied = []string{}
	for _, table := range database.Tables {
		wanted := table.Rows
		if table.Left || slices.Contains(neverRestored(), table.Name) {
			wanted = 0
			emptied = append(emptied, table.Name)
		}
		var there int64
		if err := from.QueryRow(ctx, "SELECT count(*) FROM "+quote(table)).Scan(&there); err != nil {
			return 0, nil, fmt.Errorf("count the rows of %s: %w", table.Name, err)
		}
		if there != wanted {
			differences = append(differences, fmt.Sprintf("%s has %d rows instead of %d", table.Name, there, wanted))
		}
		rows += there
	}
	if len(differences) > 0 {
		return 0, nil, &MismatchError{Database: database.Label, Differences: differences}
	}
	return rows, emptied, nil
}
