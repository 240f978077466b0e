package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/server"
)

// drill restores databases and configuration of a backup to where they are thrown away: into a temporary folder and a private server. Media are not
// restored, since Verify has read them.
func (e *environment) drill(ctx context.Context, of backups, options backup.RestoreOptions) (report *backup.Restored, err error) {
	manifest, err := of.manifest(ctx, options.Backup)
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp("", "synapse-drill-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	options.Backup, options.Folder = manifest.ID, filepath.Join(folder, "restored")
	options.Only = []backup.Part{backup.PartDatabase, backup.PartConfig}
	options.NewSigningKey = len(manifest.SigningKeys) == 0 // or the backup that lacks one would be refused
	options.Databases = map[string]*postgres.Config{}
	var private *server.Postgres
	for i, database := range manifest.Databases {
		if database.Engine != string(engine.Postgres) {
			continue
		}
		if private == nil {
			if private, err = server.StartPostgres(ctx, server.PostgresOptions{}); err != nil {
				return nil, err
			}
			defer func() { err = errors.Join(err, private.Stop()) }()
		}
		if options.Databases[database.Label], err = emptyDatabase(ctx, private, fmt.Sprintf("drill_%d", i+1)); err != nil {
			return nil, err
		}
	}
	err = of.use(ctx, backup.FetchOptions{Backup: manifest.ID, Only: options.Only, Progress: options.Progress}, false, func(repository *backup.Repository) (err error) {
		report, err = repository.Restore(ctx, options)
		return err
	})
	return report, err
}

func emptyDatabase(ctx context.Context, on *server.Postgres, name string) (*postgres.Config, error) {
	if err := on.CreateDatabase(ctx, server.DatabaseOptions{Name: name}); err != nil {
		return nil, err
	}
	config, _, err := postgres.ParseArgs(map[string]any{"host": on.SocketDir(), "port": on.Port(), "user": on.Superuser(), "dbname": name})
	return config, err
}
