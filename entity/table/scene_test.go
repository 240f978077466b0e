package table_test

import (
	"context"
	"database/sql"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[holding](holdingVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

// app is the application of tests that have one.
const app = "f4f75495-8928-4f8d-895b-22fbef47f549"

// now is a time as the tables keep it.
var now = time.Date(2026, 11, 21, 20, 30, 0, 123456000, time.UTC)

// place is a database, as tests and as programs open it.
type place struct {
	anyengine.Database

	database synapse.Database
}

func newPlace(t testing.TB, kind engine.Kind) place {
	t.Helper()
	made := place{Database: anyengine.New(t, kind)}
	var err error
	if made.database, err = made.Physical(); err != nil {
		t.Fatal(err)
	}
	return made
}

// onEveryEngine runs a test on an empty database of each engine.
func onEveryEngine(t *testing.T, test func(t *testing.T, at place)) {
	t.Helper()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) { test(t, newPlace(t, kind)) })
}

// onServers runs a test on the engines whose connections can be lost.
func onServers(t *testing.T, test func(t *testing.T, at place)) {
	t.Helper()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, newPlace(t, kind))
		})
	}
}

func sqliteAt(path string) synapse.Database {
	return synapse.Database{Label: "entity", Engine: engine.SQLite, SQLite: sqlite.Config{Database: path}}
}

// open opens an application for the length of the test.
func open(t testing.TB, database synapse.Database, application string) *table.Table {
	t.Helper()
	opened, err := table.Open(t.Context(), database, table.Application{ID: application, Name: "Test"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := opened.Close(); err != nil {
			t.Error(err)
		}
	})
	return opened
}

func closeTable(t testing.TB, opened *table.Table) {
	t.Helper()
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
}

// row makes a row whose state is a number.
func row(id string, state int) table.Row {
	return table.Row{
		ID: id, State: fmt.Append(nil, state), Attributes: []byte(`{"unit": "°C"}`), Locals: []byte(`{}`), Definition: 1,
		LastChanged: now, LastWritten: now.Add(time.Second),
	}
}

// changeTo sets entities to rows.
func changeTo(rows ...table.Row) []table.Change {
	changes := make([]table.Change, len(rows))
	for i := range rows {
		changes[i] = table.Change{ID: rows[i].ID, Row: &rows[i]}
	}
	return changes
}

func write(t testing.TB, opened *table.Table, changes ...table.Change) {
	t.Helper()
	if err := opened.Write(t.Context(), changes); err != nil {
		t.Fatal(err)
	}
}

// load reads all rows, sorted by id.
func load(t testing.TB, opened *table.Table) []table.Row {
	t.Helper()
	var rows []table.Row
	err := opened.Load(t.Context(), func(row table.Row) error {
		rows = append(rows, row)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.SortFunc(rows, func(a, b table.Row) int { return strings.Compare(a.ID, b.ID) })
	return rows
}

func mustHold(t testing.TB, opened *table.Table, want ...table.Row) {
	t.Helper()
	want = slices.Clone(want)
	slices.SortFunc(want, func(a, b table.Row) int { return strings.Compare(a.ID, b.ID) })
	got := load(t, opened)
	if reflect.DeepEqual(want, got) {
		return // cmp takes seconds for what is large
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("rows (-want +got):\n%s", difference)
	}
}

// endSessions ends the connections of all Tables of a server's database, from another session.
func endSessions(t testing.TB, from engine.Session) {
	t.Helper()
	if from.Engine() == engine.Postgres {
		execute(t, from, `SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'synapse entity'`)
		return
	}
	const others = `SELECT p.id FROM information_schema.PROCESSLIST AS p WHERE p.db = DATABASE() AND p.id <> CONNECTION_ID()`
	rows, err := from.Query(t.Context(), others)
	if err != nil {
		t.Fatal(err)
	}
	ids, err := engine.Collect(rows, func(rows *sql.Rows) (id int64, err error) {
		err = rows.Scan(&id)
		return id, err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range ids {
		execute(t, from, fmt.Sprintf("KILL %d", id))
	}
	dbtest.Await(t, func() bool { return one[int](t, from, `SELECT count(*) FROM (`+others+`) AS o`) == 0 })
}

func execute(t testing.TB, on engine.Querier, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := on.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// one reads one value.
func one[T any](t testing.TB, from engine.Querier, query string, values ...any) (value T) {
	t.Helper()
	if err := from.QueryRow(t.Context(), query, values...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// holdingVariable has the test binary play a process that opens an application and writes again and again, until it is killed.
const holdingVariable = "SYNAPSE_TABLE_TEST_HOLDING"

type holding struct {
	Database    anyengine.Database
	Application string
}

// Run is the process.
func (h holding) Run(ctx context.Context) error {
	database, err := h.Database.Physical()
	if err != nil {
		return err
	}
	opened, err := table.Open(ctx, database, table.Application{ID: h.Application}, nil)
	if err != nil {
		return err
	}
	for i := 1; ; i++ {
		if err := opened.Write(ctx, changeTo(row("counter", i))); err != nil {
			return err
		}
	}
}

// cancelled is a context that has ended.
func cancelled(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}
