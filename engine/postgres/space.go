package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// Space is how much room there is for a database.
type Space struct {
	Used int64 // by the database, in bytes
	// Free is what the file system has that holds it, in bytes, if Known: the server is on this machine, and the role may know
	// where its data are (pg_read_all_settings).
	Free  int64
	Known bool
}

// spaceSQL asks for the folder only where that is allowed, and is told nothing of a server elsewhere.
const spaceSQL = `SELECT pg_database_size(d.oid),
    CASE WHEN (inet_server_addr() IS NULL OR inet_server_addr() <<= '127.0.0.0/8' OR inet_server_addr() = '::1')
              AND pg_has_role(current_user, 'pg_read_all_settings', 'USAGE')
         THEN coalesce(nullif(pg_tablespace_location(d.dattablespace), ''), current_setting('data_directory')) END
FROM pg_database d WHERE d.datname = current_database()`

// Space asks how much room there is. It opens a connection of its own, and closes it.
func (c *Config) Space(ctx context.Context) (_ *Space, err error) {
	connection, err := c.Connect(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, connection.Close(ctx)) }()
	found := &Space{}
	var folder *string
	if err := connection.QueryRow(ctx, spaceSQL).Scan(&found.Used, &folder); err != nil {
		return nil, fmt.Errorf("ask %s for the size of the database: %w", c.Describe(), err)
	}
	if folder != nil {
		found.Free, found.Known = engine.FreeSpace(*folder)
	}
	return found, nil
}
