package mysql

import (
	"context"
	"database/sql/driver"
	"fmt"
	"log/slog"
	"maps"
	"strings"

	"github.com/go-sql-driver/mysql"
)

// sessionVariables make sessions of different servers and administrators alike.
var sessionVariables = map[string]string{
	// A value that does not fit is an error, a backslash in a text is an escape, and a name is quoted with backticks. A
	// zero put into a column that counts is a zero.
	"sql_mode": `'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ZERO_DATE,NO_ZERO_IN_DATE,NO_ENGINE_SUBSTITUTION,` +
		`NO_AUTO_VALUE_ON_ZERO,ONLY_FULL_GROUP_BY'`,
	"time_zone": `'+00:00'`,
	// Only InnoDB has transactions, and statements like CREATE TABLE that a crash does not leave half done.
	"default_storage_engine": `'InnoDB'`,
}

// schemaVariables are for sessions that change a schema.
var schemaVariables = map[string]string{
	// A lock must not end because the work between two statements took long, in seconds.
	"wait_timeout": "86400",
	// Behind a statement that waits for a table, all others wait too: rather give up and say so, in seconds.
	"lock_wait_timeout": "60",
	// What Describe puts together must not be cut off, in bytes.
	"group_concat_max_len": "1048576",
}

// connector opens connections and explains why one could not be opened.
type connector struct {
	driver.Connector

	config Config
}

// newConnector prepares connections. The database's name may be empty, and variables are added to those of every session.
func (c Config) newConnector(database string, variables map[string]string, log *slog.Logger) (*connector, error) {
	encryption, err := c.tlsConfig()
	if err != nil {
		return nil, c.explain(err)
	}
	settings := mysql.NewConfig()
	settings.Net, settings.Addr = c.address()
	settings.User, settings.Passwd, settings.DBName = c.User, c.Password, database
	settings.TLS, settings.AllowFallbackToPlaintext = encryption, c.TLS == TLSPreferred
	settings.Collation, settings.ParseTime, settings.MaxAllowedPacket = "utf8mb4_bin", true, 0
	settings.ClientFoundRows = true // as with the other engines, a row that was set to what it was is an updated one
	settings.Logger = driverLog{log}
	settings.Params = maps.Clone(sessionVariables)
	maps.Copy(settings.Params, variables)
	made, err := mysql.NewConnector(settings)
	if err != nil {
		return nil, c.explain(err)
	}
	return &connector{Connector: made, config: c}, nil
}

// Connect opens a connection, with its login, within the time for it.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.ConnectTimeout)
	defer cancel()
	connection, err := c.Connector.Connect(ctx)
	if err != nil {
		return nil, c.config.explain(err)
	}
	return connection, nil
}

// driverLog gives the driver's remarks, on connections that have ended, to the logger.
type driverLog struct{ log *slog.Logger }

// Print logs a remark.
func (d driverLog) Print(parts ...any) {
	d.log.Debug("mysql driver", "message", strings.TrimSpace(fmt.Sprint(parts...)))
}

// loggerOr gives a logger where there is none.
func loggerOr(log *slog.Logger) *slog.Logger {
	if log == nil {
		return slog.New(slog.DiscardHandler)
	}
	return log
}
