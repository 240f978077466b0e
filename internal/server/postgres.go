package server

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5"
)

const (
	superuser  = "postgres"
	loopback   = "127.0.0.1"
	socketPort = 5432 // names the socket in a private folder; nothing listens on the port itself
	socketName = ".s.PGSQL.00000"
)

// Postgres is a private PostgreSQL server, or one that was attached to. Its methods may be called from several
// goroutines.
type Postgres struct {
	options  PostgresOptions
	programs installation
	home     home
	port     int
	attached *attachment

	// mutex protects what follows, and lets one process at a time be started or stopped.
	mutex   sync.Mutex
	version int
	process *process
	log     *os.File // nil once the server has been stopped for good
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
	private := &Postgres{options: options, programs: programs, home: home{account: runAs}, port: socketPort}
	if err := private.create(ctx); err != nil {
		return nil, err
	}
	if err := private.begin(ctx); err != nil {
		return nil, errors.Join(err, private.Stop())
	}
	return private, nil
}

// create makes the folder, the guard that removes it in the end, and the cluster in it.
func (p *Postgres) create(ctx context.Context) error {
	folder, err := privateFolder(p.home.account, "synapse-pg-", socketName)
	if err != nil {
		return err
	}
	p.home.folder = folder
	if p.home.guard, err = startGuard(p.home.account, folder, filepath.Join(p.data(), "postmaster.pid")); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	if err := p.fill(ctx); err != nil {
		return errors.Join(err, p.home.guard.release())
	}
	return nil
}

// fill makes the cluster and the log file.
func (p *Postgres) fill(ctx context.Context) error {
	if err := p.home.run(ctx, p.Bin("initdb"), p.options.initdbArguments(p.data())...); err != nil {
		return err
	}
	if err := p.write("pg_hba.conf", p.options.hba()); err != nil {
		return err
	}
	log, err := os.Create(p.logFile())
	if err != nil {
		return fmt.Errorf("make the server's log: %w", err)
	}
	p.log = log
	return nil
}

// write puts a configuration file into the cluster.
func (p *Postgres) write(name, text string) error {
	path := filepath.Join(p.data(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the server's %s: %w", name, err)
	}
	return p.home.account.own(path)
}

// data is the folder of the cluster.
func (p *Postgres) data() string { return filepath.Join(p.home.folder, "data") }

// logFile is where the server writes what it has to say.
func (p *Postgres) logFile() string { return filepath.Join(p.home.folder, "log") }

// SocketDir returns the folder of the server's Unix socket, empty for an attached server that is reached by TCP.
func (p *Postgres) SocketDir() string {
	if p.attached != nil {
		return p.attached.socketDir()
	}
	return p.home.folder
}

// Port returns the port, which is also part of the socket's name.
func (p *Postgres) Port() int { return p.port }

// Superuser returns the name of a role that may do anything. Through the socket it needs no password.
func (p *Postgres) Superuser() string {
	if p.attached != nil {
		return p.attached.config.User
	}
	return superuser
}

// Version returns the server's version as PostgreSQL numbers it (server_version_num), such as 150014 for 15.14.
func (p *Postgres) Version() int {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.version
}

// Bin returns the full path of one of PostgreSQL's programs, such as pg_dump, of the version that runs the server.
func (p *Postgres) Bin(name string) string { return p.programs.program(name) }

// DSN returns the connection string for a role and a database through the server's socket. It holds no password.
func (p *Postgres) DSN(database, user string) string {
	if p.attached != nil {
		return p.attached.dsn(database, user, "")
	}
	return keywords("host", p.home.folder, "port", strconv.Itoa(p.port), "user", user, "dbname", database)
}

// PasswordDSN returns the connection string for a role that logs in with its password: over TCP where the server
// listens there, else like DSN.
func (p *Postgres) PasswordDSN(database, user, password string) string {
	if p.attached != nil {
		return p.attached.dsn(database, user, password)
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
