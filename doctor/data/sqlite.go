package data

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

type sqliteTables struct{ from engine.Querier }

func (*sqliteTables) quote(name string) string { return sqlite.QuoteIdentifier(name) }

// apart has nothing to set: the queries name no index, and SQLite sorts in temporary files.
func (*sqliteTables) apart(_ context.Context, work func() error) error { return work() }

func (*sqliteTables) unreadable(context.Context) ([]string, error) { return nil, nil }

// Tables without rowids are left out, as are indexes over expressions: no homeserver has any. Nor can the INTEGER PRIMARY KEY
// be there twice, being the rowid.
const sqliteUniqueKeysQuery = `
SELECT m.name, l.name, coalesce(s.sql, ''), l.partial, c.name, c.coll
FROM pragma_table_list AS m
JOIN pragma_index_list(m.name) AS l
JOIN pragma_index_xinfo(l.name) AS c
LEFT JOIN sqlite_schema AS s ON s.type = 'index' AND s.name = l.name
WHERE m.schema = 'main' AND m.type = 'table' AND m.wr = 0 AND l."unique" AND c.key
  AND NOT EXISTS (SELECT 1 FROM pragma_index_xinfo(l.name) AS e WHERE e.key AND e.name IS NULL)
ORDER BY m.name, l.name, c.seqno`

func (t *sqliteTables) uniqueKeys(ctx context.Context) (keys []*uniqueKey, err error) {
	var last *uniqueKey
	err = engine.Each(ctx, t.from, sqliteUniqueKeysQuery, nil, func(scan func(...any) error) error {
		var table, index, statement, column, collation string
		var partial bool
		if err := scan(&table, &index, &statement, &partial, &column, &collation); err != nil {
			return err
		}
		if last == nil || last.index != index {
			last = &uniqueKey{table: table, index: index}
			if partial {
				last.where = conditionOf(statement)
			}
			keys = append(keys, last)
		}
		last.parts = append(last.parts, t.quote(column))
		last.groups = append(last.groups, t.quote(column)+" COLLATE "+collation)
		return nil
	})
	return keys, err
}

// condition is what stands behind the columns of an index. A column has no WHERE in its brackets: an index takes no subquery.
var condition = regexp.MustCompile(`(?is)\)\s*WHERE\b(.*)$`)

func conditionOf(statement string) string {
	if match := condition.FindStringSubmatch(statement); match != nil {
		return strings.TrimSpace(match[1])
	}
	return ""
}

// notVirtual leaves out the tables of modules, which need not be there.
const notVirtual = `m.sql NOT LIKE 'CREATE VIRTUAL %'`

const sqliteForeignKeysQuery = `
SELECT m.name, f.id, f."table", f."from", coalesce(f."to", (SELECT p.name FROM pragma_table_info(f."table") AS p WHERE p.pk = f.seq + 1), '')
FROM sqlite_schema AS m JOIN pragma_foreign_key_list(m.name) AS f WHERE m.type = 'table' AND ` + notVirtual + ` ORDER BY m.name, f.id, f.seq`

func (t *sqliteTables) foreignKeys(ctx context.Context) (keys []*foreignKey, err error) {
	var last *foreignKey
	lastID := int64(0)
	err = engine.Each(ctx, t.from, sqliteForeignKeysQuery, nil, func(scan func(...any) error) error {
		var table, parent, from, to string
		var id int64
		if err := scan(&table, &id, &parent, &from, &to); err != nil {
			return err
		}
		if last == nil || last.table != table || lastID != id {
			last, lastID = &foreignKey{name: fmt.Sprintf("%s, number %d", table, id), table: table, parent: parent, declared: true, validated: true}, id
			keys = append(keys, last)
		}
		last.columns, last.parentKey = append(last.columns, from), append(last.parentKey, to)
		return nil
	})
	return keys, err
}

func (t *sqliteTables) columns(ctx context.Context, table string) ([]string, error) {
	return texts(ctx, t.from, "SELECT name FROM pragma_table_info(?) ORDER BY cid", table)
}

func (t *sqliteTables) duplicates(key *uniqueKey) string {
	return fmt.Sprintf("SELECT '[' || group_concat('\"' || rowid || '\"') || ']' FROM %s NOT INDEXED%s GROUP BY %s HAVING count(*) > 1",
		t.quote(key.table), whereOf(key), strings.Join(key.groups, ", "))
}

func (t *sqliteTables) copies(key *uniqueKey, order string, columns []string) string {
	if order == "" {
		order = "NULL"
	} else {
		order = "CAST(" + t.quote(order) + " AS INTEGER)"
	}
	return fmt.Sprintf("SELECT CAST(rowid AS TEXT), -1, %s, %s, %s FROM %s NOT INDEXED WHERE rowid IN (SELECT CAST(value AS INTEGER) FROM json_each(?))",
		order, t.sum("", columns), keyText(key.parts, func(part string) string { return "CAST(" + part + " AS TEXT)" }), t.quote(key.table))
}

// sum is an expression for all of a row, whose name and a dot may stand before its columns: SQLite has no hash. Of what may be
// secret, only the length is in it.
func (t *sqliteTables) sum(row string, columns []string) string {
	pieces := make([]string, len(columns))
	for i, column := range columns {
		name := row + t.quote(column)
		pieces[i] = "quote(" + name + ")"
		if isSecret(column) {
			pieces[i] = "coalesce(length(" + name + "), 'NULL')"
		}
	}
	return strings.Join(pieces, " || ',' || ")
}

func (*sqliteTables) placeList(places []string) string { return "[" + strings.Join(places, ",") + "]" }

func (t *sqliteTables) orphans(key *foreignKey) string {
	text := keyText(quoted(t, key.columns), func(part string) string { return "CAST(c." + part + " AS TEXT)" })
	return orphansQuery(t, key, "rowid", text)
}

// booleanColumnsQuery: columns are declared so, which is what a port goes by, too.
const booleanColumnsQuery = `
SELECT m.name, c.name FROM sqlite_schema AS m JOIN pragma_table_info(m.name) AS c
WHERE m.type = 'table' AND ` + notVirtual + ` AND lower(c.type) LIKE '%bool%' ORDER BY m.name, c.cid`

func booleanColumns(ctx context.Context, from engine.Querier) (names []string, columns map[string][]string, err error) {
	columns = map[string][]string{}
	err = engine.Each(ctx, from, booleanColumnsQuery, nil, func(scan func(...any) error) error {
		var table, column string
		if err := scan(&table, &column); err != nil {
			return err
		}
		columns[table] = append(columns[table], column)
		if !slices.Contains(names, table) {
			names = append(names, table)
		}
		return nil
	})
	return names, columns, err
}
