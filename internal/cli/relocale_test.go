package cli_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// relocaleScene is a configuration of a database with the wrong locale, whose owner may create databases.
func relocaleScene(t *testing.T) (database *dbtest.Database, file string) {
	t.Helper()
	database = dbtest.NewDatabase(t, func(options *server.DatabaseOptions) { options.Locale = "C.UTF-8" })
	t.Cleanup(func() {
		if err := dbtest.Postgres(t).DropDatabase(context.Background(), database.Name+"_c"); err != nil {
			t.Error(err)
		}
	})
	conn := database.ConnectSuperuser(t)
	for _, statement := range []string{
		fmt.Sprintf("ALTER ROLE %s CREATEDB PASSWORD '%s'", postgres.QuoteIdentifier(database.Owner), marker),
		"CREATE TABLE users (name text PRIMARY KEY)", "INSERT INTO users VALUES ('@a:demo.test'), ('@é:demo.test')",
		"ALTER TABLE users OWNER TO " + postgres.QuoteIdentifier(database.Owner),
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := conn.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	file = filepath.Join(t.TempDir(), "homeserver.yaml")
	text := fmt.Sprintf("server_name: demo.test\ndatabase:\n  name: psycopg2\n  allow_unsafe_locale: true\n  args:\n    host: %s\n    port: %d\n    user: %s\n    password: %s\n    database: %s\n    sslmode: disable\n    cp_min: 5\n",
		database.Config["host"], database.Config["port"], database.Owner, marker, database.Name)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return database, file
}

// relocate runs the command, and returns what it prints.
func relocate(t *testing.T, want int, args ...string) string {
	t.Helper()
	var output bytes.Buffer
	if code := cli.Main(append([]string{"synapse", "relocale"}, args...), &output, &output); code != want {
		t.Errorf("%v: exit code %d, want %d\n%s", args, code, want, output.String())
	}
	if strings.Contains(output.String(), marker) {
		t.Errorf("%v prints the password:\n%s", args, output.String())
	}
	return output.String()
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("%q is missing in:\n%s", want, text)
		}
	}
}

func TestRelocale(t *testing.T) {
	t.Parallel()
	database, file := relocaleScene(t)
	to := database.Name + "_c"
	contains(t, relocate(t, 0, "-c", file, "--to", to, "--check"), "nothing hinders a move", "UPDATE pg_catalog.pg_database SET datcollate = 'C'", "REINDEX DATABASE ")
	output := relocate(t, 0, "-c", file, "--to", to, "--yes", "--folder", t.TempDir())
	contains(t, output, "Moved    2 rows; both sides are equal", "public.users", "    database: "+to+"\n", "password: (copy it from "+file,
		"ALTER DATABASE \""+database.Name+"\" ALLOW_CONNECTIONS true;", "DROP DATABASE \""+database.Name+"\";", "Comparing both databases\n")
	if strings.Contains(output, "allow_unsafe_locale") {
		t.Errorf("the section keeps allow_unsafe_locale:\n%s", output)
	}
	contains(t, relocate(t, 5, "-c", file, "--to", to, "--json"), `"result": "refused"`, `"id": "source_closed"`, "was moved to "+to)
	contains(t, relocate(t, 0, "-c", file, "--undo"), "Undone   "+database.Name+" accepts connections.", "Kept     "+to)
	contains(t, relocate(t, 0, "-c", file, "--undo", "--json"), `"result": "nothing"`)
}

func TestRelocaleIsAskedForWrongly(t *testing.T) {
	t.Parallel()
	database, file := relocaleScene(t)
	contains(t, relocate(t, 2, "-c", file), "give one of --to and --undo")
	contains(t, relocate(t, 2, "-c", file, "--undo", "--check"), "do not go together")
	contains(t, relocate(t, 2, "--to", "x"), "missing: --config")
	contains(t, relocate(t, 2, "-c", file, "--to", "x", "--jobs", "0"), "1 to 64")
	contains(t, relocate(t, 2, "-c", file, "--to", "x", "--database", "other"), `--database is "other"; the configuration has master`)
	contains(t, relocate(t, 2, "-c", file, "--to", "x", "--as", "user=a password=secret"), "would be seen by everybody")
	contains(t, relocate(t, 5, "-c", file, "--to", database.Name), "there is a database")
	lite := filepath.Join(t.TempDir(), "sqlite.yaml")
	if err := os.WriteFile(lite, []byte("database:\n  name: sqlite3\n  args:\n    database: x.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	contains(t, relocate(t, 5, "-c", lite, "--to", "x"), "SQLite has no locale")
}
