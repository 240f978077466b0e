package server

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/go-sql-driver/mysql"
)

const (
	mariaDBSuperuser = "root"
	mariaDBSocket    = "socket"
)

// MariaDBOptions describes a private MariaDB or MySQL server. The zero value is a server with a Unix socket and no TCP.
type MariaDBOptions struct {
	// BinFolder holds mariadbd or mysqld. Empty: the folder in SYNAPSE_MARIADB_BIN, then PATH, then the usual places.
	BinFolder string
	// TCP lets the server listen on a free port of 127.0.0.1 as well, where users log in with their password.
	TCP bool
	// Settings are options of the server, by name without the dashes. They win over what this package sets.
	Settings map[string]string
}

// MariaDB is a private MariaDB or MySQL server, or one that was attached to. Its methods may be called from several
// goroutines.
type MariaDB struct {
	instance

	options  MariaDBOptions
	programs mariaDBPrograms
	given    *mysql.Config // of a server that was attached to
}

// StartMariaDB makes a server's data in a folder for temporary files and starts it, ready for connections. Run as root,
// it gets the account of the user mysql, postgres or nobody, the first that there is. The caller stops it with Stop;
// should this process die first, the server ends and its folder is removed all the same.
//
// Without MariaDB and MySQL on this machine the error is a *NotInstalledError, and a *StartError with the server's log
// when it does not come up.
func StartMariaDB(ctx context.Context, options MariaDBOptions) (*MariaDB, error) {
	if err := supported(); err != nil {
		return nil, err
	}
	programs, err := findMariaDB(options.BinFolder)
	if err != nil {
		return nil, err
	}
	runAs, err := serverAccount("mysql", superuser, "nobody")
	if err != nil {
		return nil, err
	}
	private := &MariaDB{options: options, programs: programs}
	private.instance = instance{
		product: private, home: home{account: runAs}, tcp: options.TCP, orderly: []os.Signal{signalShutdown},
	}
	// One process with nothing outside of its folder: it can be killed, also while it starts, when it misses signals.
	names := privateNames{prefix: "synapse-mariadb-", socket: mariaDBSocket}
	if err := private.open(ctx, names); err != nil {
		return nil, err
	}
	return private, nil
}

// AttachMariaDB gives a server that runs already the shape of a private one. The data source name is a superuser's, in
// the driver's form: user:password@tcp(host:port)/. Stop leaves the server alone; Restart and Kill return a
// *NotOursError.
func AttachMariaDB(ctx context.Context, dsn string) (*MariaDB, error) {
	config, err := mysql.ParseDSN(dsn)
	if err != nil {
		return nil, fmt.Errorf("read the data source name of the server to attach to: %w", err)
	}
	attached := &MariaDB{given: config}
	attached.instance = instance{product: attached, attached: true}
	if err := attached.readVersion(ctx); err != nil {
		return nil, err
	}
	return attached, nil
}

// fill makes the system tables.
func (m *MariaDB) fill(ctx context.Context) error {
	if m.programs.installer == "" {
		return m.home.run(ctx, m.programs.server, m.arguments("--initialize-insecure")...)
	}
	err := m.home.run(ctx, m.programs.installer, m.arguments("--auth-root-authentication-method=normal", "--skip-test-db")...)
	if err != nil {
		return err
	}
	return m.write("init.sql", ownAccounts)
}

// ownAccounts leaves the superuser without a password on the socket only, which stands in a folder that only the
// server's account can enter. MariaDB's installer makes such accounts for TCP as well; MySQL's does not.
const ownAccounts = `DELETE FROM mysql.global_priv WHERE User IN ('', 'root') AND Host <> 'localhost';
FLUSH PRIVILEGES;
`

// configure does nothing: the whole configuration is in the arguments.
func (m *MariaDB) configure() error { return nil }

// command runs the server on its data.
func (m *MariaDB) command() (program string, arguments []string) {
	settings := map[string]string{
		"socket":               m.Socket(),
		"pid-file":             filepath.Join(m.home.folder, "pid"),
		"performance-schema":   "OFF",
		"skip-log-bin":         "",
		"skip-name-resolve":    "",
		"character-set-server": "utf8mb4",
		"collation-server":     "utf8mb4_bin",
		// A server that is killed, not its machine, must not lose what it has promised. Nothing else needs to wait for a disk,
		// and one file for all tables makes and drops them several times as fast.
		"innodb-flush-log-at-trx-commit": "2",
		"innodb-flush-method":            "nosync",
		"innodb-file-per-table":          "OFF",
	}
	if m.tcp {
		maps.Copy(settings, map[string]string{"bind-address": loopback, "port": strconv.Itoa(m.port)})
	} else {
		settings["skip-networking"] = ""
	}
	if m.programs.installer != "" {
		settings["init-file"] = filepath.Join(m.home.folder, "init.sql")
		settings["debug-no-sync"] = ""
	} else {
		settings["mysqlx"] = "OFF" // a second port and socket that nobody uses
	}
	maps.Copy(settings, m.options.Settings)
	return m.programs.server, m.arguments(optionArguments(settings)...)
}

// arguments returns what every program of the server is called with, and the rest.
func (m *MariaDB) arguments(rest ...string) []string {
	return append([]string{
		"--no-defaults", // has to be the first
		"--datadir=" + m.data(),
		"--tmpdir=" + m.home.folder, // a server that starts removes the temporary tables that it finds, also another's
		"--tmpdir=" + m.home.folder, // a server that starts removes temporary tables from its tmpdir, also those of others
		"--innodb-buffer-pool-size=32M",
	}, rest...)
}

// optionArguments writes settings as arguments, in a fixed order.
func optionArguments(settings map[string]string) []string {
	var arguments []string
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		argument := "--" + name
		if value := settings[name]; value != "" {
			argument += "=" + value
		}
		arguments = append(arguments, argument)
	}
	return arguments
}

// probe reads the server's version.
func (m *MariaDB) probe(ctx context.Context) (version int, err error) {
	var text string
	if err := m.asSuperuser(ctx, func(connection *sql.Conn) error {
		return connection.QueryRowContext(ctx, `SELECT version()`).Scan(&text)
	}); err != nil {
		return 0, fmt.Errorf("read the server's version: %w", err)
	}
	return versionNumber(text)
}

// versionNumber reads the beginning of a version such as 10.11.19-MariaDB.
func versionNumber(text string) (int, error) {
	var major, minor, patch int
	if _, err := fmt.Sscanf(text, "%d.%d.%d", &major, &minor, &patch); err != nil {
		return 0, fmt.Errorf("read the server's version %q: %w", text, err)
	}
	return major*10000 + minor*100 + patch, nil
}

// Restart ends the server's sessions, stops it if it runs, and starts it again on the same port. It also starts a
// server that Kill has ended; after Stop the error is ErrStopped.
func (m *MariaDB) Restart(ctx context.Context) error { return m.restart(ctx) }

// Kill ends the server at once, as a crash would. Restart starts it again.
func (m *MariaDB) Kill() error { return m.kill() }

// Stop ends the server and removes its folder. A second call does nothing. An attached server is left as it is.
func (m *MariaDB) Stop() error { return m.stop() }

// Socket returns the path of the server's Unix socket, empty for an attached server that is reached by TCP.
func (m *MariaDB) Socket() string {
	if m.given == nil {
		return filepath.Join(m.home.folder, mariaDBSocket)
	}
	if m.given.Net == "unix" {
		return m.given.Addr
	}
	return ""
}

// Address returns host and port where the server listens on TCP, empty where it does not.
func (m *MariaDB) Address() string {
	switch {
	case m.given != nil && m.given.Net == "unix", m.given == nil && !m.tcp:
		return ""
	case m.given != nil:
		return m.given.Addr
	}
	return loopback + ":" + strconv.Itoa(m.port)
}

// Superuser returns the name of a user that may do anything. Through the socket of a private server it needs no password.
func (m *MariaDB) Superuser() string {
	if m.given != nil {
		return m.given.User
	}
	return mariaDBSuperuser
}

// Version returns the server's version as a number, such as 101119 for 10.11.19.
func (m *MariaDB) Version() int { return m.versionNumber() }

// Program returns the full path of the server's program, empty for an attached server.
func (m *MariaDB) Program() string { return m.programs.server }

// URL returns the address of a database for a user that logs in with a password, as this project writes it: over TCP
// where the server listens there, else through its socket.
func (m *MariaDB) URL(database, user, password string) string {
	address := url.URL{Scheme: "mysql", Host: m.Address(), Path: "/" + database, User: url.UserPassword(user, password)}
	if address.Host == "" {
		address.RawQuery = url.Values{"socket": {m.Socket()}}.Encode()
	}
	return address.String()
}

// Open opens a database as the superuser, or no database where the name is empty. The caller closes it.
func (m *MariaDB) Open(database string) (*sql.DB, error) {
	config := m.given
	if config == nil {
		config = mysql.NewConfig()
		config.User, config.Net, config.Addr = mariaDBSuperuser, "unix", m.Socket()
	}
	config = config.Clone()
	config.DBName, config.ParseTime = database, true
	config.Logger = log.New(io.Discard, "", 0) // of what goes wrong, the caller gets the error
	connector, err := mysql.NewConnector(config)
	if err != nil {
		return nil, fmt.Errorf("connect to database %s of the private server: %w", database, err)
	}
	return sql.OpenDB(connector), nil
}

// asSuperuser gives work a connection without a database.
func (m *MariaDB) asSuperuser(ctx context.Context, work func(*sql.Conn) error) (err error) {
	database, err := m.Open("")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, database.Close()) }()
	connection, err := database.Conn(ctx)
	if err != nil {
		return err
	}
	defer connection.Close()
	return work(connection)
}
