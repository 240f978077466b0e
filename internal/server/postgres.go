package server

import (
	"context"
	"fmt"
	"os"
	"strconv"

	"github.com/jackc/pgx/v5"
)

const (
	superuser  = "postgres"
	socketPort = 5432 // names the socket in a private folder; nothing listens on the port itself
)

// Postgres is a private PostgreSQL server, or one that was attached to. Its methods may be called from several
// goroutines.
type Postgres struct {
	instance

	options  PostgresOptions
	programs installation
	given    *attachment // of a server that was attached to
}

// StartPostgres makes a new cluster in a folder for temporary files and starts a server on it, ready for connections.
// Run as root, the server gets the account of the user postgres. The caller stops it with Stop; should this process die
// first, the server ends and its folder is removed all the same.
//
// Without PostgreSQL on this machine the error is a *NotInstalledError, and a *StartError with the server's log when it
// does not come up.
func StartPostgres(ctx context.Context, options PostgresOptions) (*Postgres, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	programs, err := findPostgres(options.BinFolder)
	if err != nil {
		return nil, err
	}
	runAs, err := serverAccount(superuser)
	if err != nil {
		return nil, err
	}
	private := &Postgres{options: options, programs: programs}
	private.instance = instance{
		product: private, home: home{account: runAs}, tcp: options.TCP, port: socketPort,
		orderly: []os.Signal{signalFast}, sudden: []os.Signal{signalImmediate},
	}
	names := privateNames{prefix: "synapse-pg-", socket: ".s.PGSQL.00000", running: "data/postmaster.pid"}
	if err := private.open(ctx, names); err != nil {
		return nil, err
	}
	return private, nil
}

// fill makes the cluster.
func (p *Postgres) fill(ctx context.Context) error {
	cluster := p.initialize
	if p.options.Kept != "" {
		cluster = p.copyOrKeep
	}
	if err := cluster(ctx); err != nil {
		return err
	}
	return p.write("data/pg_hba.conf", p.options.hba())
}

// configure writes the configuration.
func (p *Postgres) configure() error {
	return p.write("data/postgresql.conf", p.options.configuration(p.home.folder, p.port))
}

// command runs the server on its cluster.
func (p *Postgres) command() (program string, arguments []string) {
	return p.Bin("postgres"), []string{"-D", p.data()}
}

// probe reads the server's version.
func (p *Postgres) probe(ctx context.Context) (version int, err error) {
	connection, err := p.Connect(ctx, "postgres")
	if err != nil {
		return 0, err
	}
	defer connection.Close(ctx)
	const query = `SELECT current_setting('server_version_num')::int`
	if err := connection.QueryRow(ctx, query).Scan(&version); err != nil {
		return 0, fmt.Errorf("read the server's version: %w", err)
	}
	return version, nil
}

// Restart ends the server's sessions, stops it if it runs, and starts it again on the same port. It also starts a
// server that Kill has ended; after Stop the error is ErrStopped.
func (p *Postgres) Restart(ctx context.Context) error { return p.restart(ctx) }

// Kill ends the server at once, without a checkpoint and without a word to its clients, as a crash would. Restart
// starts it again.
func (p *Postgres) Kill() error { return p.kill() }

// Stop ends the server and removes its folder. A second call does nothing. An attached server is left as it is.
func (p *Postgres) Stop() error { return p.stop() }

// SocketDir returns the folder of the server's Unix socket, empty for an attached server that is reached by TCP.
func (p *Postgres) SocketDir() string {
	if p.given != nil {
		return p.given.socketDir()
	}
	return p.home.folder
}

// Port returns the port, which is also part of the socket's name.
func (p *Postgres) Port() int { return p.port }

// Superuser returns the name of a role that may do anything. Through the socket it needs no password.
func (p *Postgres) Superuser() string {
	if p.given != nil {
		return p.given.config.User
	}
	return superuser
}

// Version returns the server's version as PostgreSQL numbers it (server_version_num), such as 150014 for 15.14.
func (p *Postgres) Version() int { return p.versionNumber() }

// Bin returns the full path of one of PostgreSQL's programs, such as pg_dump, of the version that runs the server.
func (p *Postgres) Bin(name string) string { return p.programs.program(name) }

// DSN returns the connection string for a role and a database through the server's socket. It holds no password.
func (p *Postgres) DSN(database, user string) string {
	if p.given != nil {
		return p.given.dsn(database, user, "")
	}
	return keywords("host", p.home.folder, "port", strconv.Itoa(p.port), "user", user, "dbname", database)
}

// PasswordDSN returns the connection string for a role that logs in with its password: over TCP where the server
// listens there, else like DSN.
func (p *Postgres) PasswordDSN(database, user, password string) string {
	if p.given != nil {
		return p.given.dsn(database, user, password)
	}
	host := p.home.folder
	if p.options.TCP {
		host = loopback
	}
	return keywords("host", host, "port", strconv.Itoa(p.port), "user", user, "password", password,
		"dbname", database, "sslmode", "disable")
}

// Connect opens a connection as the superuser. The caller closes it.
func (p *Postgres) Connect(ctx context.Context, database string) (*pgx.Conn, error) {
	connection, err := pgx.Connect(ctx, p.DSN(database, p.Superuser()))
	if err != nil {
		return nil, fmt.Errorf("connect to database %s of the private server: %w", database, err)
	}
	return connection, nil
}
