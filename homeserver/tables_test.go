package homeserver_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

// The list of state's tables is what the files of state create, and no more.
func TestTablesOfStateAreThoseOfItsFiles(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(*testing.T) engine.Session{
		"sqlite": sqliteSession,
		"postgres": func(t *testing.T) engine.Session {
			t.Helper()
			return postgresSession(t, dbtest.NewDatabase(t))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			session := open(t)
			if err := homeserver.Create(t.Context(), session, "state"); err != nil {
				t.Fatal(err)
			}
			catalog, err := session.Describe(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var names, all []string
			for _, table := range catalog.Tables {
				all = append(all, table.Name)
				if !slices.Contains(schema.BookkeepingTables(), table.Name) {
					names = append(names, table.Name)
				}
			}
			if diff := cmp.Diff(slices.Sorted(slices.Values(homeserver.StateTables())), slices.Sorted(slices.Values(names))); diff != "" {
				t.Errorf("tables of state (-list +files):\n%s", diff)
			}
			if missing := homeserver.MissingOfState(all); len(missing) > 0 {
				t.Errorf("not known as a database of state: it lacks %q", missing)
			}
			if missing := homeserver.Missing(all); len(missing) == 0 {
				t.Error("taken for a database of main")
			}
		})
	}
}
