package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

// workshop makes databases that are thrown away, in a folder and on a server of its own.
type workshop struct {
	env      *environment
	folder   string
	postgres *server.Postgres
	sessions []engine.Session
	number   int
}

// close removes everything.
func (w *workshop) close() error {
	var errs []error
	for _, session := range w.sessions {
		errs = append(errs, session.Close())
	}
	if w.postgres != nil {
		errs = append(errs, w.postgres.Stop())
	}
	if w.folder != "" {
		errs = append(errs, os.RemoveAll(w.folder))
	}
	return errors.Join(errs...)
}

// creates is for package dump.
func (w *workshop) creates(kind engine.Kind) dump.Create {
	return func(ctx context.Context, set *schema.Set, logical []string) (*dump.Database, error) {
		database, pgDump, err := w.place(ctx, kind)
		if err != nil {
			return nil, err
		}
		database.Logical = logical
		session, err := database.OpenSession(ctx, w.env.logger())
		if err != nil {
			return nil, err
		}
		w.sessions = append(w.sessions, session)
		if _, err := schema.Prepare(ctx, session, set, schema.Options{Databases: logical, Log: w.env.logger()}); err != nil {
			return nil, err
		}
		return &dump.Database{Session: session, Logical: logical, PgDump: pgDump}, w.finishUpdates(ctx, set, database, session)
	}
}

// place is where a database can be made.
func (w *workshop) place(ctx context.Context, kind engine.Kind) (database synapse.Database, tool *dump.PgDump, err error) {
	w.number++
	name := fmt.Sprintf("schema_%d", w.number)
	database = synapse.Database{Label: name, Engine: kind}
	if kind == engine.SQLite {
		if w.folder == "" {
			w.folder, err = os.MkdirTemp("", "synapse-schema-")
		}
		database.SQLite = sqlite.Config{Database: filepath.Join(w.folder, name+".db")}
		return database, nil, err
	}
	if w.postgres == nil {
		if w.postgres, err = server.StartPostgres(ctx, server.PostgresOptions{}); err != nil {
			return database, nil, err
		}
	}
	if err := w.postgres.CreateDatabase(ctx, server.DatabaseOptions{Name: name}); err != nil {
		return database, nil, err
	}
	database.Postgres, _, err = postgres.ParseArgs(map[string]any{
		"host": w.postgres.SocketDir(), "port": w.postgres.Port(), "user": w.postgres.Superuser(), "dbname": name,
	})
	return database, &dump.PgDump{Program: w.postgres.Bin("pg_dump"), Config: database.Postgres}, err
}

// finishUpdates brings a new database to where its background updates lead.
func (w *workshop) finishUpdates(ctx context.Context, set *schema.Set, database synapse.Database, session engine.Session) error {
	if set.Name() == upstream.SetName {
		_, err := upstream.FinishEmpty(ctx, session)
		return err
	}
	updater, err := background.New(background.Config{
		Name: database.Label, Registry: w.env.handlers(schema.Owner(set.Name()), homeserver.Config{}), Logical: database.Logical,
		Pacing: background.Pacing{NoSleep: true}, SessionsKnown: true, Log: w.env.logger(),
		Open: func(ctx context.Context) (engine.Session, error) { return database.OpenSession(ctx, w.env.logger()) },
	})
	if err != nil {
		return err
	}
	return updater.Run(ctx)
}

// pgDump finds the program.
func pgDump() (string, error) { return server.FindPostgresProgram("pg_dump") }
