package port_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"math/big"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite" // a second way to read the source, not the port's own

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// openSource opens a database for a look at it, in a way that leaves nothing beside it.
func openSource(t testing.TB, path string) *sql.DB {
	t.Helper()
	address := url.URL{Scheme: "file", Path: path, RawQuery: "mode=ro&immutable=1"}
	db, err := sql.Open("sqlite", address.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// comparison reads both sides without the port's own code: it lets each engine write its values as text.
type comparison struct {
	source  *sql.DB
	target  *pgx.Conn
	ofState bool // the target is the database of state alone
}

type targetColumn struct{ name, kind string }

const targetColumns = `SELECT table_name::text, column_name::text, udt_name::text FROM information_schema.columns
WHERE table_schema = current_schema() ORDER BY table_name, column_name`

// tables returns the columns of every table that both sides have and that a port copies row by row.
func (c comparison) tables(t testing.TB) map[string][]targetColumn {
	t.Helper()
	skipped := slices.Concat(homeserver.RegeneratedTables(), homeserver.TransientTables(), homeserver.BookkeepingTables(),
		[]string{homeserver.EventSearchTable, homeserver.DirectoryPositionTable,
			"ui_auth_sessions", "ui_auth_sessions_credentials", "ui_auth_sessions_ips"})
	if c.ofState {
		skipped = append(skipped, schema.ModulesTable) // every database has it; what modules had applied goes where their tables go
	}
	tables := map[string][]targetColumn{}
	rows, err := c.target.Query(t.Context(), targetColumns)
	if err != nil {
		t.Fatal(err)
	}
	var table, column, kind string
	_, err = pgx.ForEachRow(rows, []any{&table, &column, &kind}, func() error {
		tables[table] = append(tables[table], targetColumn{column, kind})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for table := range tables {
		if slices.Contains(skipped, table) || !c.inSource(t, table) {
			delete(tables, table)
		}
	}
	return tables
}

func (c comparison) inSource(t testing.TB, table string) bool {
	t.Helper()
	var count int
	err := c.source.QueryRowContext(t.Context(),
		"SELECT count(*) FROM sqlite_master WHERE type = 'table' AND name = ?", table).Scan(&count)
	if err != nil {
		t.Fatal(err)
	}
	return count > 0
}

// sourceForm and targetForm make the same text of the same value: bytes in hexadecimal, numbers in decimal.
func sourceForm(column targetColumn) string {
	name := sqlite.QuoteIdentifier(column.name)
	switch column.kind {
	case "bool", "int2", "int4", "int8", "jsonb":
		return fmt.Sprintf("coalesce('v' || CAST(%s AS TEXT), 'null')", name)
	default:
		return fmt.Sprintf("CASE WHEN %[1]s IS NULL THEN 'null' ELSE 'v' || lower(hex(%[1]s)) END", name)
	}
}

func targetForm(column targetColumn) string {
	name := postgres.QuoteIdentifier(column.name)
	switch column.kind {
	case "bool":
		return fmt.Sprintf("coalesce('v' || %s::integer, 'null')", name)
	case "int2", "int4", "int8", "jsonb":
		return fmt.Sprintf("coalesce('v' || %s::text, 'null')", name)
	case "bytea":
		return fmt.Sprintf("coalesce('v' || encode(%s, 'hex'), 'null')", name)
	default:
		return fmt.Sprintf("coalesce('v' || encode(convert_to(%s::text, 'UTF8'), 'hex'), 'null')", name)
	}
}

// differences compares all rows of all tables, and returns how many there are.
func (c comparison) differences(t testing.TB) (compared int) {
	t.Helper()
	for table, columns := range c.tables(t) {
		var there, here []string
		for _, column := range columns {
			there, here = append(there, sourceForm(column)), append(here, targetForm(column))
		}
		want := c.readSource(t, fmt.Sprintf("SELECT %s FROM %s", strings.Join(there, ", "), sqlite.QuoteIdentifier(table)), columns)
		got := c.readTarget(t, fmt.Sprintf("SELECT %s FROM %s", strings.Join(here, ", "), postgres.QuoteIdentifier(table)), columns)
		if difference := cmp.Diff(want, got); difference != "" {
			t.Errorf("table %s (-source +target):\n%.2000s", table, difference)
		}
		compared += len(want)
	}
	return compared
}

func (c comparison) readSource(t testing.TB, query string, columns []targetColumn) []string {
	t.Helper()
	rows, err := c.source.QueryContext(t.Context(), query) //nolint:rowserrcheck // readLines does
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	return readLines(t, rows, columns)
}

func (c comparison) readTarget(t testing.TB, query string, columns []targetColumn) []string {
	t.Helper()
	rows, err := c.target.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	return readLines(t, rows, columns)
}

// resultRows are the rows of either side's driver.
type resultRows interface {
	Next() bool
	Scan(into ...any) error
	Err() error
}

// readLines reads all rows, one line each, in the order of the lines.
func readLines(t testing.TB, rows resultRows, columns []targetColumn) []string {
	t.Helper()
	var lines []string
	for rows.Next() {
		lines = append(lines, scanLine(t, rows, columns))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(lines)
	return lines
}

func scanLine(t testing.TB, rows interface{ Scan(into ...any) error }, columns []targetColumn) string {
	t.Helper()
	values := make([]string, len(columns))
	into := make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	if err := rows.Scan(into...); err != nil {
		t.Fatal(err)
	}
	for i, column := range columns {
		if column.kind == "jsonb" && values[i] != "null" {
			values[i] = plainJSON(t, values[i][1:])
		}
		values[i] = column.name + "=" + values[i]
	}
	return strings.Join(values, " ")
}

// plainJSON writes JSON with its keys in order and its numbers as fractions.
func plainJSON(t testing.TB, text string) string {
	t.Helper()
	decoder := json.NewDecoder(strings.NewReader(text))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return fmt.Sprintf("%#v", plainNumbers(value))
}

func plainNumbers(value any) any {
	switch value := value.(type) {
	case map[string]any:
		for key := range value {
			value[key] = plainNumbers(value[key])
		}
	case []any:
		for i := range value {
			value[i] = plainNumbers(value[i])
		}
	case json.Number:
		if fraction, ok := new(big.Rat).SetString(value.String()); ok {
			return "number " + fraction.RatString()
		}
	}
	return value
}

// searchTexts reads the texts of the search index of our own schema, the last first.
const searchTexts = `SELECT s.event_id, s.value FROM event_search AS s JOIN events AS e ON e.event_id = s.event_id AND e.room_id = s.room_id
ORDER BY s.rowid DESC`

// sameSearch checks that each text of an event is found as upstream would find it.
func (c comparison) sameSearch(t testing.TB, query string) (events int) {
	t.Helper()
	rows, err := c.source.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	texts := map[string]string{} // the first row of an event counts, so they are read backwards
	for rows.Next() {
		var event, text string
		if err := rows.Scan(&event, &text); err != nil {
			t.Fatal(err)
		}
		texts[event] = strings.ReplaceAll(text, "\x00", " ")
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var all int
	if err := c.target.QueryRow(t.Context(), "SELECT count(*) FROM event_search").Scan(&all); err != nil {
		t.Fatal(err)
	}
	if all != len(texts) {
		t.Errorf("the search index has %d rows, want one for each of %d events", all, len(texts))
	}
	for event, text := range texts {
		var same bool
		err := c.target.QueryRow(t.Context(),
			"SELECT vector = to_tsvector('english', $2) FROM event_search WHERE event_id = $1", event, text).Scan(&same)
		if err != nil || !same {
			t.Errorf("search row of %s: same %v, %v", event, same, err)
		}
	}
	return len(texts)
}
