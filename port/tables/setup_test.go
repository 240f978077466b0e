package tables_test

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"testing"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[moveProcess](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

//go:embed testdata/sample
var sampleFiles embed.FS

// sample is a set with a column of every type.
func sample(t testing.TB) *schema.Set {
	t.Helper()
	set, err := readSample()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func readSample() (*schema.Set, error) {
	files, err := fs.Sub(sampleFiles, "testdata/sample")
	if err != nil {
		return nil, err
	}
	return schema.New(schema.Definition{Name: "sample", Version: 1, CompatVersion: 1, Engines: anyengine.Engines(), Files: files})
}

func newSet(t testing.TB, files fs.FS) *schema.Set {
	t.Helper()
	set, err := schema.New(schema.Definition{Name: "sample", Version: 1, CompatVersion: 1, Engines: anyengine.Engines(), Files: files})
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// physical is a test's database as the package takes it.
func physical(t testing.TB, database anyengine.Database) synapse.Database {
	t.Helper()
	made, err := database.Physical()
	if err != nil {
		t.Fatal(err)
	}
	return made
}

// prepared is a database with the set's empty tables.
func prepared(t testing.TB, kind engine.Kind, set *schema.Set) anyengine.Database {
	t.Helper()
	database := anyengine.New(t, kind)
	database.With(t, func(session engine.Session) error {
		_, err := schema.Prepare(t.Context(), session, set, schema.Options{})
		return err
	})
	return database
}

func exec(t testing.TB, session engine.Session, statement string, values ...any) {
	t.Helper()
	if _, err := session.Exec(t.Context(), statement, values...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// filled is a source with rows of every kind.
func filled(t testing.TB, kind engine.Kind) anyengine.Database {
	t.Helper()
	database := prepared(t, kind, sample(t))
	database.With(t, func(session engine.Session) error {
		fill(t, session)
		return nil
	})
	return database
}

func fill(t testing.TB, session engine.Session) {
	t.Helper()
	exec(t, session, "INSERT INTO authors (author_id, name, born) VALUES (1, 'Ångström', '1814-08-13'), (7, 'nobody', NULL), (30, '', '0001-01-01')")
	exec(t, session, "DELETE FROM authors WHERE author_id = 30") // its number is not given out again
	exec(t, session, "INSERT INTO books (book_id, author_id, part_of, title) VALUES (2, 1, NULL, 'whole')")
	exec(t, session, "INSERT INTO books (book_id, author_id, part_of, title) VALUES (1, 7, 2, 'part'), (-9223372036854775807, 1, 1, 'part of a part')")
	if session.Engine() == engine.Postgres { // where numbers that are given are not counted
		exec(t, session, "SELECT setval('authors_author_id_seq', 30)")
	}
	single := float64(float32(0.1))
	insert := `INSERT INTO notes (name, place, flag, tiny, number, ratio, narrow, amount, exact_amount, body, short, picture, day, clock, written, moment, document, loose, token)
VALUES (?, ?, TRUE, -32768, 2147483647, ?, ?, 12345678.654321, '-0.000001', ?, 'ten letter', ?, '2024-02-29', '23:59:59.999999',
	'2024-02-29 23:59:59.5', ` + moment(session.Engine(), "2024-03-31 01:30:00.000001") + `, ?, '{"a": "x", "b": [1, 2.50]}', '0f8fad5b-d9cb-469f-a165-70867728950e')`
	exec(t, session, insert, "a", 1, 0.1, single, "ünïcödé \t\n\r\\ \\N \"quoted\" '🙂'", []byte{0, 1, 255, '\\', '\n'}, "{ \"b\": 1.0,\t\"b\": 2 }")
	exec(t, session, insert, "A", 1, 5e-324, single, "", []byte{}, "[]")
	exec(t, session, insert, "a", -1, 1.7976931348623157e308, single, "\\.", []byte("text"), "null")
	exec(t, session, insert, "emoji 🙂", 9223372036854775807, -123456789.123456789, single, "long ", []byte("x"), "1e400")
	exec(t, session, "INSERT INTO notes (name, place) VALUES ('nothing', 0)")
	exec(t, session, "INSERT INTO notes (name, place, flag, ratio, narrow, exact_amount) VALUES ('more', 0, FALSE, 100, 16777216, '123456789012345.5')")
	exec(t, session, "INSERT INTO bare (number, body) VALUES (1, 'twice'), (1, 'twice'), (NULL, NULL)")
}

// moment is a point in time, in UTC.
func moment(kind engine.Kind, text string) string {
	if kind == engine.Postgres {
		text += "+00"
	}
	return "'" + text + "'"
}

func move(t testing.TB, from, to anyengine.Database, set *schema.Set) *tables.Report {
	t.Helper()
	report, err := tables.Move(t.Context(), tables.Options{From: physical(t, from), To: physical(t, to), Set: set})
	if err != nil {
		t.Fatalf("%s to %s: %v\n%+v", from.Engine, to.Engine, err, report.BadValues)
	}
	return report
}

// contents are all rows of a SQLite database as SQL writes them, table by table.
func contents(ctx context.Context, session engine.Session) (rows []string, err error) {
	for _, query := range []string{
		"SELECT 'author ' || quote(author_id) || quote(name) || quote(born) FROM authors ORDER BY author_id",
		"SELECT 'book ' || quote(book_id) || ' ' || quote(author_id) || ' ' || quote(part_of) || quote(title) FROM books ORDER BY book_id",
		`SELECT 'note ' || quote(name) || quote(place) || ' ' || quote(flag) || ' ' || quote(tiny) || ' ' || quote(number) || ' ' || quote(ratio) || ' ' ||
	printf('%!.9g', narrow) || ' ' || quote(amount) || ' ' || quote(rtrim(exact_amount, '0')) || quote(body) || quote(short) || quote(picture) || quote(day) || quote(clock) ||
	quote(written) || quote(moment) || quote(document) || quote(json(loose)) || quote(token) || quote(length) FROM notes ORDER BY name, place`,
		"SELECT 'bare ' || quote(number) || quote(body) FROM bare ORDER BY number, body",
		"SELECT 'counter ' || name || ' ' || seq FROM sqlite_sequence ORDER BY name",
	} {
		err := engine.Each(ctx, session, query, nil, func(scan func(...any) error) error {
			var row string
			err := scan(&row)
			rows = append(rows, row)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: %w", query, err)
		}
	}
	return rows, nil
}

func contentsOf(t testing.TB, database anyengine.Database) (rows []string) {
	t.Helper()
	database.With(t, func(session engine.Session) (err error) {
		rows, err = contents(t.Context(), session)
		return err
	})
	return rows
}
