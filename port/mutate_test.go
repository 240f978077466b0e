package port_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	driver "modernc.org/sqlite"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// mutator changes the rows of a source at random, so that what it holds can still be ported: it keeps to what the target's
// catalog says of types, NULL and unique keys, and takes away what breaks the target's foreign keys.
type mutator struct {
	random *rand.Rand
	tables []*mutatedTable
	links  []foreignKey
}

type mutatedTable struct {
	name    string // quoted
	columns []mutatedColumn
	keys    [][]string // the unique keys of SQLite
	rowid   string     // the column that is the rowid, if there is one
	frozen  []string   // columns of keys that only the target has
}

type mutatedColumn struct {
	Table, Name string
	Type        string // of PostgreSQL
	Length      int32  // in characters, 0 for any
	NotNull     bool
	Indexed     bool // or may be: long values do not fit
	Checked     bool // by a CHECK
}

type foreignKey struct {
	Child         string
	ChildColumns  []string
	Parent        string
	ParentColumns []string
}

const (
	mutableColumns = `SELECT c.relname::text, a.attname::text, t.typname::text,
    CASE WHEN t.typname = 'varchar' AND a.atttypmod > 4 THEN a.atttypmod - 4 ELSE 0 END, a.attnotnull,
    EXISTS (SELECT FROM pg_index AS i WHERE i.indrelid = c.oid AND (a.attnum = ANY (i.indkey) OR 0 = ANY (i.indkey))),
    EXISTS (SELECT FROM pg_constraint AS k WHERE k.conrelid = c.oid AND k.contype = 'c' AND a.attnum = ANY (k.conkey))
FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid JOIN pg_type AS t ON t.oid = a.atttypid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped ORDER BY 1, a.attnum`
	uniqueKeys = `SELECT c.relname::text,
    array(SELECT a.attname::text FROM pg_attribute AS a WHERE a.attrelid = c.oid AND a.attnum = ANY (i.indkey)), i.indpred IS NOT NULL
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indrelid
WHERE i.indisunique AND c.relnamespace = 'public'::regnamespace AND c.relkind = 'r'`
	foreignKeys = `SELECT c.relname::text, columns_of(k.conrelid, k.conkey), p.relname::text, columns_of(k.confrelid, k.confkey)
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid JOIN pg_class AS p ON p.oid = k.confrelid
WHERE k.contype = 'f' AND c.relnamespace = 'public'::regnamespace ORDER BY k.oid`
	columnsOf = `array(SELECT a.attname::text FROM unnest(%s) WITH ORDINALITY AS n (number, place)
    JOIN pg_attribute AS a ON a.attrelid = %s AND a.attnum = n.number ORDER BY n.place)`
)

// targetKey is a unique key of the target.
type targetKey struct {
	Table   string
	Columns []string
	Partial bool
}

// newMutator learns from a prepared target what its source may hold.
func newMutator(t *testing.T, source string, target *dbtest.Database) *mutator {
	t.Helper()
	m := &mutator{}
	var columns []mutatedColumn
	var keys []targetKey
	asSuperuser(t, target, func(conn *pgx.Conn) (err error) {
		links := strings.NewReplacer(
			"columns_of(k.conrelid, k.conkey)", fmt.Sprintf(columnsOf, "k.conkey", "k.conrelid"),
			"columns_of(k.confrelid, k.confkey)", fmt.Sprintf(columnsOf, "k.confkey", "k.confrelid")).Replace(foreignKeys)
		if columns, err = queryAll[mutatedColumn](t.Context(), conn, mutableColumns); err == nil {
			keys, err = queryAll[targetKey](t.Context(), conn, uniqueKeys)
		}
		if err == nil {
			m.links, err = queryAll[foreignKey](t.Context(), conn, links)
		}
		return err
	})
	db := openSource(t, source)
	defer db.Close()
	for _, table := range ordinaryTables(t, db) {
		known := &mutatedTable{name: sqlite.QuoteIdentifier(table)}
		for _, column := range columns {
			if column.Table == table {
				known.columns = append(known.columns, column)
			}
		}
		known.learn(t, db, table, keys)
		if len(known.columns) > 0 {
			m.tables = append(m.tables, known)
		}
	}
	m.links = slices.DeleteFunc(m.links, func(link foreignKey) bool {
		return !slices.ContainsFunc(m.tables, func(table *mutatedTable) bool { return table.name == sqlite.QuoteIdentifier(link.Child) })
	})
	if len(m.tables) < 100 || len(m.links) == 0 {
		t.Fatalf("found %d tables and %d foreign keys", len(m.tables), len(m.links))
	}
	return m
}

func queryAll[T any](ctx context.Context, conn *pgx.Conn, query string) ([]T, error) {
	rows, err := conn.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[T])
}

// ordinaryTables lists the tables of a source that may be changed: not the bookkeeping, and of the search index only what
// holds its texts.
func ordinaryTables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	kept := homeserver.BookkeepingTables()
	names := texts(t, db, `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'
		AND sql NOT LIKE '%WITHOUT ROWID%' AND sql NOT LIKE 'CREATE VIRTUAL%' ORDER BY name`)
	return slices.DeleteFunc(names, func(name string) bool {
		return slices.Contains(kept, name) || name == homeserver.MarkerTable || name == homeserver.BackgroundUpdatesTable
	})
}

func texts(t *testing.T, db *sql.DB, query string) []string {
	t.Helper()
	rows, err := db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		var text string
		if err := rows.Scan(&text); err != nil {
			t.Fatal(err)
		}
		found = append(found, text)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// learn reads what SQLite knows of a table, and which keys of the target it does not hold itself.
func (m *mutatedTable) learn(t *testing.T, db *sql.DB, table string, keys []targetKey) {
	t.Helper()
	literal := postgres.QuoteLiteral(table)
	present := texts(t, db, "SELECT name FROM pragma_table_info("+literal+")")
	if table == homeserver.EventSearchTable+"_content" {
		for _, name := range present[1:] {
			m.columns = append(m.columns, mutatedColumn{Name: name, Type: "text", NotNull: true})
		}
	}
	m.columns = slices.DeleteFunc(m.columns, func(column mutatedColumn) bool { return !slices.Contains(present, column.Name) })
	primary := texts(t, db, "SELECT name FROM pragma_table_info("+literal+") WHERE pk = 1 AND upper(type) = 'INTEGER'")
	if len(primary) == 1 && len(texts(t, db, "SELECT name FROM pragma_table_info("+literal+") WHERE pk > 0")) == 1 {
		m.rowid = primary[0]
		m.keys = append(m.keys, primary)
	}
	partial := map[string]bool{}
	for _, index := range texts(t, db, "SELECT partial || name FROM pragma_index_list("+literal+") WHERE \"unique\"") {
		key := texts(t, db, "SELECT name FROM pragma_index_info("+postgres.QuoteLiteral(index[1:])+") WHERE name IS NOT NULL")
		partial[strings.Join(key, "\x00")] = index[0] == '1'
		m.keys = append(m.keys, key)
	}
	for _, key := range keys {
		held := slices.ContainsFunc(m.keys, func(own []string) bool {
			return (!partial[strings.Join(own, "\x00")] || key.Partial) &&
				!slices.ContainsFunc(own, func(column string) bool { return !slices.Contains(key.Columns, column) })
		})
		if key.Table == table && !held {
			m.frozen = append(m.frozen, key.Columns...)
		}
	}
}

// mutation says how much was changed, for the log.
type mutation struct {
	Inserted, Updated, Deleted, Reused, Orphans int64
	Vacuumed                                    bool
	Journal                                     string
}

// mutate changes the source as the seed says.
func (m *mutator) mutate(t *testing.T, source string, seed uint64) mutation {
	t.Helper()
	m.random = rand.New(rand.NewPCG(seed, 5))
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	db.SetMaxOpenConns(1)
	var done mutation
	err = m.change(t.Context(), db, &done)
	if err == nil && m.random.IntN(3) == 0 {
		done.Vacuumed = true
		_, err = db.ExecContext(t.Context(), "VACUUM")
	}
	if err == nil && m.random.IntN(4) == 0 {
		done.Journal = []string{"WAL", "DELETE"}[m.random.IntN(2)]
		_, err = db.ExecContext(t.Context(), "PRAGMA journal_mode = "+done.Journal)
	}
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	return done
}

func (m *mutator) change(ctx context.Context, db *sql.DB, done *mutation) error {
	if _, err := db.ExecContext(ctx, "PRAGMA foreign_keys = OFF"); err != nil {
		return err
	}
	tx, err := db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // without effect after the commit
	for _, table := range m.tables {
		if m.random.IntN(3) > 0 {
			continue
		}
		if err := m.changeTable(ctx, tx, table, done); err != nil {
			return fmt.Errorf("table %s: %w", table.name, err)
		}
	}
	if err := m.removeOrphans(ctx, tx, done); err != nil {
		return err
	}
	return tx.Commit()
}

// changeTable changes some rows; mostly few, now and then many.
func (m *mutator) changeTable(ctx context.Context, tx *sql.Tx, table *mutatedTable, done *mutation) error {
	rowids, err := m.shuffledRowids(ctx, tx, table)
	if err != nil || len(rowids) == 0 {
		return err
	}
	changes := 1 + m.random.IntN(1+len(rowids)/50)
	if m.random.IntN(30) == 0 {
		changes = len(rowids) / 2
	}
	one := m.random.IntN(10) // when it is below 5, all changes are of this kind
	for i := range min(changes, len(rowids)) {
		kind := one
		if one >= 5 {
			kind = m.random.IntN(5)
		}
		other := rowids[m.random.IntN(len(rowids))]
		switch kind {
		case 0:
			err = m.copyRow(ctx, tx, table, other, nil, &done.Inserted)
		case 1:
			err = m.run(ctx, tx, &done.Deleted, "DELETE FROM "+table.name+" WHERE rowid = ?", rowids[i])
		case 2: // another row takes the place of this one
			if err = m.run(ctx, tx, &done.Deleted, "DELETE FROM "+table.name+" WHERE rowid = ?", rowids[i]); err == nil {
				err = m.copyRow(ctx, tx, table, other, &rowids[i], &done.Reused)
			}
		default:
			err = m.updateRow(ctx, tx, table, rowids[i], other, &done.Updated)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (m *mutator) shuffledRowids(ctx context.Context, tx *sql.Tx, table *mutatedTable) ([]int64, error) {
	rows, err := tx.QueryContext(ctx, "SELECT rowid FROM "+table.name+" ORDER BY rowid")
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var rowids []int64
	for rows.Next() {
		var rowid int64
		if err := rows.Scan(&rowid); err != nil {
			return nil, err
		}
		rowids = append(rowids, rowid)
	}
	m.random.Shuffle(len(rowids), func(i, j int) { rowids[i], rowids[j] = rowids[j], rowids[i] })
	return rowids, rows.Err()
}

// constraintCode is how SQLite refuses what breaks a key, a CHECK or a trigger's rule.
const constraintCode = 19

// run does a statement, unless a constraint of SQLite is against it.
func (m *mutator) run(ctx context.Context, tx *sql.Tx, count *int64, statement string, values ...any) error {
	result, err := tx.ExecContext(ctx, statement, values...)
	var refused *driver.Error
	if errors.As(err, &refused) && refused.Code()&0xff == constraintCode {
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	changed, err := result.RowsAffected()
	*count += changed
	return err
}

// copyRow inserts a row that is like another but for its keys, at a rowid if one is given.
func (m *mutator) copyRow(ctx context.Context, tx *sql.Tx, table *mutatedTable, like int64, at *int64, count *int64) error {
	if len(table.frozen) > 0 {
		return nil
	}
	var renewed []string
	for _, key := range table.keys {
		if len(key) > 0 {
			renewed = append(renewed, key[m.random.IntN(len(key))])
		}
	}
	var into, from []string
	var values []any
	if at != nil {
		into, from, values = []string{"rowid"}, []string{"?"}, []any{*at}
	}
	for _, column := range table.columns {
		if column.Name == table.rowid {
			continue
		}
		into = append(into, sqlite.QuoteIdentifier(column.Name))
		if value := m.value(table, column); slices.Contains(renewed, column.Name) && value != nil && !column.Checked {
			from, values = append(from, "?"), append(values, value)
			continue
		}
		from = append(from, sqlite.QuoteIdentifier(column.Name))
	}
	return m.run(ctx, tx, count, fmt.Sprintf("INSERT OR IGNORE INTO %[1]s (%[2]s) SELECT %[3]s FROM %[1]s WHERE rowid = ?",
		table.name, strings.Join(into, ", "), strings.Join(from, ", ")), append(values, like)...)
}

// updateRow changes some columns, to new values or to those of another row.
func (m *mutator) updateRow(ctx context.Context, tx *sql.Tx, table *mutatedTable, rowid, other int64, count *int64) error {
	var set []string
	var values []any
	for range 1 + m.random.IntN(3) {
		column := table.columns[m.random.IntN(len(table.columns))]
		name := sqlite.QuoteIdentifier(column.Name)
		if column.Checked || slices.Contains(table.frozen, column.Name) || slices.Contains(set, name) {
			continue
		}
		if m.random.IntN(2) == 0 {
			// The other row may have been deleted by now.
			set = append(set, fmt.Sprintf("%s = coalesce((SELECT o.%[1]s FROM %s AS o WHERE o.rowid = ?), %[1]s)", name, table.name))
			values = append(values, other)
			continue
		}
		set, values = append(set, name+" = ?"), append(values, m.value(table, column))
	}
	if len(set) == 0 {
		return nil
	}
	return m.run(ctx, tx, count,
		fmt.Sprintf("UPDATE OR IGNORE %s SET %s WHERE rowid = ?", table.name, strings.Join(set, ", ")), append(values, rowid)...)
}

// value invents one that the target's column takes as it stands.
func (m *mutator) value(table *mutatedTable, column mutatedColumn) any {
	if !column.NotNull && column.Name != table.rowid && m.random.IntN(4) == 0 {
		return nil
	}
	switch column.Type {
	case "bool":
		return int64(m.random.IntN(2))
	case "int2":
		return m.random.Int64N(60_000) - 30_000
	case "int4":
		return m.random.Int64N(2_000_000) - 1000
	case "int8":
		return m.random.Int64N(1<<m.random.IntN(50)) - 1000
	case "float4", "float8":
		return m.random.NormFloat64() * 1000
	case "jsonb":
		return fmt.Sprintf(`{"n": %d, "ä": [true, null, "\u00e9\\"]}`, m.random.IntN(1000))
	case "bytea":
		return []byte(m.text(column) + "\x00\xff")
	default:
		return m.text(column)
	}
}

// text is a text of any length that fits.
func (m *mutator) text(column mutatedColumn) string {
	const letters = "abcdefghijklmnopqrstuvwxyz @:$!\\'\"\t\n\u00e9\u4e16\U0001f600"
	most := 40
	if !column.Indexed && m.random.IntN(10) == 0 {
		most = 20_000
	}
	if column.Length > 0 {
		most = min(most, int(column.Length))
	}
	all := []rune(letters)
	text := make([]rune, m.random.IntN(most+1))
	for i := range text {
		text[i] = all[m.random.IntN(len(all))]
	}
	return string(text)
}

// removeOrphans deletes what a foreign key of the target would refuse, until nothing is left of it.
func (m *mutator) removeOrphans(ctx context.Context, tx *sql.Tx, done *mutation) error {
	for {
		before := done.Orphans
		for _, link := range m.links {
			var present, same []string
			for i, column := range link.ChildColumns {
				child := "c." + sqlite.QuoteIdentifier(column)
				present = append(present, child+" IS NOT NULL")
				same = append(same, "p."+sqlite.QuoteIdentifier(link.ParentColumns[i])+" = "+child)
			}
			statement := fmt.Sprintf(
				"DELETE FROM %s WHERE rowid IN (SELECT c.rowid FROM %[1]s AS c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s))",
				sqlite.QuoteIdentifier(link.Child), strings.Join(present, " AND "), sqlite.QuoteIdentifier(link.Parent), strings.Join(same, " AND "))
			if err := m.run(ctx, tx, &done.Orphans, statement); err != nil {
				return err
			}
		}
		if done.Orphans == before {
			return nil
		}
	}
}
