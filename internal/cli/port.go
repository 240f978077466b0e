package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"runtime/debug"
	"slices"
	"sync"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/port"
)

// portFlags are the flags of the port command.
type portFlags struct {
	source   string
	configs  []string
	batch    int
	jobs     int
	check    bool
	policy   string
	aside    string
	noVerify bool
	schema   string
	json     bool
	screen   bool
	discard  bool
	finish   bool
	abandon  bool
	from, to string
}

const portHelp = `Move a homeserver's database from SQLite to PostgreSQL.

The target is an empty database, owned by the role that the configuration names.
Its tables are created by the port if the schema files of the homeserver that made
the source are known (--schema-dir), or beforehand, by the homeserver itself. Stop the homeserver before the port whose result it will
start on. The source is only read, and stays as it is. With two databases under
"databases", those of main and of state, each gets its own tables.

What happens: all checks, listed at once if any fails; a scan of the whole source
for values that PostgreSQL cannot take; only then the copy, the indexes and
foreign keys, the sequences, and a comparison of both sides. Until all of that is
done the homeserver refuses to start on the target. After an interruption run
the same command again; it goes on where it was.

The same command on a target that is complete makes it equal to what the source
is now, and writes only what differs: port once while the homeserver runs, stop
it, and port again. When the move is over, --finish removes what ports keep in
the target for that.

With --from and --to it moves the tables of another schema set, such as those in
which entities are kept, from any of SQLite, PostgreSQL, MySQL and MariaDB to any
other, and compares both sides. A URL is a path or file: URI of SQLite,
postgresql://… or mysql://…. The set is the one that the source says it is of. The
target is empty, or left by such a move that did not end, which is begun anew. Stop
the program that writes to the source for the move whose result it will start on.

Exit status:
  0    ported and verified; or, with --check, nothing hinders
  1    the source is not a file, or the configuration cannot be read
  2    wrong flags, or a database section without name
  3    the configured database is not PostgreSQL
  4    the configuration has no database
  5    refused, bad values, or stopped on the way: the message says which
  130, 143  stopped by SIGINT, SIGTERM`

const portExample = `  synapse port --sqlite-database homeserver.db --postgres-config homeserver-postgres.yaml --check
  synapse port --sqlite-database homeserver.db --postgres-config homeserver-postgres.yaml

  # Debian keeps server_name in conf.d:
  synapse port --sqlite-database /var/lib/matrix-synapse/homeserver.db \
    --postgres-config /etc/matrix-synapse/conf.d --postgres-config homeserver-postgres.yaml

  synapse port --from synapse_storage.db --to postgresql://user:password@localhost/home`

func (e *environment) port(name string) *cobra.Command {
	flags := &portFlags{}
	command := &cobra.Command{
		Use:     name + " " + portUsage(name),
		Short:   "Move a homeserver's database from SQLite to PostgreSQL, or tables of another schema between engines",
		Long:    portHelp,
		Example: portExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if moves, err := movesTables(command); moves || err != nil {
				if err != nil {
					return err
				}
				return e.runPortTables(command.Context(), flags)
			}
			if flags.finish || flags.abandon {
				if err := required(command, "postgres-config"); err != nil {
					return err
				}
				return e.endPort(command.Context(), flags)
			}
			if err := required(command, "sqlite-database", "postgres-config"); err != nil {
				return err
			}
			return e.runPort(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringVar(&flags.source, "sqlite-database", "", "the SQLite `file` to read; it is not changed")
	set.StringArrayVarP(&flags.configs, "postgres-config", "c", nil,
		"homeserver.yaml whose database section, or each under databases, is PostgreSQL, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	set.BoolVar(&flags.check, "check", false, "do all checks and the scan, list everything that hinders, write nothing")
	set.StringVar(&flags.policy, "on-bad-value", string(port.Fail),
		"what to do about values that PostgreSQL does not take: stop before the first write, or put U+FFFD where that mends a text and set other rows aside in a file (`fail|repair`)")
	set.StringVar(&flags.aside, "set-aside-file", "",
		"JSON-lines `file` for rows set aside and originals of repaired ones (default synapse-port-set-aside-TIME.jsonl here)")
	set.StringVar(&flags.schema, "schema-dir", "",
		"`folder` synapse/storage/schema of the installed homeserver, with which an empty target is prepared (looked for in the usual places); with --from, the folder of the schema set")
	set.IntVar(&flags.batch, "batch-size", port.DefaultBatchSize, "most `rows` in one COPY")
	set.IntVar(&flags.jobs, "jobs", port.DefaultJobs(), "`number` of connections that work at a time")
	set.BoolVar(&flags.noVerify, "no-verify", false, "leave out the comparison of both sides at the end")
	set.BoolVar(&flags.discard, "discard-target-changes", false,
		"throw away what somebody has written to the target since the last port was complete; without it such a target is refused")
	set.BoolVar(&flags.finish, "finish", false, "only say that the move is over: remove what complete ports keep in the target; a homeserver may run on it")
	set.BoolVar(&flags.abandon, "abandon", false, "only give up a port that is not complete: put the target back to how it was prepared")
	if name != portScript {
		set.StringVar(&flags.from, "from", "", "`URL` of the database whose tables are moved, which are not a homeserver's; it is not changed")
		set.StringVar(&flags.to, "to", "", "`URL` of the database that they are moved to")
	}
	set.BoolVar(&flags.json, "json", false, "print the report as JSON")
	set.BoolVar(&flags.screen, "tui", false, "show the progress on the whole terminal; q there asks whether to stop, and no key is needed at the end")
	set.BoolVar(&flags.screen, "curses", false, "the same as --tui, as upstream's script calls it")
	return command
}

// portUsage leaves out what upstream's script has not.
func portUsage(name string) string {
	const usage = "--sqlite-database FILE --postgres-config FILE…"
	if name == portScript {
		return usage
	}
	return "{" + usage + " | --from URL --to URL}"
}

func (e *environment) runPort(ctx context.Context, flags *portFlags) error {
	if flags.screen {
		if err := e.requireScreen(); err != nil {
			return err
		}
	}
	options, err := e.portOptions(flags)
	if err != nil {
		return err
	}
	return e.portWith(ctx, options, flags)
}

// portOptions turns flags into options, in the order in which upstream's script refuses: the file, then the configuration.
func (e *environment) portOptions(flags *portFlags) (port.Options, error) {
	if flags.batch < 1 || flags.jobs < 1 {
		return port.Options{}, &usageError{errors.New("--batch-size and --jobs must be at least 1")}
	}
	if !slices.Contains([]string{string(port.Fail), string(port.Repair)}, flags.policy) {
		return port.Options{}, &usageError{fmt.Errorf("--on-bad-value is %q; it can be fail or repair", flags.policy)}
	}
	info, err := os.Stat(flags.source)
	if err != nil {
		return port.Options{}, fmt.Errorf("--sqlite-database: %w", err)
	}
	if !info.Mode().IsRegular() {
		return port.Options{}, fmt.Errorf("--sqlite-database: %s is not a regular file", flags.source)
	}
	if _, err := os.Lstat(flags.aside); flags.aside != "" && !errors.Is(err, fs.ErrNotExist) {
		return port.Options{}, fmt.Errorf("--set-aside-file: %s exists already; name another file", flags.aside)
	}
	target, state, serverName, err := e.portTargets(flags.configs)
	if err != nil {
		return port.Options{}, err
	}
	set, err := upstreamSet(flags.schema)
	return port.Options{
		Source: flags.source, Target: target, State: state, ServerName: serverName, Upstream: set,
		BatchSize: flags.batch, Jobs: flags.jobs, OnBadValue: port.Policy(flags.policy),
		SetAsideFile: flags.aside, Check: flags.check, NoVerify: flags.noVerify, DiscardTargetChanges: flags.discard, Log: e.logger(),
	}, err
}

// portTargets reads the configuration of the target. state is nil when main's database takes that, too.
func (e *environment) portTargets(paths []string) (main, state *postgres.Config, serverName string, err error) {
	loaded, err := e.loadConfig(paths)
	if err != nil {
		return nil, nil, "", err
	}
	if main, state, err = targetsOf(loaded); err != nil {
		return nil, nil, "", err
	}
	serverName, err = loaded.RequireServerName()
	return main, state, serverName, err
}

// portDatabases reads where the target is, and nothing else.
func (e *environment) portDatabases(paths []string) (main, state *postgres.Config, err error) {
	loaded, err := e.loadConfig(paths)
	if err != nil {
		return nil, nil, err
	}
	return targetsOf(loaded)
}

func targetsOf(loaded *config.Config) (main, state *postgres.Config, err error) {
	ofMain, ofState := holder(loaded, "main"), holder(loaded, "state")
	for _, database := range loaded.Databases {
		if database.Label != ofMain.Label && database.Label != ofState.Label {
			return nil, nil, &jobError{fmt.Errorf("%s: %s is neither the database of main nor that of state; a port goes into these two: leave the section out",
				database.Position, database.Label)}
		}
		if database.Engine != engine.Postgres {
			return nil, nil, &config.EngineError{Position: database.Position, Section: database.Label + " is SQLite, but the target"}
		}
	}
	if ofMain.Label == ofState.Label {
		return ofMain.Postgres, nil, nil
	}
	return ofMain.Postgres, ofState.Postgres, nil
}

// portWith runs the port, shows its progress and prints its report.
func (e *environment) portWith(ctx context.Context, options port.Options, flags *portFlags) error {
	// Most of what is held are buffers that live as long as the port; letting garbage grow to half of them, not to as
	// much again, keeps the peak low and the same for every size of database.
	debug.SetGCPercent(50)
	options.Progress = port.NewProgress()
	if !flags.json {
		e.adviseSpace(ctx, options)
	}
	ctx, stop := e.showPort(ctx, &options, flags.screen)
	defer stop() // a panic must not leave the terminal as the view has it
	report, err := port.Run(ctx, options)
	stop()
	if report != nil {
		if printErr := e.printPort(report, options, flags); printErr != nil {
			err = errors.Join(err, fmt.Errorf("print the report: %w", printErr))
		}
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}

// showPort shows how far the port is until the function that it returns is called, on the whole terminal if that is asked for. The
// port has to run in the context that it returns.
func (e *environment) showPort(ctx context.Context, options *port.Options, screen bool) (context.Context, func()) {
	if screen {
		return e.showScreen(ctx, options)
	}
	return ctx, sync.OnceFunc(e.showProgress(options.Progress))
}

func (e *environment) printPort(report *port.Report, options port.Options, flags *portFlags) error {
	if flags.json {
		encoder := json.NewEncoder(e.stdout)
		encoder.SetIndent("", "  ")
		encoder.SetEscapeHTML(false)
		return encoder.Encode(report)
	}
	return writePortReport(e.stdout, report, options, flags.configs)
}
