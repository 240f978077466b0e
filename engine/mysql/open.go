package mysql

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// connectionLife ends connections before a firewall or the server's wait_timeout does.
const connectionLife = 3 * time.Minute

// DB is an open database: a *sql.DB whose sessions have strict values, UTC and InnoDB, whatever the server's settings.
// "?" in a statement stands for the next value. It is safe for use by several goroutines.
type DB struct {
	*sql.DB

	info *ServerInfo
}

// Open makes a pool, connects, and looks at the server and the database. Errors a caller can test for: *engine.Error when
// no connection was made, Problems when the server or the database will not do, and those of package engine for a wrong
// Config. The driver's remarks go to the logger, which may be nil.
func Open(ctx context.Context, config Config, log *slog.Logger) (*DB, error) {
	config, err := config.complete()
	if err != nil {
		return nil, config.explain(err)
	}
	linked, err := config.newConnector(config.Database, nil, loggerOr(log))
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(linked)
	pool.SetMaxOpenConns(config.PoolMax)
	pool.SetMaxIdleConns(config.PoolMax)
	pool.SetConnMaxLifetime(connectionLife)
	opened := &DB{DB: pool}
	if err := opened.start(ctx); err != nil {
		return nil, errors.Join(config.explain(err), pool.Close())
	}
	return opened, nil
}

// start connects, and looks at the server and the database.
func (d *DB) start(ctx context.Context) (err error) {
	if err := d.PingContext(ctx); err != nil {
		return err
	}
	d.info, err = Check(ctx, d.DB)
	return err
}

// Info is what the server said about itself when the database was opened.
func (d *DB) Info() ServerInfo { return *d.info }

// Statements gives the pool as a Querier; each statement runs on whatever connection is free.
func (d *DB) Statements() engine.Querier {
	return engine.Statements{Kind: engine.MySQL, Connection: d.DB}
}
