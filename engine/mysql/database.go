package mysql

import (
	"context"
	"log/slog"

	"github.com/synapsedb/synapse/engine"
)

// OpenDatabase is Open for code that works on every engine. The logger may be nil.
func OpenDatabase(ctx context.Context, config Config, log *slog.Logger) (engine.Database, error) {
	db, err := Open(ctx, config, log)
	if err != nil {
		return nil, err
	}
	return &engine.Pool{
		Statements: engine.Statements{Kind: engine.MySQL, Connection: db.DB},
		Label:      config.Name(), DB: db.DB, Repeatable: isRepeatable,
	}, nil
}
