package synapse_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"testing/fstest"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// notes is a set of two logical databases.
func notes(version int, required ...schema.RequiredUpdate) *schema.Set {
	files := fstest.MapFS{}
	kinds := []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL}
	for _, kind := range kinds {
		files["main/full_schemas/1/full.sql."+string(kind)] = &fstest.MapFile{Data: []byte("CREATE TABLE notes (note_id BIGINT PRIMARY KEY, words VARCHAR(100));")}
		files["state/full_schemas/1/full.sql."+string(kind)] = &fstest.MapFile{Data: []byte("CREATE TABLE positions (place BIGINT PRIMARY KEY);")}
	}
	if version > 1 {
		files["main/delta/2/01author.sql"] = &fstest.MapFile{Data: []byte("ALTER TABLE notes ADD COLUMN author VARCHAR(100);")}
	}
	set, err := schema.New(schema.Definition{
		Name: "notes", Version: version, CompatVersion: version, Engines: kinds, Databases: []string{"main", "state"}, Files: files, RequiredUpdates: required,
	})
	if err != nil {
		panic(err)
	}
	return set
}

func postgresDatabase(t *testing.T) synapse.Database {
	t.Helper()
	config, _, err := postgres.ParseArgs(dbtest.NewDatabase(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	return synapse.Database{Label: "server", Engine: engine.Postgres, Postgres: config}
}

func sqliteDatabase(path string) synapse.Database {
	return synapse.Database{Label: "file", Engine: engine.SQLite, SQLite: sqlite.Config{Database: path}}
}

func mysqlDatabase(t *testing.T) synapse.Database {
	t.Helper()
	config, err := mysql.ParseURL(dbtest.NewMySQLDatabase(t).URL)
	if err != nil {
		t.Fatal(err)
	}
	return synapse.Database{Label: "maria", Engine: engine.MySQL, MySQL: config}
}

func open(t *testing.T, databases ...synapse.Database) *synapse.Databases {
	t.Helper()
	opened, err := synapse.Open(t.Context(), synapse.Config{Databases: databases, Set: notes(1)})
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

// write uses a database as a server does.
func write(t *testing.T, database engine.Database) {
	t.Helper()
	wrong := errors.New("changed my mind")
	add := func(id int, result error) func(engine.Tx) error {
		return func(tx engine.Tx) error {
			_, err := tx.Exec(t.Context(), "INSERT INTO notes (note_id, words) VALUES (?, ?)", id, "why?")
			return errors.Join(err, result)
		}
	}
	if err := database.Transact(t.Context(), add(1, nil)); err != nil {
		t.Error(err)
	}
	if err := database.Transact(t.Context(), add(2, wrong)); !errors.Is(err, wrong) {
		t.Errorf("the error is %v", err)
	}
	var words string
	if err := database.QueryRow(t.Context(), "SELECT words FROM notes WHERE note_id > ?", 0).Scan(&words); err != nil || words != "why?" {
		t.Errorf("%s: %q, %v", database.Name(), words, err)
	}
}

func TestEveryEngineOpens(t *testing.T) {
	t.Parallel()
	for name, database := range map[string]synapse.Database{
		"file": sqliteDatabase(filepath.Join(t.TempDir(), "a.db")), "memory": sqliteDatabase(":memory:"),
		"shared memory": sqliteDatabase("file:TestEveryEngineOpens?mode=memory&cache=shared"),
		"postgres":      postgresDatabase(t), "mysql": mysqlDatabase(t),
	} {
		t.Run(name, func(t *testing.T) {
			opened := open(t, database)
			write(t, opened.Logical("main"))
			if opened.Logical("state") != opened.Logical("main") || opened.Logical("attic") != nil {
				t.Error("the logical databases are not where they should be")
			}
		})
	}
}

func TestLogicalDatabasesApart(t *testing.T) {
	t.Parallel()
	first, second := postgresDatabase(t), sqliteDatabase(filepath.Join(t.TempDir(), "state.db"))
	first.Logical, second.Logical = []string{"main"}, []string{"state"}
	opened := open(t, first, second)
	write(t, opened.Logical("main"))
	if _, err := opened.Logical("state").Exec(t.Context(), "INSERT INTO positions (place) VALUES (?)", 1); err != nil {
		t.Error(err)
	}
	for _, logical := range [][]string{{}, {"main", "state"}} {
		second.Logical = logical
		_, err := synapse.Open(t.Context(), synapse.Config{Databases: []synapse.Database{first, second}, Set: notes(1)})
		if _, isLogical := errors.AsType[*synapse.LogicalError](err); !isLogical {
			t.Errorf("%q: the error is %v", logical, err)
		}
	}
}

// One database is refused: the other is not upgraded.
func TestNothingIsUpgradedWhenOneIsRefused(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	first, second := sqliteDatabase(filepath.Join(folder, "main.db")), sqliteDatabase(filepath.Join(folder, "state.db"))
	first.Logical, second.Logical = []string{"main"}, []string{"state"}
	if err := open(t, first, second).Close(); err != nil {
		t.Fatal(err)
	}
	session, err := second.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = session.Exec(t.Context(), "UPDATE schema_compat_version SET compat_version = 7")
	if err := errors.Join(err, session.Close()); err != nil {
		t.Fatal(err)
	}
	before, err := os.ReadFile(first.SQLite.Database)
	if err != nil {
		t.Fatal(err)
	}
	_, err = synapse.Open(t.Context(), synapse.Config{Databases: []synapse.Database{first, second}, Set: notes(2)})
	if _, tooNew := errors.AsType[*schema.TooNewError](err); !tooNew {
		t.Errorf("the error is %v", err)
	}
	after, err := os.ReadFile(first.SQLite.Database)
	if err != nil || string(before) != string(after) {
		t.Errorf("the first database was changed: %v", err)
	}
}

// A release that needs a background update refuses until it is done, or has it done, as it was told.
func TestRequiredUpdatesAreWaitedFor(t *testing.T) {
	t.Parallel()
	database := sqliteDatabase(filepath.Join(t.TempDir(), "a.db"))
	first := open(t, database)
	const enqueue = "INSERT INTO background_updates (update_name, progress_json) VALUES ('fill_authors', '{}')"
	if _, err := first.Logical("main").Exec(t.Context(), enqueue); err != nil {
		t.Fatal(err)
	}
	set := notes(2, schema.RequiredUpdate{Name: "fill_authors", Version: 2})
	config := synapse.Config{Databases: []synapse.Database{database}, Set: set}
	_, err := synapse.Open(t.Context(), config)
	if _, pending := errors.AsType[*schema.PendingError](err); !pending {
		t.Errorf("the error is %v", err)
	}
	config.Options.OnPending = func(ctx context.Context, updates []string) error {
		_, err := first.Logical("main").Exec(ctx, "DELETE FROM background_updates WHERE update_name = ?", updates[0])
		return err
	}
	opened, err := synapse.Open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	if err := opened.Close(); err != nil {
		t.Error(err)
	}
}

func ExampleOpen() {
	ctx := context.Background()
	opened, err := synapse.Open(ctx, synapse.Config{
		Databases: []synapse.Database{{Label: "main", Engine: engine.SQLite, SQLite: sqlite.Config{Database: ":memory:"}}},
		Set:       notes(2),
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer opened.Close()
	main := opened.Logical("main")
	err = main.Transact(ctx, func(tx engine.Tx) error {
		_, err := tx.Exec(ctx, "INSERT INTO notes (note_id, words, author) VALUES (?, ?, ?)", 1, "buy milk", "ada")
		return err
	})
	var author string
	err = errors.Join(err, main.QueryRow(ctx, "SELECT author FROM notes").Scan(&author))
	fmt.Println(author, err)
	// Output: ada <nil>
}
