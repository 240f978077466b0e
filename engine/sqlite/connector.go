package sqlite

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"time"

	modernc "modernc.org/sqlite"
)

// connector gives every new connection its settings: SQLite keeps these per connection, not in the file.
type connector struct {
	driver.Connector
	settings []string
}

func newConnector(place location, config Config) (*connector, error) {
	uri := place.uri()
	if !place.readOnly() {
		// A transaction that reads first and writes later cannot wait for the lock, so it takes the lock at its start.
		uri += "&_txlock=immediate"
	}
	base, err := modernc.NewConnector(uri)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", place.name, err)
	}
	return &connector{Connector: base, settings: []string{
		fmt.Sprintf("PRAGMA busy_timeout = %d", config.BusyTimeout/time.Millisecond),
		"PRAGMA foreign_keys = ON",
	}}, nil
}

// Connect opens a connection and applies the settings.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	executor, able := connection.(driver.ExecerContext)
	if !able {
		return nil, errors.Join(errors.New("the driver cannot run a statement on its connection"), connection.Close())
	}
	for _, setting := range c.settings {
		if _, err := executor.ExecContext(ctx, setting, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", setting, err), connection.Close())
		}
	}
	return connection, nil
}
