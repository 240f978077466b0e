package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Rewrite says what a table becomes that ALTER TABLE cannot change so far: other types, constraints, keys or order.
type Rewrite struct {
	// Table keeps its name.
	Table string
	// Definition is what a CREATE TABLE has after the name: columns and constraints in parentheses, then WITHOUT ROWID or
	// STRICT where wanted.
	Definition string
	// Columns are filled with what the old table holds; a new column that is not among them gets its default.
	Columns []RewriteColumn
	// Where keeps only those rows of the old table for which it holds; empty keeps all.
	Where string
	// Values stand for the "?" of the columns' expressions, then of Where.
	Values []any
	// Bare leaves the indexes and triggers of the old table out, instead of making them again.
	Bare bool
}

// RewriteColumn is one column of the new table.
type RewriteColumn struct {
	Name string
	// Value is an expression over the columns of the old table; empty means the column of the same name.
	Value string
}

// RewriteError says why a table was not rewritten, before anything was changed.
type RewriteError struct {
	Table   string
	Problem string
	Hint    string
}

// Error says what to do.
func (e *RewriteError) Error() string {
	return fmt.Sprintf("rewrite the table %s: %s; %s", e.Table, e.Problem, e.Hint)
}

// RewriteTable replaces a table by one of another form, with its rows, indexes, triggers, AUTOINCREMENT counter and the
// views and triggers that mention it, in the steps of https://www.sqlite.org/lang_altertable.html#otheralter. Those of
// them that concern the transaction are its owner's: where other tables have foreign keys to this one, it must be one
// with engine.TxOptions.KeysUnchecked (for a Go delta: KeysUnchecked), and is refused otherwise, since DROP TABLE would
// delete the rows that refer to it. An index or a trigger that does not fit the new table is an error; drop it first.
func RewriteTable(ctx context.Context, tx engine.Tx, rewrite Rewrite) error {
	r := &rewriter{tx: tx, Rewrite: rewrite, temporary: rewrite.Table + "_rewritten"}
	for _, step := range []func(context.Context) error{
		r.find, r.checkKeys, r.readObjects, r.readCounter, r.dropObjects, r.replace, r.restoreCounter, r.restoreObjects,
	} {
		if err := step(ctx); err != nil {
			if refusal, refused := errors.AsType[*RewriteError](err); refused {
				return refusal
			}
			return fmt.Errorf("rewrite the table %s: %w", rewrite.Table, err)
		}
	}
	return nil
}

type rewriter struct {
	Rewrite

	tx        engine.Tx
	temporary string
	objects   []schemaObject
	counter   sql.NullInt64 // of AUTOINCREMENT
}

type schemaObject struct{ kind, name, table, sql string }

const rewrittenSQL = `SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name = ? COLLATE NOCASE`

func (r *rewriter) find(ctx context.Context) error {
	if r.tx.Engine() != engine.SQLite {
		return &RewriteError{Table: r.Table, Problem: fmt.Sprintf("the database is one of %s", r.tx.Engine()), Hint: "use ALTER TABLE there"}
	}
	var definition string
	err := r.tx.QueryRow(ctx, rewrittenSQL, r.Table).Scan(&r.Table, &definition)
	if errors.Is(err, sql.ErrNoRows) {
		return &RewriteError{Table: r.Table, Problem: "there is no such table", Hint: "correct the name"}
	}
	if err == nil && strings.HasPrefix(strings.ToUpper(strings.Join(strings.Fields(definition), " ")), "CREATE VIRTUAL ") {
		return &RewriteError{Table: r.Table, Problem: "it is a virtual table", Hint: "drop it and make it again"}
	}
	return err
}

const referencingSQL = `SELECT coalesce(group_concat(DISTINCT child.name), '')
FROM sqlite_schema AS child, pragma_foreign_key_list(child.name) AS key
WHERE child.type = 'table' AND key."table" = ? COLLATE NOCASE`

// checkKeys refuses to drop a table whose rows are referred to while SQLite acts on that.
func (r *rewriter) checkKeys(ctx context.Context) error {
	var enforced bool
	if err := r.tx.QueryRow(ctx, "PRAGMA foreign_keys").Scan(&enforced); err != nil || !enforced {
		return err
	}
	var referencing string
	if err := r.tx.QueryRow(ctx, referencingSQL, r.Table).Scan(&referencing); err != nil || referencing == "" {
		return err
	}
	return &RewriteError{
		Table: r.Table, Problem: "rows of these tables refer to it and would be deleted with it: " + referencing,
		Hint: "run it in a transaction with KeysUnchecked",
	}
}

const schemaObjectsSQL = `SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type <> 'table' AND sql IS NOT NULL ORDER BY rowid`

// readObjects finds what goes with the table, and what SQLite would not rename the new table under: views, and triggers
// of other tables, in which it is mentioned. Views may name it by another view, so all of them are taken.
func (r *rewriter) readObjects(ctx context.Context) error {
	rows, err := r.tx.Query(ctx, schemaObjectsSQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var object schemaObject
		if err := rows.Scan(&object.kind, &object.name, &object.table, &object.sql); err != nil {
			return err
		}
		r.objects = append(r.objects, object)
	}
	return rows.Err()
}

// own reports whether an object is dropped with the table.
func (r *rewriter) own(object schemaObject) bool {
	return object.kind != "view" && strings.EqualFold(object.table, r.Table)
}

// concerned reports whether an object has to make way: the triggers of views go with these.
func (r *rewriter) concerned(object schemaObject) bool {
	switch {
	case object.kind == "view":
		return true
	case object.kind != "trigger" || r.own(object):
		return false
	}
	return r.isView(object.table) || strings.Contains(strings.ToLower(object.sql), strings.ToLower(r.Table))
}

func (r *rewriter) isView(name string) bool {
	for _, object := range r.objects {
		if object.kind == "view" && strings.EqualFold(object.name, name) {
			return true
		}
	}
	return false
}

func (r *rewriter) readCounter(ctx context.Context) error {
	var exists bool
	const kept = "SELECT EXISTS (SELECT 1 FROM sqlite_schema WHERE name = 'sqlite_sequence')"
	if err := r.tx.QueryRow(ctx, kept).Scan(&exists); err != nil || !exists {
		return err
	}
	err := r.tx.QueryRow(ctx, "SELECT seq FROM sqlite_sequence WHERE name = ?", r.Table).Scan(&r.counter)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

// dropObjects begins with the triggers, since those of a view are gone after it.
func (r *rewriter) dropObjects(ctx context.Context) error {
	for _, kind := range []string{"trigger", "view"} {
		for _, object := range r.objects {
			if object.kind != kind || !r.concerned(object) {
				continue
			}
			if _, err := r.tx.Exec(ctx, "DROP "+kind+" "+QuoteIdentifier(object.name)); err != nil {
				return fmt.Errorf("set the %s %s aside: %w", kind, object.name, err)
			}
		}
	}
	return nil
}

func (r *rewriter) replace(ctx context.Context) error {
	table, temporary := QuoteIdentifier(r.Table), QuoteIdentifier(r.temporary)
	if _, err := r.tx.Exec(ctx, "CREATE TABLE "+temporary+" "+r.Definition); err != nil {
		return fmt.Errorf("create its new form: %w", err)
	}
	if len(r.Columns) > 0 {
		if _, err := r.tx.Exec(ctx, r.copySQL(), r.Values...); err != nil {
			return fmt.Errorf("copy its rows: %w", err)
		}
	}
	if _, err := r.tx.Exec(ctx, "DROP TABLE "+table); err != nil {
		return fmt.Errorf("drop its old form: %w", err)
	}
	if _, err := r.tx.Exec(ctx, "ALTER TABLE "+temporary+" RENAME TO "+table); err != nil {
		return fmt.Errorf("rename its new form: %w", err)
	}
	return nil
}

func (r *rewriter) copySQL() string {
	names, values := make([]string, len(r.Columns)), make([]string, len(r.Columns))
	for i, column := range r.Columns {
		names[i], values[i] = QuoteIdentifier(column.Name), column.Value
		if column.Value == "" {
			values[i] = QuoteIdentifier(r.Table) + "." + names[i] // alone, an unknown name in quotes would be a string
		}
	}
	statement := "INSERT INTO " + QuoteIdentifier(r.temporary) + " (" + strings.Join(names, ", ") + ") SELECT " +
		strings.Join(values, ", ") + " FROM " + QuoteIdentifier(r.Table)
	if r.Where != "" {
		statement += " WHERE " + r.Where
	}
	return statement
}

// restoreCounter keeps AUTOINCREMENT from giving the numbers of deleted rows again. The rename took the new table's
// counter with it, if rows were copied.
func (r *rewriter) restoreCounter(ctx context.Context) error {
	if !r.counter.Valid || !strings.Contains(strings.ToUpper(r.Definition), "AUTOINCREMENT") {
		return nil
	}
	counted, err := r.tx.Exec(ctx, "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = ?", r.counter.Int64, r.Table)
	if err == nil && counted == 0 {
		_, err = r.tx.Exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", r.Table, r.counter.Int64)
	}
	if err != nil {
		return fmt.Errorf("keep its AUTOINCREMENT counter: %w", err)
	}
	return nil
}

// restoreObjects makes them in the order in which they were made.
func (r *rewriter) restoreObjects(ctx context.Context) error {
	for _, object := range r.objects {
		if !r.concerned(object) && (!r.own(object) || r.Bare) {
			continue
		}
		if _, err := r.tx.Exec(ctx, object.sql); err != nil {
			return fmt.Errorf("make the %s %s again: %w", object.kind, object.name, err)
		}
	}
	return nil
}
