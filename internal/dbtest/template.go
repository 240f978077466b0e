package dbtest

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/internal/server"
)

// preparation is what tells one template from another.
type preparation struct {
	name    string
	options server.DatabaseOptions
}

// sharedTemplates are the databases that tests of a binary copy, instead of preparing the same again and again. The tables
// of each belong to a role of its own. It is a variable of the package for the same reason as sharedServer.
var sharedTemplates Once[preparation, *Database]

// NewPreparedDatabase makes a database that belongs to this test alone, as NewDatabase does, and holds what prepare puts
// into an empty one. For each name, and each set of options, prepare runs once in a test binary: the others are copies.
// It works as the owner of the database that it is given, sets nothing that belongs to a role or to the database as a
// whole, and leaves no connection.
func NewPreparedDatabase(t testing.TB, name string, prepare func(t testing.TB, empty *Database), options ...Option) *Database {
	t.Helper()
	var description server.DatabaseOptions
	for _, option := range options {
		option(&description)
	}
	original := sharedTemplates.Get(t, preparation{name, description}, func() *Database {
		return newTemplate(t, description, prepare)
	})
	description.Template = original.Name
	made := NewDatabase(t, func(o *server.DatabaseOptions) {
		description.Name, description.Owner = o.Name, o.Owner
		*o = description
	})
	made.takeOver(t, original.Owner)
	return made
}

// newTemplate makes the database and fills it. When that fails, it is removed with the test.
func newTemplate(t testing.TB, description server.DatabaseOptions, prepare func(t testing.TB, empty *Database)) *Database {
	t.Helper()
	description.Name = "template_" + strings.ToLower(rand.Text())
	description.Owner = description.Name
	made := newDatabase(Postgres(t), description, rand.Text())
	kept := false
	t.Cleanup(func() {
		if !kept {
			made.drop(t)
		}
	})
	if err := made.create(t.Context(), description); err != nil {
		t.Fatal(err)
	}
	prepare(t, made)
	made.closeAsTemplate(t)
	kept = !t.Failed()
	return made
}

// closeAsTemplate keeps everybody out, since a database with a session cannot be copied. It takes it from its owner, or
// takeOver would give it to another one.
func (d *Database) closeAsTemplate(t testing.TB) {
	t.Helper()
	name := pgx.Identifier{d.Name}.Sanitize()
	d.execute(t, "postgres", "ALTER DATABASE "+name+" OWNER TO CURRENT_USER", "ALTER DATABASE "+name+" ALLOW_CONNECTIONS false")
}

// takeOver makes the owner of a copy the owner of all that is in it. It returns when its session is gone, since some tests
// want to see that there is none.
func (d *Database) takeOver(t testing.TB, from string) {
	t.Helper()
	d.execute(t, d.Name, "REASSIGN OWNED BY "+pgx.Identifier{from}.Sanitize()+" TO "+pgx.Identifier{d.Owner}.Sanitize())
	AwaitNoSessions(t, d.Name)
}

// execute runs statements as a superuser, on a connection to a database of the server.
func (d *Database) execute(t testing.TB, database string, statements ...string) {
	t.Helper()
	connection, err := d.server.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(context.Background())
	for _, statement := range statements {
		if _, err := connection.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
}

// removeTemplates removes them, for the server may be one that goes on.
func removeTemplates() error {
	var errs []error
	for _, made := range sharedTemplates.all() {
		errs = append(errs, made.remove(context.Background()))
	}
	return errors.Join(errs...)
}
