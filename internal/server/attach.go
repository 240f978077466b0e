package server

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5"
)

// attachment is what is known of a server that somebody else runs.
type attachment struct {
	address string
	config  *pgx.ConnConfig
}

// AttachPostgres gives a server that runs already the shape of a private one. The connection string is a superuser's.
// Stop leaves the server alone; Restart and Kill return a *NotOursError. Bin finds the newest programs of this machine.
func AttachPostgres(ctx context.Context, dsn string) (*Postgres, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the connection string of the server to attach to: %w", err)
	}
	programs, err := findPostgres("")
	if err != nil {
		return nil, err
	}
	attached := &Postgres{programs: programs, given: &attachment{address: dsn, config: config}}
	attached.instance = instance{product: attached, port: int(config.Port), attached: true}
	if err := attached.readVersion(ctx); err != nil {
		return nil, err
	}
	return attached, nil
}

// socketDir returns the folder of the socket, empty when the server is reached by TCP.
func (a *attachment) socketDir() string {
	if filepath.IsAbs(a.config.Host) {
		return a.config.Host
	}
	return ""
}

// dsn returns a connection string for another database and role of the same server. The superuser keeps its password.
func (a *attachment) dsn(database, user, password string) string {
	if user == a.config.User && password == "" {
		password = a.config.Password
	}
	return strings.TrimSpace(withTarget(a.address, database, user, password))
}
