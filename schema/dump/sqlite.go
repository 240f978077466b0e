package dump

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// sqliteReader reads sqlite_schema, which keeps the statements.
type sqliteReader struct {
	session engine.Session
}

func (r *sqliteReader) quote(name string) string { return sqlite.QuoteIdentifier(name) }

const sqliteSchemaSQL = `SELECT type, name, tbl_name, trim(sql, char(9, 10, 13, 32)) FROM sqlite_schema
WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\_%' ESCAPE '\' ORDER BY name`

// sqliteObject is a row of sqlite_schema.
type sqliteObject struct{ kind, name, table, text string }

func (o sqliteObject) virtual() bool {
	words := sqltext.Words(engine.SQLite, o.text, 2)
	return len(words) == 2 && words[1] == "VIRTUAL"
}

// oldFullText reports whether it is of FTS3 or FTS4.
func (o sqliteObject) oldFullText() bool {
	if !o.virtual() {
		return false
	}
	words := sqltext.Words(engine.SQLite, o.text, 20)
	at := slices.Index(words, "USING")
	return at >= 0 && at+1 < len(words) && slices.Contains([]string{"FTS3", "FTS4"}, words[at+1])
}

// checkEmpty refuses rows of a virtual table: their module alone knows how they came there.
func (r *sqliteReader) checkEmpty(ctx context.Context, table sqliteObject) error {
	holder := table.name
	if table.oldFullText() {
		holder += "_content"
	}
	some, err := hasRows(ctx, r.session, r.quote(holder))
	if err != nil {
		return fmt.Errorf("look for rows of %s: %w", table.name, err)
	}
	if some {
		return &UnsupportedError{Objects: []string{"rows of the virtual table " + table.name}}
	}
	return nil
}

// shadows are the tables that a virtual table made for itself. SQLite knows those of its own modules; FTS3 and FTS4 are none.
func (r *sqliteReader) shadows(ctx context.Context, objects []sqliteObject) ([]string, error) {
	rows, err := texts(ctx, r.session, "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'shadow'")
	if err != nil {
		return nil, err
	}
	var names []string
	for _, row := range rows {
		names = append(names, row[0])
	}
	for _, object := range objects {
		if !object.oldFullText() {
			continue
		}
		for _, ending := range []string{"_content", "_segments", "_segdir", "_docsize", "_stat"} {
			names = append(names, object.name+ending)
		}
	}
	return names, nil
}

// objects leaves shadow tables out, but not the indexes that somebody else has made on them.
func (r *sqliteReader) objects(ctx context.Context) ([]sqliteObject, error) {
	rows, err := texts(ctx, r.session, sqliteSchemaSQL)
	if err != nil {
		return nil, err
	}
	objects := make([]sqliteObject, len(rows))
	for i, row := range rows {
		objects[i] = sqliteObject{row[0], row[1], row[2], row[3]}
	}
	shadows, err := r.shadows(ctx, objects)
	return slices.DeleteFunc(objects, func(o sqliteObject) bool { return o.kind == "table" && slices.Contains(shadows, o.name) }), err
}

func (r *sqliteReader) read(ctx context.Context) ([]entry, error) {
	objects, err := r.objects(ctx)
	if err != nil {
		return nil, err
	}
	var rows []entry
	for _, object := range objects {
		if object.kind != "table" {
			continue
		}
		if object.virtual() {
			if err := r.checkEmpty(ctx, object); err != nil {
				return nil, err
			}
			continue
		}
		found, err := r.rows(ctx, object)
		if err != nil {
			return nil, fmt.Errorf("read the rows of %s: %w", object.name, err)
		}
		rows = append(rows, found...)
	}
	entries := ofKind(objects, "table")
	entries = append(entries, rows...)
	sortRows(entries)
	for _, kind := range []string{"index", "view", "trigger"} {
		entries = append(entries, ofKind(objects, kind)...)
	}
	return entries, nil
}

func ofKind(objects []sqliteObject, kind string) []entry {
	var entries []entry
	for _, object := range objects {
		if object.kind == kind {
			entries = append(entries, entry{owner: relation(object.table), text: object.text})
		}
	}
	return entries
}

const sqliteColumnsSQL = `SELECT name FROM pragma_table_xinfo(?, 'main') WHERE hidden = 0 ORDER BY cid`

// rows gives the rows of a table, and its counter where the rows alone do not bring it to its value.
func (r *sqliteReader) rows(ctx context.Context, table sqliteObject) ([]entry, error) {
	found, err := texts(ctx, r.session, sqliteColumnsSQL, table.name)
	if err != nil {
		return nil, err
	}
	var columns, literals []string
	for _, row := range found {
		column := r.quote(row[0])
		columns = append(columns, column)
		// SQLite's quote() ends at a NUL character.
		literals = append(literals, fmt.Sprintf(
			"CASE WHEN typeof(%[1]s) = 'text' AND instr(CAST(%[1]s AS BLOB), x'00') > 0 THEN 'CAST(x''' || hex(%[1]s) || ''' AS TEXT)' ELSE quote(%[1]s) END", column))
	}
	values, err := texts(ctx, r.session, "SELECT "+strings.Join(literals, " || ', ' || ")+" FROM "+r.quote(table.name))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, row := range values {
		entries = append(entries, entry{owner: relation(table.name), text: insert(r.quote(table.name), columns, row[0]), row: true})
	}
	counter, err := r.counter(ctx, table)
	return append(entries, counter...), err
}

// counter is that of an AUTOINCREMENT.
func (r *sqliteReader) counter(ctx context.Context, table sqliteObject) ([]entry, error) {
	words := sqltext.Words(engine.SQLite, table.text, len(table.text))
	if !slices.Contains(words, "AUTOINCREMENT") {
		return nil, nil
	}
	rows, err := texts(ctx, r.session, "SELECT quote(name), seq FROM sqlite_sequence WHERE name = ? AND seq <> (SELECT coalesce(max(rowid), 0) FROM "+
		r.quote(table.name)+")", table.name)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return []entry{
		{owner: relation(table.name), text: "DELETE FROM sqlite_sequence WHERE name = " + rows[0][0]},
		{owner: relation(table.name), text: "INSERT INTO sqlite_sequence (name, seq) VALUES (" + rows[0][0] + ", " + rows[0][1] + ")"},
	}, nil
}

// tables are those that are no virtual ones; what these hold is in their shadow tables' rows.
func (r *sqliteReader) tables(ctx context.Context) ([]string, error) {
	objects, err := r.objects(ctx)
	var names []string
	for _, object := range objects {
		if object.kind == "table" && !object.virtual() {
			names = append(names, object.name)
		}
	}
	return names, err
}
