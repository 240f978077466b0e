package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/doctor/tune"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

const tuneHelp = `Say which settings of the PostgreSQL server suit a homeserver: what each is now, what it
should be for the machine's memory, the connections and the storage, and why; and how
autovacuum should treat the three biggest tables. As ALTER SYSTEM and ALTER TABLE
statements, and as lines of postgresql.conf, with what needs a restart.

Nothing is applied. The memory of a server on this machine is looked up, that of
another one has to be given by --memory.

Exit status:
  0    the advice was printed
  1    the configuration cannot be read
  2    wrong flags, --memory missing for a server elsewhere, or a database section
       without name
  3    no configured database is on PostgreSQL
  4    the configuration has no database
  5    a server cannot be reached or read
  130, 143  stopped by SIGINT, SIGTERM`

type tuneFlags struct {
	configs     []string
	memory      string
	connections int
	storage     string
	json        bool
}

func (e *environment) tune() *cobra.Command {
	flags := &tuneFlags{}
	command := &cobra.Command{
		Use:     "tune --config FILE…",
		Short:   "Advise on the settings of the PostgreSQL server",
		Long:    tuneHelp,
		Example: "  synapse tune -c homeserver.yaml --storage ssd\n  synapse tune -c homeserver.yaml --memory 8GB --connections 200 --storage ssd",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runTune(command.Context(), flags, command.Flags().Changed("connections"))
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringArrayVarP(&flags.configs, "config", "c", nil, "homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	set.StringVar(&flags.memory, "memory", "", "how much memory the server's machine has, such as `8GB`; needed for a server that is not on this machine")
	set.IntVar(&flags.connections, "connections", 0, "the `number` of connections that there shall be, of all workers (default: max_connections as it is)")
	set.StringVar(&flags.storage, "storage", "", "what the server's data are on: `ssd|hdd`")
	set.BoolVar(&flags.json, "json", false, "print the advice as JSON")
	return command
}

// wishes reads the flags; the memory is zero when it was not given.
func (f *tuneFlags) wishes(connections bool) (wishes tune.Wishes, err error) {
	const (
		least = 20     // with fewer than it keeps for superusers and replication a server does not start
		most  = 100000 // the server's own limit is higher, and counts other processes, too
	)
	if connections && (f.connections < least || f.connections > most) {
		return wishes, fmt.Errorf("--connections is %d; it can be %d to %d", f.connections, least, most)
	}
	storage := tune.Storage(f.storage)
	if f.storage != "" && !slices.Contains([]tune.Storage{tune.SSD, tune.HDD}, storage) {
		return wishes, fmt.Errorf("--storage is %q; it can be ssd or hdd", f.storage)
	}
	wishes = tune.Wishes{Connections: f.connections, Storage: storage}
	if f.memory != "" {
		if wishes.Memory, err = tune.ParseMemory(f.memory); err != nil {
			return wishes, fmt.Errorf("--memory: %w", err)
		}
	}
	return wishes, nil
}

func (e *environment) runTune(ctx context.Context, flags *tuneFlags, connections bool) error {
	wishes, err := flags.wishes(connections)
	if err != nil {
		return &usageError{err}
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	servers := serversOf(loaded)
	if len(servers) == 0 {
		return &config.EngineError{Position: loaded.Databases[0].Position, Section: loaded.Databases[0].Label + " is SQLite, and the server to tune"}
	}
	reports := []*tune.Report{}
	for _, server := range servers {
		report, err := e.tuneServer(ctx, server, wishes)
		if err != nil {
			return err
		}
		reports = append(reports, report)
	}
	if flags.json {
		return e.printJSON(reports)
	}
	w := &reportWriter{writer: e.stdout}
	for _, report := range reports {
		w.tuned(report)
	}
	return w.err
}

// serversOf groups the PostgreSQL databases by their servers.
func serversOf(loaded *config.Config) [][]config.Database {
	var servers [][]config.Database
	for _, database := range loaded.Databases {
		if database.Engine != engine.Postgres {
			continue
		}
		same := slices.IndexFunc(servers, func(others []config.Database) bool {
			return slices.Equal(others[0].Postgres.Hosts(), database.Postgres.Hosts())
		})
		if same < 0 {
			servers = append(servers, []config.Database{database})
			continue
		}
		servers[same] = append(servers[same], database)
	}
	return servers
}

func (e *environment) tuneServer(ctx context.Context, databases []config.Database, wishes tune.Wishes) (*tune.Report, error) {
	remote := databases[0].Postgres.Remote(ctx)
	if wishes.Memory == 0 {
		if remote != "" {
			return nil, &usageError{fmt.Errorf("the server %s is not on this machine, and what memory it has is not guessed: give it by --memory", remote)}
		}
		memory, err := tune.Memory()
		if err != nil {
			return nil, &usageError{fmt.Errorf("%w; give it by --memory", err)}
		}
		wishes.Memory = memory
	}
	wishes.Shared = remote == ""
	var facts *tune.Facts
	for _, database := range databases {
		read, err := e.readFacts(ctx, database.Label, database.Postgres)
		if err != nil {
			return nil, &jobError{stoppedBy(ctx, err)}
		}
		if facts == nil {
			facts = read
			continue
		}
		facts.Add(read)
	}
	return tune.Advise(facts, wishes), nil
}

func (e *environment) readFacts(ctx context.Context, label string, database *postgres.Config) (facts *tune.Facts, err error) {
	session, err := database.OpenSession(ctx, e.logger())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return tune.Read(ctx, session, strings.Join(database.Hosts(), ","), label)
}

func (w *reportWriter) tuned(report *tune.Report) {
	w.line("%s: PostgreSQL %s, for %s of memory and %d connections", report.Server, report.Version, memoryText(report.MemoryBytes), report.Connections)
	w.line("")
	w.advice(report.Settings)
	for _, table := range report.Tables {
		w.line("table %s (%s): %s, about %s rows, %s dead", table.Name, table.Database, bytesText(table.Bytes), number(table.Rows), number(table.DeadRows))
		w.line("")
		w.advice(table.Settings)
	}
	w.list("As an administrator, in psql on the database:", report.SQL)
	w.list("Or, for the server's own settings, in postgresql.conf:", report.Configuration)
	if len(report.Restart) > 0 {
		w.line("A restart of the server is needed for %s; a reload is enough for the others.", strings.Join(report.Restart, ", "))
		w.line("")
	}
	w.list("Notes:", report.Notes)
}

func (w *reportWriter) list(title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	w.line("%s", title)
	for _, line := range lines {
		w.line("  %s", line)
	}
	w.line("")
}

func (w *reportWriter) advice(settings []tune.Setting) {
	for _, setting := range settings {
		text := setting.Current + ": as it should be"
		if setting.Change {
			text = setting.Current + " -> " + setting.Advice
		}
		w.line("  %-38s %s", setting.Name, text)
		w.line("  %-38s %s", "", setting.Reason)
	}
	w.line("")
}

// memoryText counts in steps of 1024, as PostgreSQL's settings do.
func memoryText(bytes int64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(bytes)/(1<<30)), ".0") + " GB"
}
