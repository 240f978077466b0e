package dump

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
)

// mysqlReader asks the server for the statements.
type mysqlReader struct {
	session engine.Session
}

func (r *mysqlReader) quote(name string) string { return mysql.QuoteIdentifier(name) }

const (
	mysqlTablesSQL = `SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES
WHERE TABLE_SCHEMA = DATABASE() ORDER BY CAST(TABLE_NAME AS BINARY)`
	mysqlColumnsSQL = `SELECT COLUMN_NAME, LOWER(DATA_TYPE) FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = ? AND coalesce(GENERATION_EXPRESSION, '') = '' ORDER BY ORDINAL_POSITION`
	mysqlTriggersSQL = `SELECT TRIGGER_NAME, EVENT_OBJECT_TABLE FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE()
ORDER BY CAST(EVENT_OBJECT_TABLE AS BINARY), ACTION_TIMING, EVENT_MANIPULATION, ACTION_ORDER`
	mysqlRoutinesSQL = `SELECT ROUTINE_NAME, ROUTINE_TYPE FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = DATABASE()
ORDER BY ROUTINE_TYPE, CAST(ROUTINE_NAME AS BINARY)`
	mysqlEventsSQL = `SELECT EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() ORDER BY EVENT_NAME`
)

func (r *mysqlReader) tables(ctx context.Context) ([]string, error) {
	rows, err := texts(ctx, r.session, mysqlTablesSQL)
	return named(rows, "BASE TABLE", "SYSTEM VERSIONED"), err
}

func named(rows [][]string, kinds ...string) []string {
	var names []string
	for _, row := range rows {
		if slices.Contains(kinds, row[1]) {
			names = append(names, row[0])
		}
	}
	return names
}

func (r *mysqlReader) read(ctx context.Context) ([]entry, error) {
	if err := r.checkKnown(ctx); err != nil {
		return nil, err
	}
	listed, err := texts(ctx, r.session, mysqlTablesSQL)
	if err != nil {
		return nil, err
	}
	var entries, rows, keys []entry
	for _, sequence := range named(listed, "SEQUENCE") {
		found, err := r.sequence(ctx, sequence)
		if err != nil {
			return nil, fmt.Errorf("sequence %s: %w", sequence, err)
		}
		entries = append(entries, found...)
	}
	for _, table := range named(listed, "BASE TABLE", "SYSTEM VERSIONED") {
		create, foreign, err := r.table(ctx, table)
		if err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
		held, err := r.rows(ctx, table)
		if err != nil {
			return nil, fmt.Errorf("rows of %s: %w", table, err)
		}
		entries, rows, keys = append(entries, create), append(rows, held...), append(keys, foreign...)
	}
	sortRows(rows)
	programs, err := r.programs(ctx, named(listed, "VIEW"))
	return slices.Concat(entries, rows, keys, programs), err
}

func (r *mysqlReader) checkKnown(ctx context.Context) error {
	events, err := texts(ctx, r.session, mysqlEventsSQL)
	if err != nil || len(events) == 0 {
		return err
	}
	refusal := &UnsupportedError{}
	for _, event := range events {
		refusal.Objects = append(refusal.Objects, "event "+event[0])
	}
	return refusal
}

// show gives one column of what SHOW CREATE answers.
func (r *mysqlReader) show(ctx context.Context, kind, name string, column int) (string, error) {
	rows, err := texts(ctx, r.session, "SHOW CREATE "+kind+" "+r.quote(name))
	if err != nil {
		return "", err
	}
	if len(rows) != 1 || column >= len(rows[0]) || rows[0][column] == "" {
		return "", fmt.Errorf("the server does not show how %s %s was created: this user may not read it", kind, name)
	}
	return strings.TrimSpace(rows[0][column]), nil
}

// table gives the table and, apart from it, its foreign keys, since the tables they point to may come later.
func (r *mysqlReader) table(ctx context.Context, name string) (create entry, keys []entry, err error) {
	text, err := r.show(ctx, "TABLE", name, 1)
	if err != nil {
		return entry{}, nil, err
	}
	var kept []string
	for line := range strings.SplitSeq(text, "\n") {
		trimmed := strings.TrimSuffix(strings.TrimSpace(line), ",")
		if strings.HasPrefix(trimmed, "CONSTRAINT ") && foreignKey.MatchString(trimmed) {
			keys = append(keys, entry{owner: relation(name), text: "ALTER TABLE " + r.quote(name) + " ADD " + trimmed})
			continue
		}
		if strings.HasPrefix(line, ")") && len(kept) > 0 {
			kept[len(kept)-1] = strings.TrimSuffix(kept[len(kept)-1], ",")
		}
		kept = append(kept, line)
	}
	return entry{owner: relation(name), text: strings.Join(kept, "\n")}, keys, nil
}

var foreignKey = regexp.MustCompile("^CONSTRAINT `(?:[^`]|``)*` FOREIGN KEY ")

// sequence is one of MariaDB's, which goes on with the next value that was not handed to a session.
func (r *mysqlReader) sequence(ctx context.Context, name string) ([]entry, error) {
	create, err := r.show(ctx, "SEQUENCE", name, 1)
	if err != nil {
		return nil, err
	}
	next, err := texts(ctx, r.session, "SELECT next_not_cached_value FROM "+r.quote(name))
	if err != nil {
		return nil, err
	}
	return []entry{
		{owner: relation(name), text: create},
		{owner: relation(name), text: "DO SETVAL(" + r.quote(name) + ", " + next[0][0] + ", 0)"},
	}, nil
}

func (r *mysqlReader) rows(ctx context.Context, table string) ([]entry, error) {
	found, err := texts(ctx, r.session, mysqlColumnsSQL, table)
	if err != nil {
		return nil, err
	}
	var columns, literals []string
	for _, row := range found {
		columns, literals = append(columns, r.quote(row[0])), append(literals, r.literal(row[0], row[1]))
	}
	values, err := texts(ctx, r.session, "SELECT CONCAT_WS(', ', "+strings.Join(literals, ", ")+") FROM "+r.quote(table))
	if err != nil {
		return nil, err
	}
	var entries []entry
	for _, row := range values {
		entries = append(entries, entry{owner: relation(table), text: insert(r.quote(table), columns, row[0]), row: true})
	}
	return entries, nil
}

// literal is an expression that writes a column's value as in a statement.
func (r *mysqlReader) literal(column, kind string) string {
	value := r.quote(column)
	switch kind {
	case "tinyint", "smallint", "mediumint", "int", "bigint", "decimal", "double", "year":
		value = "CAST(" + value + " AS CHAR)"
	case "float":
		value = "CAST(CAST(" + value + " AS DOUBLE) AS CHAR)"
	case "bit":
		value = "CAST(" + value + " + 0 AS CHAR)"
	case "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob":
		value = "CONCAT('X''', HEX(" + value + "), '''')"
	default:
		return "QUOTE(" + value + ")" // NULL is the word NULL
	}
	return "COALESCE(" + value + ", 'NULL')"
}

// programs are routines, views and triggers, without the account that made them.
func (r *mysqlReader) programs(ctx context.Context, views []string) ([]entry, error) {
	var entries []entry
	add := func(owner, kind, name string, column int) error {
		text, err := r.show(ctx, kind, name, column)
		entries = append(entries, entry{owner: owner, text: definer.ReplaceAllString(text, "$1")})
		return err
	}
	routines, err := texts(ctx, r.session, mysqlRoutinesSQL)
	if err != nil {
		return nil, err
	}
	for _, row := range routines {
		if err := add(routine(row[0]), row[1], row[0], 2); err != nil {
			return nil, err
		}
	}
	before := len(entries)
	for _, view := range views {
		if err := add(relation(view), "VIEW", view, 1); err != nil {
			return nil, err
		}
	}
	orderViews(entries[before:], r.quote)
	triggers, err := texts(ctx, r.session, mysqlTriggersSQL)
	if err != nil {
		return nil, err
	}
	for _, row := range triggers {
		if err := add(relation(row[1]), "TRIGGER", row[0], 2); err != nil {
			return nil, err
		}
	}
	return entries, nil
}

var definer = regexp.MustCompile("^(CREATE (?:ALGORITHM=[A-Z]+ )?)DEFINER=`(?:[^`]|``)*`@`(?:[^`]|``)*` ")

// orderViews puts a view behind those that it reads.
func orderViews(entries []entry, quote func(string) string) {
	reads := func(e entry, view string) bool {
		return e.owner != relation(view) && strings.Contains(e.text, quote(view))
	}
	ordered, left := []entry{}, slices.Clone(entries)
	for len(left) > 0 {
		free := slices.IndexFunc(left, func(e entry) bool {
			return !slices.ContainsFunc(left, func(other entry) bool { return reads(e, strings.TrimPrefix(other.owner, relation(""))) })
		})
		free = max(free, 0) // a circle is a name that only looks like a view
		ordered, left = append(ordered, left[free]), slices.Delete(left, free, free+1)
	}
	copy(entries, ordered)
}
