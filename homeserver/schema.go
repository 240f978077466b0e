package homeserver

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"slices"
	"sync"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/schema"
)

const (
	// SetName is the name of this schema set; MarkerTable holds it in one row.
	SetName = "homeserver"
	// MarkerTable names the schema set a database belongs to. Upstream's
	// databases do not have it.
	MarkerTable = schema.SetTable
	// Version is the version of the schema that a new database gets. Ours start
	// at 10001, so that upstream refuses our databases by its own rule.
	Version = 10001
	// CompatVersion is the oldest version of this schema whose code may open the
	// database.
	CompatVersion = 10001
	// GuardCompatVersion is the compat version of a database that is being
	// filled: greater than any version, so that no server starts on it.
	GuardCompatVersion = schema.GuardVersion
)

//go:embed schema
var schemaFiles embed.FS

// Set is the schema set of this package: the logical databases main and state, for SQLite and PostgreSQL.
func Set() (*schema.Set, error) { return readSet() }

var readSet = sync.OnceValues(func() (*schema.Set, error) {
	files, err := fs.Sub(schemaFiles, "schema")
	if err != nil {
		return nil, fmt.Errorf("read the homeserver schema: %w", err)
	}
	return schema.New(schema.Definition{
		Name: SetName, Version: Version, CompatVersion: CompatVersion,
		Engines:   []engine.Kind{engine.SQLite, engine.Postgres},
		Databases: []string{"main", "state"},
		Files:     files, CheckServer: CheckServer, CheckDatabase: CheckDatabase,
	})
})

// Create creates the tables of all logical databases in an empty database, or those that are named. It does nothing to a
// database that has them.
func Create(ctx context.Context, session engine.Session, databases ...string) error {
	set, err := Set()
	if err != nil {
		return err
	}
	_, err = schema.Prepare(ctx, session, set, schema.Options{Databases: databases})
	return err
}

// CheckServer refuses a PostgreSQL server that is too old or cannot write, and a database whose encoding is not UTF8 or,
// unless the Config allows it, whose locale is not C: by postgres.Problems. Without a Config nothing is checked.
func CheckServer(ctx context.Context, database engine.Querier, config any) error {
	known, isKnown := config.(Config)
	if !isKnown || database.Engine() != engine.Postgres {
		return nil
	}
	_, err := postgres.CheckSession(ctx, database, postgres.Rules{AllowUnsafeLocale: known.AllowUnsafeLocale})
	return err
}

// CheckDatabase refuses the database of another homeserver by a *ServerNameError. config is a Config; without a name in
// it, and in databases without main, nothing is compared.
func CheckDatabase(ctx context.Context, database engine.Querier, logical []string, config any) error {
	known, isKnown := config.(Config)
	if !isKnown || known.ServerName == "" || !slices.Contains(logical, "main") {
		return nil
	}
	return CheckServerName(ctx, database, known.ServerName)
}
