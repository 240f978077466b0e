package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

const startHelp = `Keep a homeserver's databases in order until the program is stopped: create or upgrade
their tables as synapse upgrade does, run their background updates beside whatever is
going on, and serve the admin API of background updates and metrics by HTTP.

Without --config the database is the SQLite file homeserver.db in the current directory,
which is made if it is not there, with the schema of this program.

Nothing is changed before everything has been checked. A database that others are
connected to is refused, since a homeserver would do the same work a second time; two
of this program take turns. A database that goes away later is tried again until it is
back. SIGINT and SIGTERM let the batches at hand end and stop the
program, which then exits with 0.

The HTTP server listens on loopback. To reach it from elsewhere give another address by
--listen, and a token by --token-file, which each request has to bear then; put a
server that speaks TLS in front of it.

Exit status:
  0    stopped by SIGINT or SIGTERM
  1    the configuration, the schema files or the token cannot be found or read
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, not reachable, or a step failed: the message says which, and what stays`

const startExample = `  synapse start
  synapse start -c /etc/matrix-synapse/homeserver.yaml --token-file /etc/synapse/token`

type startFlags struct {
	schemaFlags
	listen    string
	tokenFile string
	sessions  bool
}

func (e *environment) start() *cobra.Command {
	flags := &startFlags{}
	command := &cobra.Command{
		Use:     "start",
		Short:   "Keep databases upgraded and their background updates going, and serve the admin API",
		Long:    startHelp,
		Example: startExample,
		Args:    noArguments,
		RunE:    func(command *cobra.Command, _ []string) error { return e.runStart(command.Context(), flags) },
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.StringVar(&flags.listen, "listen", "127.0.0.1:9004", "`address` and port to serve HTTP on; port 0 takes a free one")
	set.StringVar(&flags.tokenFile, "token-file", "", "`file` with the token that each request has to bear; needed beyond loopback")
	set.BoolVar(&flags.sessions, "sessions-known", false, "go on although others are connected to the database")
	return command
}

// runStart takes the port first: that nobody else has it is a check like any other, and comes before the first write.
func (e *environment) runStart(ctx context.Context, flags *startFlags) error {
	token, err := readToken(flags.tokenFile)
	if err != nil {
		return err
	}
	listener, err := listen(ctx, flags.listen, token)
	if err != nil {
		return err
	}
	defer func() { _ = listener.Close() }() // the server has closed it, unless it never began
	loaded, databases, err := e.startDatabases(ctx, flags)
	if err != nil {
		return err
	}
	service, err := e.newService(loaded, databases, token, flags.sessions)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.stdout, "serving http://%s\n", listener.Addr())
	if err := service.run(ctx, listener); err != nil {
		return &jobError{err}
	}
	fmt.Fprintln(e.stdout, "stopped")
	return nil
}

// startDatabases brings every database to its schema, and closes them again.
func (e *environment) startDatabases(ctx context.Context, flags *startFlags) (_ *config.Config, databases []*physical, err error) {
	if err := flags.check(); err != nil {
		return nil, nil, err
	}
	loaded, err := e.startConfig(flags.configs)
	if err != nil {
		return nil, nil, err
	}
	if err := checkKept(loaded); err != nil {
		return nil, nil, err
	}
	finder := &setFinder{flags: &flags.schemaFlags, ours: len(flags.configs) == 0}
	if databases, err = e.openLoaded(ctx, loaded, finder, true); err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, closeAll(databases)) }()
	plans, err := planAll(ctx, databases)
	if err != nil {
		return nil, nil, err
	}
	for i, database := range databases {
		database.options.SessionsKnown = flags.sessions
		if _, err := e.upgradeOne(ctx, database, plans[i], false); err != nil {
			return nil, nil, &jobError{err}
		}
	}
	return loaded, databases, nil
}

func (e *environment) startConfig(paths []string) (*config.Config, error) {
	if len(paths) > 0 {
		return e.loadConfig(paths)
	}
	loaded, err := config.Default()
	if err == nil {
		fmt.Fprintf(e.stdout, "no --config: the database is %s\n", loaded.Databases[0].SQLitePath)
	}
	return loaded, err
}

// checkKept refuses a database that would end with the connection that has created it.
func checkKept(loaded *config.Config) error {
	for _, database := range loaded.Databases {
		if database.Engine == engine.SQLite && database.SQLitePath == config.InMemory {
			return &jobError{fmt.Errorf("database %s is in memory, and would be gone at once; name a file", database.Label)}
		}
	}
	return nil
}

// owner is whose a prepared database is.
func (p *physical) owner() schema.Owner { return schema.Owner(p.set.Name()) }

// readToken reads the token, which is the whole of a file but for white space around it.
func readToken(path string) (string, error) {
	if path == "" {
		return "", nil
	}
	content, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the token: %w", err)
	}
	token := strings.TrimSpace(string(content))
	const fewest = 16
	if len(token) < fewest || strings.ContainsAny(token, " \t\r\n") {
		return "", fmt.Errorf("%s: a token has one line of %d letters or more without white space; `openssl rand -hex 32` makes one", path, fewest)
	}
	return token, nil
}

// listen opens the port; without a token only on loopback.
func listen(ctx context.Context, address, token string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, &usageError{fmt.Errorf("--listen %q is no address with a port, such as 127.0.0.1:9004: %w", address, err)}
	}
	resolved, err := net.ResolveTCPAddr("tcp", address)
	if err != nil {
		return nil, &usageError{fmt.Errorf("--listen %q: %w", address, err)}
	}
	if token == "" && (host == "" || !resolved.IP.IsLoopback()) {
		return nil, &usageError{fmt.Errorf("--listen %s can be reached from elsewhere, so a token is needed: give --token-file, or an address of loopback", address)}
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", resolved.String())
	if err != nil {
		return nil, &jobError{fmt.Errorf("serve HTTP: %w; stop what has the port, or give another by --listen", err)}
	}
	return listener, nil
}

// startLogger tells what happens; a server's log is read afterwards.
func (e *environment) startLogger() *slog.Logger {
	level := slog.LevelInfo
	if e.verbose {
		level = slog.LevelDebug
	}
	return slog.New(slog.NewTextHandler(e.stderr, &slog.HandlerOptions{Level: level}))
}
