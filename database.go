package synapse

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// Database is a physical database: where it is, and what is kept there. The settings of its engine are set, those of the
// others are not.
type Database struct {
	// Label is its name in messages, such as "master".
	Label string
	// Engine decides which of the following is used.
	Engine   engine.Kind
	SQLite   sqlite.Config
	Postgres *postgres.Config
	MySQL    mysql.Config
	// Logical are the logical databases kept there; nil means all of the schema set.
	Logical []string
}

// FromConfig makes a Database of what a homeserver.yaml says.
func FromConfig(configured config.Database) Database {
	return Database{
		Label: configured.Label, Engine: configured.Engine, Postgres: configured.Postgres,
		SQLite: sqlite.Config{Database: configured.SQLitePath}, Logical: configured.DataStores,
	}
}

// ReadOnly is the same database, opened so that not even its journal mode is changed. An SQLite file has to exist then.
func (d Database) ReadOnly() Database {
	if d.Engine == engine.SQLite {
		d.SQLite = d.SQLite.ReadOnly()
	}
	return d
}

// OpenSession opens one connection on which the schema is looked at or changed. The logger may be nil.
func (d Database) OpenSession(ctx context.Context, log *slog.Logger) (engine.Session, error) {
	switch d.Engine {
	case engine.SQLite:
		return sqlite.OpenSession(ctx, d.SQLite, log)
	case engine.Postgres:
		return d.Postgres.OpenSession(ctx, log)
	case engine.MySQL:
		return d.MySQL.OpenSession(ctx, log)
	default:
		return nil, d.unknown()
	}
}

// Open opens the database for work, without a look at its schema. The logger may be nil.
func (d Database) Open(ctx context.Context, log *slog.Logger) (engine.Database, error) {
	switch d.Engine {
	case engine.SQLite:
		return sqlite.OpenDatabase(ctx, d.SQLite, log)
	case engine.Postgres:
		return postgres.OpenDatabase(ctx, d.Postgres, log)
	case engine.MySQL:
		return mysql.OpenDatabase(ctx, d.MySQL, log)
	default:
		return nil, d.unknown()
	}
}

func (d Database) unknown() error {
	return fmt.Errorf("open the database %s: no engine is called %q; there are sqlite, postgres and mysql", d.Label, d.Engine)
}
