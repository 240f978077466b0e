package postgres

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
)

// OpenDatabase is Open for code that works on every engine: a pool behind database/sql. The logger may be nil.
func OpenDatabase(ctx context.Context, config *Config, log *slog.Logger) (engine.Database, error) {
	pool, err := Open(ctx, config, log)
	if err != nil {
		return nil, err
	}
	db := stdlib.OpenDBFromPool(pool.pool)
	return &engine.Pool{
		Statements: engine.Statements{Kind: engine.Postgres, Connection: db, Bind: sqltext.Bind},
		Label:      config.Describe(), DB: db, Repeatable: isRepeatable,
		Closer: func() error {
			pool.Close()
			return nil
		},
	}, nil
}
