package back

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// layout is what the set makes of an empty SQLite database.
type layout []*liteTable

// liteTable is an ordinary table of it.
type liteTable struct {
	name    string
	columns []*liteColumn
	counts  bool // AUTOINCREMENT
}

type liteColumn struct {
	name     string
	declared string
}

// layoutOf makes the tables of some logical databases in memory.
func layoutOf(ctx context.Context, set *schema.Set, logical []string, log *slog.Logger) (found layout, err error) {
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: config.InMemory}, log)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := prepareEmpty(ctx, session, set, logical, log); err != nil {
		return nil, err
	}
	return readLayout(ctx, session)
}

// prepareEmpty leaves no background update: none has anything to do.
func prepareEmpty(ctx context.Context, session engine.Session, set *schema.Set, logical []string, log *slog.Logger) error {
	if _, err := schema.Prepare(ctx, session, set, schema.Options{Databases: logical, Log: log}); err != nil {
		return fmt.Errorf("prepare the tables: %w", err)
	}
	if set.Name() != upstream.SetName {
		return nil
	}
	if _, err := upstream.FinishEmpty(ctx, session); err != nil {
		return fmt.Errorf("finish the background updates of the empty file: %w", err)
	}
	return nil
}

const (
	liteTablesSQL  = `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`
	liteColumnsSQL = `SELECT name, type FROM pragma_table_xinfo(?) WHERE hidden = 0 ORDER BY cid`
)

var (
	virtualTable  = regexp.MustCompile(`(?i)^CREATE\s+VIRTUAL\s`)
	autoincrement = regexp.MustCompile(`(?i)\bAUTOINCREMENT\b`)
)

// shadowSuffixes are those of the tables in which full-text tables keep their data. SQLite itself knows them only where it has
// the module.
func shadowSuffixes() []string {
	return []string{"_content", "_segments", "_segdir", "_docsize", "_stat", "_data", "_idx", "_config"}
}

func readLayout(ctx context.Context, from engine.Querier) (layout, error) {
	rows, err := from.Query(ctx, liteTablesSQL)
	if err != nil {
		return nil, err
	}
	made, err := engine.Collect(rows, func(rows *sql.Rows) ([2]string, error) {
		var pair [2]string
		err := rows.Scan(&pair[0], &pair[1])
		return pair, err
	})
	if err != nil {
		return nil, err
	}
	hidden := map[string]bool{}
	for _, table := range made {
		if virtualTable.MatchString(table[1]) {
			hidden[table[0]] = true
			for _, suffix := range shadowSuffixes() {
				hidden[table[0]+suffix] = true
			}
		}
	}
	var found layout
	for _, table := range made {
		if hidden[table[0]] {
			continue
		}
		columns, err := readColumns(ctx, from, table[0])
		if err != nil {
			return nil, fmt.Errorf("read the columns of %s: %w", table[0], err)
		}
		found = append(found, &liteTable{name: table[0], columns: columns, counts: autoincrement.MatchString(table[1])})
	}
	return found, nil
}

func readColumns(ctx context.Context, from engine.Querier, table string) ([]*liteColumn, error) {
	rows, err := from.Query(ctx, liteColumnsSQL, table)
	if err != nil {
		return nil, err
	}
	return engine.Collect(rows, func(rows *sql.Rows) (*liteColumn, error) {
		column := &liteColumn{}
		return column, rows.Scan(&column.name, &column.declared)
	})
}

func (l layout) table(name string) *liteTable {
	i := slices.IndexFunc(l, func(table *liteTable) bool { return strings.EqualFold(table.name, name) })
	if i < 0 {
		return nil
	}
	return l[i]
}

// notCopied says of a table by its name that its rows are not copied, and why where an operator should know.
func notCopied(set *schema.Set, table string) (reason string, left bool) {
	bookkeeping := slices.Concat(set.BookkeepingTables(), homeserver.BookkeepingTables())
	switch {
	case table == schema.ModulesTable: // modules look there for what their own tables hold
		return "", false
	case slices.Contains(bookkeeping, table):
		return "", true
	case table == homeserver.EventSearchTable:
		return "the homeserver fills its search index again from the events", true
	case slices.Contains(homeserver.RegeneratedTables(), table), table == homeserver.DirectoryPositionTable:
		return "the homeserver builds the user directory again at its next start", true
	case slices.Contains(homeserver.TransientTables(), table):
		return "locks of running processes, which mean nothing elsewhere", true
	case slices.Contains(homeserver.PostgresOnlyTables(), table):
		return "what several processes on one database need; SQLite serves one", true
	}
	return "", false
}

func scanText(rows *sql.Rows) (string, error) {
	var text string
	err := rows.Scan(&text)
	return text, err
}
