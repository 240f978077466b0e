package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/server"
)

const demoHelp = `Show a whole port on this machine, with nothing left behind: make a small
homeserver's database in SQLite, start a throw-away PostgreSQL server, port,
verify, print the report, and remove everything.

The server is a private one in a temporary folder; PostgreSQL's programs have to
be installed, but no server has to run and none that runs is touched.`

func (e *environment) demo() *cobra.Command {
	options := demo.Options{Events: 2000, Seed: 1}
	command := &cobra.Command{
		Use:   "demo",
		Short: "Show a whole port on a generated database and a throw-away server",
		Long:  demoHelp,
		Args:  noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			return e.runDemo(command.Context(), options)
		},
	}
	demoFlags(command, &options)
	command.AddCommand(e.demoGenerate())
	return command
}

func demoFlags(command *cobra.Command, options *demo.Options) {
	command.Flags().IntVar(&options.Events, "events", options.Events, "`number` of events in the generated database")
	command.Flags().Int64Var(&options.Seed, "seed", options.Seed, "`number` that decides everything random")
}

func (e *environment) demoGenerate() *cobra.Command {
	options := demo.Options{Events: 2000, Seed: 1}
	command := &cobra.Command{
		Use:   "generate FILE",
		Short: "Only make the homeserver's database, as a new SQLite file",
		Args: func(command *cobra.Command, args []string) error {
			if len(args) != 1 {
				return &usageError{fmt.Errorf("give one file to make\nsee %s --help", command.CommandPath())}
			}
			return nil
		},
		RunE: func(command *cobra.Command, args []string) error {
			report, err := demo.Generate(command.Context(), args[0], options)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(e.stdout, "%s: %s events, %s rows, %s\n",
				report.Path, number(report.Events), number(report.Rows), bytesText(report.Bytes))
			return err
		},
	}
	demoFlags(command, &options)
	command.Flags().StringVar(&options.ServerName, "server-name", demo.DefaultServerName, "`domain` of the local users")
	command.Flags().BoolVar(&options.Plain, "plain", false, "leave out the difficult values")
	command.Flags().BoolVar(&options.BadValues, "bad-values", false, "add values that PostgreSQL does not take")
	command.Flags().BoolVar(&options.WAL, "wal", false, "leave the file in journal mode WAL, as servers do")
	return command
}

func (e *environment) runDemo(ctx context.Context, options demo.Options) (err error) {
	folder, err := os.MkdirTemp("", "synapse-demo-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	source := filepath.Join(folder, "homeserver.db")
	e.say("Making a homeserver's database with %s events in SQLite", number(int64(options.Events)))
	made, err := demo.Generate(ctx, source, options)
	if err != nil {
		return err
	}
	e.say("  %s, %s rows", bytesText(made.Bytes), number(made.Rows))
	e.say("Starting a throw-away PostgreSQL server")
	postgres, err := server.StartPostgres(ctx, server.PostgresOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, postgres.Stop()) }()
	configuration := filepath.Join(folder, "homeserver-postgres.yaml")
	if err := e.prepareDemo(ctx, postgres, configuration); err != nil {
		return err
	}
	e.say("synapse port --sqlite-database homeserver.db --postgres-config homeserver-postgres.yaml")
	return e.runPort(ctx, &portFlags{source: source, configs: []string{configuration},
		batch: 10_000, jobs: 2, policy: "fail"})
}

func (e *environment) say(format string, args ...any) {
	fmt.Fprintf(e.stderr, format+"\n", args...)
}

const demoName = "synapse"

// prepareDemo makes the target as an operator would: a role, a database that it owns, the tables, a configuration.
func (e *environment) prepareDemo(ctx context.Context, postgres *server.Postgres, configuration string) error {
	if err := postgres.CreateRole(ctx, demoName, ""); err != nil {
		return err
	}
	if err := postgres.CreateDatabase(ctx, server.DatabaseOptions{Name: demoName, Owner: demoName}); err != nil {
		return err
	}
	text := fmt.Sprintf("server_name: %s\ndatabase:\n  name: psycopg2\n  args:\n    host: %q\n    port: %d\n    user: %s\n    dbname: %s\n",
		demo.DefaultServerName, postgres.SocketDir(), postgres.Port(), demoName, demoName)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		return err
	}
	target, _, err := e.portDatabases([]string{configuration})
	if err != nil {
		return err
	}
	session, err := target.OpenSession(ctx, e.logger())
	if err != nil {
		return err
	}
	return errors.Join(homeserver.Create(ctx, session), session.Close())
}
