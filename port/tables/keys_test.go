package tables_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

// named is a set of one table with a key, whose columns each engine has in its own words.
func named(t testing.TB, sqlite, postgres, mysql string) *schema.Set {
	t.Helper()
	file := func(columns, more string) *fstest.MapFile {
		return &fstest.MapFile{Data: []byte("CREATE TABLE names (" + columns + ")" + more + ";\n")}
	}
	const folder = "names/full_schemas/1/full.sql."
	return newSet(t, fstest.MapFS{
		folder + "sqlite": file(sqlite, ""), folder + "postgres": file(postgres, ""),
		folder + "mysql": file(mysql, " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin"),
	})
}

// Keys that the target takes for one are refused, and it is said which.
func TestKeysThatBecomeEqual(t *testing.T) {
	t.Parallel()
	const plain, long = "name TEXT NOT NULL, other TEXT, PRIMARY KEY (name)", "name VARCHAR(255) NOT NULL, other TEXT, PRIMARY KEY (name)"
	for _, c := range []struct {
		name     string
		from, to engine.Kind
		sqlite   string
		postgres string
		mysql    string
		keys     []string
		want     []string
	}{
		{"spaces", engine.SQLite, engine.MySQL, plain, plain, long, []string{"a", "a ", "b ", " a", "A"}, []string{"a : duplicate for the key PRIMARY it is equal to (a)"}},
		{"case and accents", engine.Postgres, engine.MySQL, plain, plain, "name VARCHAR(255) COLLATE utf8mb4_general_ci NOT NULL, other TEXT, PRIMARY KEY (name)",
			[]string{"a", "A", "b", "ä", "c"}, []string{"A: duplicate for the key PRIMARY it is equal to (a)", "ä: duplicate for the key PRIMARY it is equal to (a)"}},
		{"beginnings", engine.SQLite, engine.MySQL, plain, plain, "name VARCHAR(255) NOT NULL, other TEXT, PRIMARY KEY (name), UNIQUE KEY short (name(3))",
			[]string{"abcd", "abce", "abd"}, []string{"abce: duplicate for the key short it is equal to that of another row"}},
		{"case", engine.Postgres, engine.SQLite, "name TEXT COLLATE NOCASE NOT NULL PRIMARY KEY, other TEXT", plain, long,
			[]string{"a", "A", "Ä", "ä"}, nil}, // in whatever order they come
		{"blanks", engine.MySQL, engine.Postgres, plain, "name CHAR(5) NOT NULL PRIMARY KEY, other TEXT", long, []string{"a", "b c"}, []string{}},
		{"lengths", engine.SQLite, engine.Postgres, plain, plain, long, []string{strings.Repeat("a", 20000), incompressible(2800), incompressible(2600)},
			[]string{incompressible(2800)[:60] + "…: index_key_too_long in the index names_pkey"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			set := named(t, c.sqlite, c.postgres, c.mysql)
			source, target := prepared(t, c.from, set), anyengine.New(t, c.to)
			source.With(t, func(session engine.Session) error {
				for _, key := range c.keys {
					exec(t, session, "INSERT INTO names (name) VALUES (?)", key)
				}
				return nil
			})
			report, err := tables.Move(t.Context(), tables.Options{From: physical(t, source), To: physical(t, target), Set: set})
			found := []string{}
			for _, bad := range report.BadValues {
				found = append(found, strings.TrimSpace(bad.Key[0].Value+": "+string(bad.Class)+" "+bad.Detail))
			}
			switch {
			case c.want == nil:
				if len(found) != 1 || !strings.Contains(found[0], "duplicate") {
					t.Errorf("%q, %v", found, err)
				}
			case !cmp.Equal(c.want, found):
				t.Errorf("%v\n%s", err, cmp.Diff(c.want, found))
			case (len(c.want) > 0) != (err != nil):
				t.Error(err)
			}
		})
	}
}

// incompressible is a text of letters without any order.
func incompressible(length int) string {
	var text strings.Builder
	for state := uint64(1); text.Len() < length; {
		state = state*6364136223846793005 + 1442695040888963407
		fmt.Fprintf(&text, "%02x", byte(state>>56))
	}
	return text.String()[:length]
}
