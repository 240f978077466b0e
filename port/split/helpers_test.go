package split_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[splitProcess](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

const serverName = "demo.example.com"

func ours(t testing.TB) *schema.Set {
	t.Helper()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func upstreams(t testing.TB) *schema.Set {
	t.Helper()
	set, err := upstream.Open(filepath.Join(dbtest.Repository(t), "homeserver", "upstream", "testdata", "schema"))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// place makes physical databases of an engine, for main and state or for what is named.
type place engine.Kind

const (
	onPostgres = place(engine.Postgres)
	onSQLite   = place(engine.SQLite)
)

func both() []string { return []string{"main", "state"} }

func (p place) empty(t testing.TB, logical ...string) split.Database {
	t.Helper()
	if p == onPostgres {
		return described(t, dbtest.NewDatabase(t), logical...)
	}
	return split.Database{Label: "file", SQLitePath: filepath.Join(t.TempDir(), "data.db"), Logical: logical}
}

// prepared has the tables of a set, and nothing in them.
func (p place) prepared(t testing.TB, set *schema.Set, logical ...string) split.Database {
	t.Helper()
	return p.made(t, set, "prepared", create, logical...)
}

// filled is a homeserver's database with state groups, of ours or of the fixture of upstream's.
func (p place) filled(t testing.TB, set *schema.Set) split.Database {
	t.Helper()
	return p.made(t, set, "filled", fill, both()...)
}

// files holds the bytes of the SQLite files that tests copy.
var files dbtest.Once[string, []byte]

// filling puts something into an empty database.
type filling func(testing.TB, split.Database, *schema.Set)

// made gives a test its own copy of a database that is made once.
func (p place) made(t testing.TB, set *schema.Set, how string, work filling, logical ...string) split.Database {
	t.Helper()
	if p == onPostgres {
		return described(t, copied(t, set, how, work, logical...), logical...)
	}
	content := files.Get(t, nameOf(set, how, logical), func() []byte {
		database := p.empty(t, logical...)
		work(t, database, set)
		content, err := os.ReadFile(database.SQLitePath)
		if err != nil {
			t.Fatal(err)
		}
		return content
	})
	database := p.empty(t, logical...)
	if err := os.WriteFile(database.SQLitePath, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return database
}

func nameOf(set *schema.Set, how string, logical []string) string {
	return how + " " + set.Name() + " " + strings.Join(logical, " ")
}

// copied is made's copy of a PostgreSQL database.
func copied(t testing.TB, set *schema.Set, how string, work filling, logical ...string) *dbtest.Database {
	t.Helper()
	return dbtest.NewPreparedDatabase(t, nameOf(set, how, logical), func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		work(t, described(t, empty, logical...), set)
	})
}

func described(t testing.TB, database *dbtest.Database, logical ...string) split.Database {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return split.Database{Label: database.Name, Postgres: config, Logical: logical}
}

func places() map[string]place { return map[string]place{"postgres": onPostgres, "sqlite": onSQLite} }

func physical(database split.Database) synapse.Database {
	made := synapse.Database{Label: database.Label, Logical: database.Logical, Engine: engine.SQLite, SQLite: sqlite.Config{Database: database.SQLitePath}}
	if database.Postgres != nil {
		made.Engine, made.Postgres = engine.Postgres, database.Postgres
	}
	return made
}

// on works on a session that is closed afterwards.
func on(t testing.TB, database split.Database, work func(context.Context, engine.Session) error) {
	t.Helper()
	session, err := physical(database).OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(work(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
}

func execute(t testing.TB, database split.Database, statements ...string) {
	t.Helper()
	on(t, database, func(ctx context.Context, session engine.Session) error {
		for _, statement := range statements {
			if _, err := session.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return nil
	})
}

func number(t testing.TB, database split.Database, query string) (value int64) {
	t.Helper()
	on(t, database, func(ctx context.Context, session engine.Session) error {
		return session.QueryRow(ctx, query).Scan(&value)
	})
	return value
}

func text(t testing.TB, database split.Database, query string) (value string) {
	t.Helper()
	on(t, database, func(ctx context.Context, session engine.Session) error {
		return session.QueryRow(ctx, query).Scan(&value)
	})
	return value
}

// create creates all tables of a set, and finishes what its updates have to do.
func create(t testing.TB, database split.Database, set *schema.Set) {
	t.Helper()
	on(t, database, func(ctx context.Context, session engine.Session) error {
		if _, err := schema.Prepare(ctx, session, set, schema.Options{Databases: database.Logical}); err != nil {
			return err
		}
		if set.Name() != upstream.SetName {
			return nil
		}
		_, err := upstream.FinishEmpty(ctx, session)
		return err
	})
}

// groups is how many state groups a source has.
const groups = 3000

// counting gives the numbers from 1 on every engine.
const counting = `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) `

// fill creates the tables of a set, and fills those of state.
func fill(t testing.TB, database split.Database, set *schema.Set) {
	t.Helper()
	create(t, database, set)
	if set.Name() == upstream.SetName {
		fillUpstreams(t, database)
		return
	}
	from := fmt.Sprintf(counting, groups)
	execute(t, database,
		"INSERT INTO state_groups (id, room_id, event_id) "+from+"SELECT i, '!room' || (i % 7), '$é' || i FROM n",
		"INSERT INTO state_group_edges (state_group, prev_state_group) "+from+"SELECT i, i - 1 FROM n WHERE i > 1",
		"INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) "+from+"SELECT i, '!room', 'm.room.member', '@\U0001f600' || (i % 5), '$x' || i FROM n",
		"INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) "+from+"SELECT i, '!room', '', '', '$twice' FROM n WHERE i % 10 = 0",
		"INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) "+from+"SELECT i, '!room', '', '', '$twice' FROM n WHERE i % 10 = 0",
		"INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (5, 100), (6, 200)",
		"DELETE FROM state_groups_pending_deletion WHERE state_group = 6",
	)
	if database.Postgres != nil {
		execute(t, database, fmt.Sprintf("SELECT setval('state_group_id_seq', %d)", groups+20)) // numbers given out and not used
	}
}

// fillUpstreams fills whatever tables of state the fixture has.
func fillUpstreams(t testing.TB, database split.Database) {
	t.Helper()
	execute(t, database, "INSERT INTO state_groups_deletion (state_group) "+fmt.Sprintf(counting, groups)+"SELECT i FROM n")
}

// rowsOf reads all rows of state's tables in one order, as one text.
func rowsOf(t testing.TB, database split.Database, tables ...string) string {
	t.Helper()
	var all strings.Builder
	on(t, database, func(ctx context.Context, session engine.Session) error {
		catalog, err := session.Describe(ctx)
		if err != nil {
			return err
		}
		for _, name := range tables {
			var columns []string
			for _, column := range catalog.Table(name).Columns {
				columns = append(columns, "coalesce(CAST("+column.Name+" AS TEXT), '<null>')")
			}
			row := strings.Join(columns, " || '|' || ")
			query := fmt.Sprintf("SELECT %s FROM %s ORDER BY 1", row, name)
			all.WriteString(name + "\n")
			err := engine.Each(ctx, session, query, nil, func(scan func(...any) error) error {
				var line string
				err := scan(&line)
				all.WriteString(line + "\n")
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return all.String()
}

func oursTables() []string {
	return []string{"state_group_edges", "state_groups", "state_groups_pending_deletion", "state_groups_persisting", "state_groups_state"}
}

func tablesOf(set *schema.Set) []string {
	if set.Name() == upstream.SetName {
		return []string{"state_groups", "state_groups_deletion"}
	}
	return oursTables()
}

// open opens what the configuration names after a split, as a server does.
func open(t testing.TB, set *schema.Set, source, target split.Database) *synapse.Databases {
	t.Helper()
	source.Logical, target.Logical = []string{"main"}, []string{"state"}
	source.Label, target.Label = "one", "two"
	opened, err := synapse.Open(t.Context(), synapse.Config{Set: set, Databases: []synapse.Database{physical(source), physical(target)}})
	if err != nil {
		t.Fatal(err)
	}
	return opened
}

func mustRun(t testing.TB, options split.Options) *split.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	report, err := split.Run(ctx, options)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// refusedFor expects that a split is refused for one reason.
func refusedFor(t testing.TB, options split.Options, want split.ProblemID) *split.RefusedError {
	t.Helper()
	report, err := split.Run(t.Context(), options)
	refused, isRefused := errors.AsType[*split.RefusedError](err)
	if !isRefused || len(refused.Problems) != 1 || refused.Problems[0].ID != want {
		t.Fatalf("got %v, want a refusal for %s", err, want)
	}
	if report.Result != split.Refused {
		t.Errorf("the result is %q", report.Result)
	}
	return refused
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
