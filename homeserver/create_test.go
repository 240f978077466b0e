package homeserver_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	_ "modernc.org/sqlite"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/schematest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestBothEnginesHoldTheSameColumns(t *testing.T) {
	t.Parallel()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	except := slices.Concat(homeserver.PostgresOnlyTables(), homeserver.SQLiteSearchTables())
	for _, table := range homeserver.SQLiteSearchTables() {
		for _, shadow := range []string{"_config", "_content", "_data", "_docsize", "_idx"} {
			except = append(except, table+shadow)
		}
	}
	sessions := []engine.Session{sqliteSession(t), postgresSession(t, dbtest.NewDatabase(t))}
	schematest.SameTables(t, set, sessions, except...)
}

func TestNewDatabaseSaysWhatItIs(t *testing.T) {
	t.Parallel()
	const bookkeeping = `SELECT s.name, v.version, v.upgraded, c.compat_version,
(SELECT count(*) FROM applied_schema_deltas), (SELECT count(*) FROM background_updates)
FROM schema_set AS s, schema_version AS v, schema_compat_version AS c`
	type row struct {
		Set             string
		Version, Compat int
		Upgraded        bool
		Deltas, Updates int
	}
	want := row{Set: homeserver.SetName, Version: homeserver.Version, Compat: homeserver.CompatVersion}
	var onSQLite, onPostgres row
	into := func(r *row) []any {
		return []any{&r.Set, &r.Version, &r.Upgraded, &r.Compat, &r.Deltas, &r.Updates}
	}
	if err := newSQLite(t).QueryRow(bookkeeping).Scan(into(&onSQLite)...); err != nil {
		t.Error(err)
	}
	if err := newPostgres(t).QueryRow(t.Context(), bookkeeping).Scan(into(&onPostgres)...); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff([]row{want, want}, []row{onSQLite, onPostgres}); diff != "" {
		t.Error(diff)
	}
}

func TestDatabaseThatHoldsTablesIsRefused(t *testing.T) {
	t.Parallel()
	for name, session := range map[string]engine.Session{"sqlite": sqliteSession(t), "postgres": postgresSession(t, dbtest.NewDatabase(t))} {
		if _, err := session.Exec(t.Context(), `CREATE TABLE precious (id integer)`); err != nil {
			t.Fatal(err)
		}
		err := homeserver.Create(t.Context(), session)
		if refusal, isRefusal := errors.AsType[*schema.OwnerError](err); !isRefusal || refusal.Owner != schema.Unknown || !strings.Contains(err.Error(), "precious") {
			t.Errorf("%s: the error is %v", name, err)
		}
		if catalog, err := session.Describe(t.Context()); err != nil || len(catalog.Tables) != 1 {
			t.Errorf("%s was changed: %v", name, err)
		}
	}
}

func TestDatabaseOfAnotherServerIsRefused(t *testing.T) {
	t.Parallel()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	for name, session := range map[string]engine.Session{"sqlite": sqliteSession(t), "postgres": postgresSession(t, dbtest.NewDatabase(t))} {
		if err := homeserver.Create(t.Context(), session); err != nil {
			t.Fatal(err)
		}
		if _, err := session.Exec(t.Context(), "INSERT INTO users (name) VALUES (?)", "@a:other.example:8448"); err != nil {
			t.Fatal(err)
		}
		_, err := schema.Prepare(t.Context(), session, set, schema.Options{Config: homeserver.Config{ServerName: "example.com"}})
		if refusal, isRefusal := errors.AsType[*homeserver.ServerNameError](err); !isRefusal || refusal.Found != "other.example:8448" {
			t.Errorf("%s: the error is %v", name, err)
		}
		if _, err := schema.Prepare(t.Context(), session, set, schema.Options{Config: homeserver.Config{ServerName: "other.example:8448"}}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func newSQLite(t *testing.T) *sql.DB {
	t.Helper()
	file := filepath.Join(t.TempDir(), "homeserver.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: file}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
	return openSQLiteFile(t, file)
}

// sqliteSession is one on an empty database.
func sqliteSession(t *testing.T) engine.Session {
	t.Helper()
	return anyengine.New(t, engine.SQLite).Session(t)
}

func postgresSession(t *testing.T, database *dbtest.Database) engine.Session {
	t.Helper()
	return anyengine.Database{Engine: engine.Postgres, Args: database.Config}.Session(t)
}

func openSQLiteFile(t *testing.T, file string) *sql.DB {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+file+"?_pragma=foreign_keys(1)&_pragma=busy_timeout(60000)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func newPostgres(t *testing.T) *pgx.Conn {
	t.Helper()
	return connect(t, preparedPostgres(t))
}

func connect(t *testing.T, database *dbtest.Database) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := conn.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	})
	return conn
}

func TestUnsafeLocaleIsRefusedUnlessAllowed(t *testing.T) {
	t.Parallel()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	session := postgresSession(t, dbtest.NewDatabase(t, func(options *server.DatabaseOptions) { options.Locale = "C.UTF-8" }))
	_, err = schema.Prepare(t.Context(), session, set, schema.Options{Config: homeserver.Config{ServerName: "example.com"}})
	if problems, isRefused := errors.AsType[postgres.Problems](err); !isRefused || len(problems) != 2 {
		t.Errorf("the error is %v", err)
	}
	if catalog, err := session.Describe(t.Context()); err != nil || len(catalog.Tables) > 0 {
		t.Errorf("there are tables: %v", err)
	}
	allowed := homeserver.Config{ServerName: "example.com", AllowUnsafeLocale: true}
	if _, err := schema.Prepare(t.Context(), session, set, schema.Options{Config: allowed}); err != nil {
		t.Error(err)
	}
}

// created creates our tables and describes them.
func created(t *testing.T, session engine.Session) *engine.Catalog {
	t.Helper()
	if err := homeserver.Create(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}
