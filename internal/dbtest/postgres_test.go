package dbtest

import (
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

func TestGivenServerIsUsedAndLeftRunning(t *testing.T) {
	private := Postgres(t)
	if err := private.CreateRole(t.Context(), "given_server_superuser", "secret"); err != nil {
		t.Fatal(err)
	}
	superuser, err := private.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer superuser.Close(t.Context())
	if _, err := superuser.Exec(t.Context(), `ALTER ROLE given_server_superuser SUPERUSER`); err != nil {
		t.Fatal(err)
	}
	t.Setenv(PostgresVariable, private.PasswordDSN("postgres", "given_server_superuser", "secret"))

	var given cluster
	given.start()
	if given.err != nil {
		t.Fatal(given.err)
	}
	useDatabase(t, given.server)
	if err := given.stop(); err != nil {
		t.Fatal(err)
	}
	if err := superuser.Ping(t.Context()); err != nil {
		t.Errorf("the server that was given has been stopped: %v", err)
	}
}

// useDatabase makes a database with its owner on a server and writes to it.
func useDatabase(t *testing.T, given *server.Postgres) {
	t.Helper()
	name := databaseName(t)
	description := server.DatabaseOptions{Name: name, Owner: name}
	database := newDatabase(given, description, "it's secret")
	t.Cleanup(func() { database.drop(t) })
	if err := database.create(t.Context(), description); err != nil {
		t.Fatal(err)
	}
	if _, err := database.Connect(t).Exec(t.Context(), `CREATE TABLE written (at timestamp)`); err != nil {
		t.Error(err)
	}
}
