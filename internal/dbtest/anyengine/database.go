package anyengine

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// Database says where a database is. The zero value is a temporary one of SQLite.
type Database struct {
	Engine engine.Kind    `json:"engine"`
	Path   string         `json:"path"` // SQLite
	Args   map[string]any `json:"args"` // PostgreSQL
	URL    string         `json:"url"`  // MySQL
}

// Engines are all of them.
func Engines() []engine.Kind { return []engine.Kind{engine.SQLite, engine.Postgres, engine.MySQL} }

// New makes an empty database.
func New(t testing.TB, kind engine.Kind) Database {
	t.Helper()
	made := Database{Engine: kind}
	switch kind {
	case engine.Postgres:
		made.Args = dbtest.NewDatabase(t).Config
	case engine.MySQL:
		made.URL = dbtest.NewMySQLDatabase(t).URL
	default:
		made.Path = filepath.Join(t.TempDir(), "test.db")
	}
	return made
}

// Each runs a test for each engine, one beside the other.
func Each(t *testing.T, test func(t *testing.T, kind engine.Kind)) {
	t.Helper()
	for _, kind := range Engines() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			test(t, kind)
		})
	}
}

// String is what another process reads by encoding/json.
func (d Database) String() string {
	text, err := json.Marshal(d)
	if err != nil {
		panic(err) // of strings and numbers it can be made
	}
	return string(text)
}

// Physical is the database as programs are given it.
func (d Database) Physical() (made synapse.Database, err error) {
	made.Engine = d.Engine
	switch d.Engine {
	case engine.Postgres:
		made.Postgres, _, err = postgres.ParseArgs(d.Args)
	case engine.MySQL:
		made.MySQL, err = mysql.ParseURL(d.URL)
	default:
		made.Engine, made.SQLite = engine.SQLite, sqlite.Config{Database: d.Path}
	}
	return made, err
}

// Open opens a session. It leaves the statement_timeout to the server, as statement_timeout: null does.
func (d Database) Open(ctx context.Context) (engine.Session, error) {
	physical, err := d.Physical()
	if err != nil {
		return nil, err
	}
	if physical.Postgres != nil {
		physical.Postgres.StatementTimeout = nil
	}
	return physical.OpenSession(ctx, nil)
}

// OpenDatabase opens it for work.
func (d Database) OpenDatabase(ctx context.Context) (engine.Database, error) {
	physical, err := d.Physical()
	if err != nil {
		return nil, err
	}
	return physical.Open(ctx, nil)
}

// Session opens a session for the length of the test.
func (d Database) Session(t testing.TB) engine.Session {
	t.Helper()
	session, err := d.Open(t.Context())
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

// With works on a session of its own.
func (d Database) With(t testing.TB, work func(session engine.Session) error) {
	t.Helper()
	session, err := d.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	}()
	if err := work(session); err != nil {
		t.Fatal(err)
	}
}
