package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/schematest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// opener opens a session on one database.
type opener func(ctx context.Context) (engine.Session, error)

// newDatabase makes an empty database.
func newDatabase(t *testing.T, kind engine.Kind) opener {
	t.Helper()
	return anyengine.New(t, kind).Open
}

// onEveryEngine runs a test on each engine, which makes databases as it needs them.
func onEveryEngine(t *testing.T, test func(t *testing.T, empty func() opener)) {
	t.Helper()
	for _, kind := range anyengine.Engines() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, func() opener { return newDatabase(t, kind) })
		})
	}
}

func (o opener) session(t *testing.T) engine.Session {
	t.Helper()
	session, err := o(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	return session
}

func (r release) mustSet(t *testing.T) *schema.Set {
	t.Helper()
	set, err := r.set()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

// mustStart has a release open the database, prepare it and work with it.
func mustStart(t *testing.T, session engine.Session, r release) {
	t.Helper()
	before, _ := messages(t.Context(), session, room) // an empty database has none
	options := schema.Options{SessionsKnown: true}    // the release before may still be at work
	if _, err := schema.Prepare(t.Context(), session, r.mustSet(t), options); err != nil {
		t.Fatalf("%s: %v", r.name, err)
	}
	if err := r.work(t.Context(), session, 1); err != nil {
		t.Fatalf("%s cannot work: %v", r.name, err)
	}
	if after, err := messages(t.Context(), session, room); err != nil || after != before+1 {
		t.Fatalf("%s: %d messages after %d: %v", r.name, after, before, err)
	}
}

// paths are the orders in which releases may follow each other on one database: always to the next or back by one, from
// each release at which a server may have begun.
func paths() [][]release {
	return [][]release{
		{v136(), v137(), v138()},
		{v136(), v137(), v136(), v137(), v138(), v137(), v138()},
		{v137(), v136(), v137(), v138()},
		{v138(), v137(), v138()},
		{v136(), v138(), v137()}, // a release is left out
	}
}

func TestReleasesWorkWithEverySchemaTheyTolerate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, empty func() opener) {
		for _, path := range paths() {
			session := empty().session(t)
			var names []string
			for _, r := range path {
				names = append(names, r.name)
				mustStart(t, session, r)
			}
			state, err := schema.ReadState(t.Context(), session)
			if err != nil {
				t.Fatal(err)
			}
			if state.Version != 60 || *state.CompatVersion != 60 || slices.Contains(state.Tables, "room_stats_historical") {
				t.Errorf("%s: version %d, compat version %d, tables %v", strings.Join(names, ", "), state.Version, *state.CompatVersion, state.Tables)
			}
		}
	})
}

func TestOneSchemaIsUsedByTwoReleasesAtOnce(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, empty func() opener) {
		for _, pair := range [][2]release{{v136(), v137()}, {v137(), v138()}} {
			older, newer := pair[0], pair[1]
			database := empty()
			running, upgrading := database.session(t), database.session(t)
			mustStart(t, running, older)
			mustStart(t, upgrading, newer)
			if err := older.work(t.Context(), running, 2); err != nil {
				t.Errorf("%s no longer works after the upgrade to %s: %v", older.name, newer.name, err)
			}
		}
	})
}

func TestReleaseThatIsTooOldIsRefused(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, empty func() opener) {
		session := empty().session(t)
		mustStart(t, session, v136())
		mustStart(t, session, v138())
		before := content(t, session)
		_, err := schema.Prepare(t.Context(), session, v136().mustSet(t), schema.Options{})
		if refusal, refused := errors.AsType[*schema.TooNewError](err); !refused || refusal.CodeVersion != 59 || refusal.CompatVersion != 60 {
			t.Errorf("the error is %v", err)
		}
		if diff := cmp.Diff(before, content(t, session)); diff != "" {
			t.Error("the refusal changed something:", diff)
		}
		if err := v136().work(t.Context(), session, 3); err == nil {
			t.Error("v1.36.0 works without the table: it need not be refused")
		}
		if diff := cmp.Diff(before, content(t, session)); diff != "" {
			t.Error("what failed was not rolled back:", diff)
		}
	})
}

// content is the catalog, and the rows of every table in an order of their own.
func content(t *testing.T, session engine.Session) map[string][]string {
	t.Helper()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	found := map[string][]string{}
	for _, object := range catalog.Objects {
		found["objects"] = append(found["objects"], fmt.Sprint(object))
	}
	for _, table := range catalog.Tables {
		found[table.Name] = append(rowsOf(t, session, table), fmt.Sprint(table.Columns))
	}
	return found
}

func rowsOf(t *testing.T, session engine.Session, table engine.Table) []string {
	t.Helper()
	rows, err := session.Query(t.Context(), "SELECT * FROM "+table.Name)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var found []string
	for rows.Next() {
		values, places := make([]any, len(table.Columns)), make([]any, len(table.Columns))
		for i := range values {
			places[i] = &values[i]
		}
		if err := rows.Scan(places...); err != nil {
			t.Fatal(err)
		}
		found = append(found, fmt.Sprintf("%q", values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(found)
	return found
}

func TestAllEnginesHaveTheSameTables(t *testing.T) {
	t.Parallel()
	for _, r := range []release{v136(), v137(), v138()} {
		var sessions []engine.Session
		for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} {
			sessions = append(sessions, newDatabase(t, kind).session(t))
		}
		schematest.SameTables(t, r.mustSet(t), sessions)
	}
}

func TestPageShowsWhatTheProgramPrints(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/gradual-migrations.md")
	if err != nil {
		t.Fatal(err)
	}
	var output strings.Builder
	folder := t.TempDir()
	if err := play(t.Context(), &output, folder); err != nil {
		t.Fatal(err)
	}
	_, shown, _ := strings.Cut(string(page), "```text\n")
	shown, _, _ = strings.Cut(shown, "```\n")
	if diff := cmp.Diff(strings.ReplaceAll(output.String(), folder, "/tmp/gradual"), shown); diff != "" {
		t.Errorf("docs/gradual-migrations.md (-program +page):\n%s", diff)
	}
}
