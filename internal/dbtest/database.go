package dbtest

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/internal/server"
)

// Database is a fresh database on the shared server, removed with its owner when the test ends.
type Database struct {
	// Name of the database.
	Name string
	// Owner is a role that may do what the owner of a database may, and nothing more; it bears the database's name.
	Owner string
	// Password of the owner, needed over TCP only.
	Password string
	// DSN connects as the owner.
	DSN string
	// SuperuserDSN connects as a superuser.
	SuperuserDSN string
	// Config holds the owner's connection as a homeserver.yaml writes it under `args`: host, port, user, password and
	// dbname.
	Config map[string]any

	server *server.Postgres
}

// Option changes how a database is made, such as its Locale.
type Option func(*server.DatabaseOptions)

// NewDatabase makes a database that belongs to this test alone: UTF8 and locale C unless an option says otherwise.
func NewDatabase(t testing.TB, options ...Option) *Database {
	t.Helper()
	shared := Postgres(t)
	name := databaseName(t)
	description := server.DatabaseOptions{Name: name, Owner: name}
	for _, option := range options {
		option(&description)
	}
	made := newDatabase(shared, description, rand.Text())
	t.Cleanup(func() { made.drop(t) })
	if err := made.create(t.Context(), description); err != nil {
		t.Fatal(err)
	}
	return made
}

// newDatabase describes a database; nothing is made yet.
func newDatabase(shared *server.Postgres, description server.DatabaseOptions, password string) *Database {
	name, owner := description.Name, description.Owner
	dsn := shared.PasswordDSN(name, owner, password)
	return &Database{
		Name: name, Owner: owner, Password: password,
		DSN: dsn, SuperuserDSN: shared.DSN(name, shared.Superuser()),
		Config: configOf(dsn, password), server: shared,
	}
}

// configOf takes a connection string apart. It is one this package wrote, so it can be read.
func configOf(dsn, password string) map[string]any {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		panic(err)
	}
	return map[string]any{
		"host": config.Host, "port": int(config.Port), "user": config.User, "password": password, "dbname": config.Database,
	}
}

// create makes the role and the database.
func (d *Database) create(ctx context.Context, description server.DatabaseOptions) error {
	return d.server.CreateOwned(ctx, description, d.Password)
}

// drop removes the database and its owner, after the test.
func (d *Database) drop(t testing.TB) {
	t.Helper()
	// Not the test's context, which is done before its cleanup.
	if err := d.remove(context.Background()); err != nil {
		t.Error(err)
	}
}

// remove removes the database and its owner.
func (d *Database) remove(ctx context.Context) error {
	return d.server.DropOwned(ctx, d.Name, d.Owner)
}

// Connect opens a connection as the owner, closed when the test ends.
func (d *Database) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	return connect(t, d.DSN)
}

// ConnectSuperuser opens a connection as a superuser, closed when the test ends.
func (d *Database) ConnectSuperuser(t testing.TB) *pgx.Conn {
	t.Helper()
	return connect(t, d.SuperuserDSN)
}

// connect opens a connection for the length of a test.
func connect(t testing.TB, dsn string) *pgx.Conn {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

// databaseName makes a name that tells whose database it is and that no other test has: at most 63 bytes, which is
// PostgreSQL's limit, of letters, digits and underscores.
func databaseName(t testing.TB) string {
	plain := strings.Map(plainLetter, strings.ToLower(t.Name()))
	const room = 40
	return plain[:min(len(plain), room)] + "_" + strings.ToLower(rand.Text()[:12])
}

// plainLetter turns whatever would need quotes in a name into an underscore.
func plainLetter(letter rune) rune {
	if 'a' <= letter && letter <= 'z' || '0' <= letter && letter <= '9' {
		return letter
	}
	return '_'
}
