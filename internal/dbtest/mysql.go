package dbtest

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

// MySQLVariable is the environment variable that holds the data source name of a superuser on a MariaDB or MySQL server
// to test against, in the driver's form: user:password@tcp(host:port)/. Where it is unset, a private server is started.
const MySQLVariable = "SYNAPSE_TEST_MYSQL"

// mysqlServer is the server that all tests of a binary share.
type mysqlServer struct {
	once   sync.Once
	server *server.MariaDB
	err    error
}

// sharedMySQL is a variable of the package for the same reason as sharedServer.
var sharedMySQL mysqlServer

// MySQL returns the MariaDB or MySQL server that all tests of this binary share. The first call starts it, Main stops
// it. A private one listens on its socket and on 127.0.0.1. Tests that restart or crash a server start one of their own.
func MySQL(t testing.TB) *server.MariaDB {
	t.Helper()
	needMain(t)
	sharedMySQL.once.Do(sharedMySQL.start)
	if sharedMySQL.err != nil {
		t.Fatal(sharedMySQL.err)
	}
	return sharedMySQL.server
}

// start starts the server, or attaches to the one the environment names.
func (s *mysqlServer) start() {
	// Not a test's context: the server outlives the test that happens to be first.
	ctx := context.Background()
	if dsn := os.Getenv(MySQLVariable); dsn != "" {
		s.server, s.err = server.AttachMariaDB(ctx, dsn)
		return
	}
	s.server, s.err = server.StartMariaDB(ctx, server.MariaDBOptions{
		TCP:      true,
		Settings: map[string]string{"max-connections": "300"},
	})
}

// stop stops the server if a test has started it.
func (s *mysqlServer) stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// MySQLDatabase is a fresh database on the shared MariaDB or MySQL server, removed with its user when the test ends.
type MySQLDatabase struct {
	// Name of the database.
	Name string
	// User may do anything with this database, and nothing else.
	User string
	// Password of the user.
	Password string
	// URL is where the user finds the database, as engine/mysql reads it: mysql://user:password@host:port/name.
	URL string

	server *server.MariaDB
}

// MySQLOption changes how a database is made, such as its Collation.
type MySQLOption func(*server.MariaDBDatabaseOptions)

// NewMySQLDatabase makes a database that belongs to this test alone: utf8mb4 and utf8mb4_bin unless an option says
// otherwise.
func NewMySQLDatabase(t testing.TB, options ...MySQLOption) *MySQLDatabase {
	t.Helper()
	shared := MySQL(t)
	// A user's name has at most 32 letters in MySQL.
	user := "test_" + strings.ToLower(rand.Text()[:20])
	description := server.MariaDBDatabaseOptions{Name: databaseName(t), Owner: user}
	for _, option := range options {
		option(&description)
	}
	made := newMySQLDatabase(shared, description, rand.Text())
	made.create(t, description)
	return made
}

// newMySQLDatabase describes a database; nothing is made yet.
func newMySQLDatabase(shared *server.MariaDB, description server.MariaDBDatabaseOptions, password string) *MySQLDatabase {
	return &MySQLDatabase{
		Name: description.Name, User: description.Owner, Password: password,
		URL: shared.URL(description.Name, description.Owner, password), server: shared,
	}
}

// create makes the user and the database, and has them removed when the test ends.
func (d *MySQLDatabase) create(t testing.TB, description server.MariaDBDatabaseOptions) {
	t.Helper()
	t.Cleanup(func() { d.drop(t) })
	if err := d.server.CreateUser(t.Context(), d.User, d.Password); err != nil {
		t.Fatal(err)
	}
	if err := d.server.CreateDatabase(t.Context(), description); err != nil {
		t.Fatal(err)
	}
}

// drop removes the database and its user.
func (d *MySQLDatabase) drop(t testing.TB) {
	t.Helper()
	// Not the test's context, which is done before its cleanup.
	ctx := context.Background()
	if err := d.server.DropDatabase(ctx, d.Name); err != nil {
		t.Error(err)
	}
	if err := d.server.DropUser(ctx, d.User); err != nil {
		t.Error(err)
	}
}

// OpenSuperuser opens the database as a superuser, closed when the test ends.
func (d *MySQLDatabase) OpenSuperuser(t testing.TB) *sql.DB {
	t.Helper()
	database, err := d.server.Open(d.Name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	return database
}
