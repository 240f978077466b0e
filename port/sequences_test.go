package port_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// Every sequence hands out one more than the greatest of its tables' ids, the stream's positions and what SQLite has
// handed out itself. The demo has each of them ahead of the others somewhere.
func TestSequencesAreAheadOfEverything(t *testing.T) {
	t.Parallel()
	source, target := demoSource(t, small), preparedTarget(t)
	if _, err := portInto(t, source, target, nil); err != nil {
		t.Fatal(err)
	}
	sides := comparison{source: openSource(t, source), target: target.Connect(t)}
	want, got := map[string]int64{}, map[string]int64{}
	for _, stream := range homeserver.Streams() {
		if next := sides.nextOf(t, stream.Sequence); next > 0 {
			want[stream.Sequence], got[stream.Sequence] = sides.greatestOf(t, stream)+1, next
		}
	}
	for sequence, table := range sides.identities(t) {
		want[sequence] = 1 + sides.sourceNumber(t, "SELECT max(seq) FROM sqlite_sequence WHERE name = ?", table)
		got[sequence] = sides.nextOf(t, sequence)
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("what the sequences hand out next (-want +got):\n%s", difference)
	}
	if len(got) < 20 {
		t.Errorf("only %d sequences were compared", len(got))
	}
}

// nextOf returns what a sequence of the target hands out next, 0 if it has no such sequence.
func (c comparison) nextOf(t testing.TB, sequence string) int64 {
	t.Helper()
	if !queryOne[bool](t, c.target, "SELECT to_regclass($1) IS NOT NULL", sequence) {
		return 0
	}
	return queryOne[int64](t, c.target, "SELECT last_value + is_called::integer FROM "+pgx.Identifier{sequence}.Sanitize())
}

// identities maps the sequence of each identity column to the table that SQLite counts it by.
func (c comparison) identities(t testing.TB) map[string]string {
	t.Helper()
	rows, err := c.target.Query(t.Context(), `SELECT table_name::text,
(SELECT relname::text FROM pg_class WHERE oid = pg_get_serial_sequence(quote_ident(table_name), column_name)::regclass)
FROM information_schema.columns WHERE table_schema = current_schema() AND is_identity = 'YES'`)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	var table, sequence string
	if _, err := pgx.ForEachRow(rows, []any{&table, &sequence}, func() error {
		found[sequence] = table
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	return found
}

func (c comparison) sourceNumber(t testing.TB, query string, args ...any) int64 {
	t.Helper()
	var number *int64
	if err := c.source.QueryRowContext(t.Context(), query, args...).Scan(&number); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if number == nil {
		return 0
	}
	return *number
}

// greatestOf returns the greatest id of a stream that the source has.
func (c comparison) greatestOf(t testing.TB, stream homeserver.Stream) int64 {
	t.Helper()
	greatest := stream.Minimum
	for _, column := range stream.Tables {
		if !c.hasColumn(t, column) {
			continue
		}
		query := greatestIn(stream) + " FROM " + sqlite.QuoteIdentifier(column.Table)
		query = strings.ReplaceAll(query, "COLUMN", sqlite.QuoteIdentifier(column.Column))
		greatest = max(greatest, c.sourceNumber(t, query))
	}
	if stream.Name == "" {
		return greatest
	}
	return max(greatest, c.sourceNumber(t, "SELECT max(abs(stream_id)) FROM stream_positions WHERE stream_name = ?", stream.Name))
}

// greatestIn begins the query for the greatest id in a column.
func greatestIn(stream homeserver.Stream) string {
	switch {
	case stream.Negative:
		return "SELECT -min(COLUMN)"
	case stream.UserNumbers:
		return `SELECT max(CASE WHEN COLUMN GLOB '@[0-9]*:*' AND substr(COLUMN, 2, instr(COLUMN, ':') - 2) NOT GLOB '*[^0-9]*'
THEN CAST(substr(COLUMN, 2) AS INTEGER) END)`
	default:
		return "SELECT max(COLUMN)"
	}
}

func (c comparison) hasColumn(t testing.TB, column homeserver.TableColumn) bool {
	t.Helper()
	return c.sourceNumber(t, "SELECT count(*) FROM pragma_table_info(?) WHERE name = ? COLLATE NOCASE", column.Table, column.Column) > 0
}
