package mysql_test

import (
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	if runChild() {
		return
	}
	dbtest.Main(m, dbtest.NoLeaks())
}

// configOf reads the address of a test's database.
func configOf(t testing.TB, database *dbtest.MySQLDatabase) mysql.Config {
	t.Helper()
	config, err := mysql.ParseURL(database.URL)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// openSession opens a session that ends with the test.
func openSession(t testing.TB, config mysql.Config) engine.Session {
	t.Helper()
	session, err := config.OpenSession(t.Context(), nil)
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

// open opens a pool that ends with the test.
func open(t testing.TB, config mysql.Config) *mysql.DB {
	t.Helper()
	db, err := mysql.Open(t.Context(), config, nil)
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

// execute runs statements.
func execute(t testing.TB, querier engine.Querier, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := querier.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
