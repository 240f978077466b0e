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
	patience time.Duration
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
	settings := []string{busySetting(config.BusyTimeout), "PRAGMA foreign_keys = ON"}
	return &connector{Connector: base, patience: config.BusyTimeout, settings: settings}, nil
}

// Connect opens a connection and applies the settings.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	connection, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, err
	}
	able, isAble := connection.(driverConn)
	if !isAble {
		return nil, errors.Join(errors.New("the driver lacks something that this package relies on"), connection.Close())
	}
	for _, setting := range c.settings {
		if _, err := able.ExecContext(ctx, setting, nil); err != nil {
			return nil, errors.Join(fmt.Errorf("%s: %w", setting, err), connection.Close())
		}
	}
	return &session{driverConn: able, patience: c.patience}, nil
}
