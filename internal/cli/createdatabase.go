package cli

import (
	"context"
	"errors"
	"fmt"

	"github.com/goccy/go-yaml"
	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/create"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

const createHelp = `Create the roles and the empty PostgreSQL databases that homeserver.yaml names: UTF8,
locale C, from template0, owned by the role, with the password of the configuration.
Then connect as the homeserver will, and print the database section with settings of
the pool and keepalives.

What is there is never touched; a run that was interrupted is completed by the next.
It is done as the administrator that --as names; else the operating system's user,
postgres and the configured role are tried.

Exit status:
  0    everything is there, and the homeserver can connect (with --check: nothing
       is missing)
  1    the configuration cannot be read
  2    wrong flags, or a database section without name
  3    no configured database is on PostgreSQL
  4    the configuration has no database
  5    nobody may create it, something is missing (--check), a database that is
       there is not as the homeserver needs it, or it cannot connect
  130, 143  stopped by SIGINT, SIGTERM`

type createFlags struct {
	configs  []string
	as       string
	check    bool
	printSQL bool
	json     bool
}

// CreatedDatabases is what create-database prints with --json.
type CreatedDatabases struct {
	Databases []create.Result `json:"databases"`
	// Section is what homeserver.yaml should say, without passwords.
	Section string `json:"section"`
}

// Why the exit code is not 0; the report says what.
var (
	errNotUsable = errors.New("at least one database cannot be used by the homeserver as it is")
	errMissing   = errors.New("something is missing, and was not created because of --check")
)

func (e *environment) createDatabase() *cobra.Command {
	flags := &createFlags{}
	command := &cobra.Command{
		Use:     "create-database --config FILE…",
		Short:   "Create the PostgreSQL databases that homeserver.yaml names, and their roles",
		Long:    createHelp,
		Example: "  sudo -u postgres synapse create-database -c homeserver.yaml\n  synapse create-database -c homeserver.yaml --as \"user=admin host=db.example.com\"",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runCreate(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringArrayVarP(&flags.configs, "config", "c", nil, "homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	set.StringVar(&flags.as, "as", "", "the `administrator`: a role, or a connection string or URI without a password, which PGPASSWORD or ~/.pgpass gives")
	set.BoolVar(&flags.check, "check", false, "only look, and say what would be done")
	set.BoolVar(&flags.printSQL, "print-sql", false, "connect to nothing, and print what psql can be given instead")
	set.BoolVar(&flags.json, "json", false, "print the report as JSON")
	return command
}

func (e *environment) runCreate(ctx context.Context, flags *createFlags) error {
	if flags.printSQL && (flags.check || flags.json) {
		return &usageError{errors.New("--print-sql connects to nothing and prints SQL alone: give it without --check and --json")}
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	options := create.Options{As: flags.as, Check: flags.check, Log: e.logger()}
	for _, database := range loaded.Databases {
		if database.Engine == engine.Postgres {
			options.Databases = append(options.Databases, create.Database{Label: database.Label, Config: database.Postgres})
		}
	}
	if len(options.Databases) == 0 {
		return &config.EngineError{Position: loaded.Databases[0].Position, Section: loaded.Databases[0].Label + " is SQLite, whose file the homeserver makes itself, and the database to create"}
	}
	if flags.printSQL {
		_, err := fmt.Fprint(e.stdout, create.Script(options.Databases))
		return err
	}
	section, err := createSection(loaded)
	if err != nil {
		return err
	}
	results, err := create.Run(ctx, options)
	if printed := e.printCreated(&CreatedDatabases{Databases: results, Section: section}, flags); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err = errors.Join(err, judgeCreated(results)); err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}

func judgeCreated(results []create.Result) error {
	for i := range results {
		if !results[i].Usable() {
			return errNotUsable
		}
		if results[i].RoleState == create.Missing || results[i].DatabaseState == create.Missing {
			return errMissing
		}
	}
	return nil
}

func (e *environment) printCreated(report *CreatedDatabases, flags *createFlags) error {
	if flags.json {
		return e.printJSON(report)
	}
	w := &reportWriter{writer: e.stdout}
	for i := range report.Databases {
		w.created(&report.Databases[i], flags.check)
	}
	if len(report.Databases) > 0 {
		w.line("For homeserver.yaml:\n\n%s", report.Section)
	}
	return w.err
}

func (w *reportWriter) created(result *create.Result, check bool) {
	w.line("%s: database %s of role %s at %s, as %s", result.Label, result.Database, result.Role, result.Server, result.Administrator)
	w.line("  role      %s", result.RoleState)
	w.line("  database  %s", result.DatabaseState)
	if check && len(result.Statements) > 0 {
		w.line("  would be run:")
	}
	if check {
		for _, statement := range result.Statements {
			w.line("    %s", statement)
		}
	}
	for _, difference := range result.Differences {
		w.line("  differs   %s", difference)
	}
	if result.Problem != nil {
		w.line("  The homeserver cannot connect:")
		w.finding(result.Problem)
	} else if !check && result.Usable() {
		w.line("  proved    the homeserver can connect")
	}
	w.line("")
}

// What the pool is given where the configuration leaves it at the homeserver's defaults.
const (
	recommendedMin = 5
	recommendedMax = 10
)

// createSection is the database section as it stands, with what is recommended where it says nothing. Passwords are not shown.
func createSection(loaded *config.Config) (string, error) {
	sections, err := sectionsOf(loaded)
	if err != nil {
		return "", err
	}
	for i := range sections {
		for _, database := range loaded.Databases {
			if database.Label == sections[i].Key && database.Engine == engine.Postgres {
				sections[i].Value = completed(sections[i].Value, database.Postgres)
			}
		}
	}
	whole := yaml.MapSlice{{Key: "databases", Value: sections}}
	if len(sections) == 1 && sections[0].Key == "master" {
		whole = yaml.MapSlice{{Key: "database", Value: sections[0].Value}}
	}
	text, err := yaml.MarshalWithOptions(whole, yaml.Indent(2), yaml.IndentSequence(true))
	if err != nil {
		return "", fmt.Errorf("write the database section: %w", err)
	}
	return string(text), nil
}

// completed adds to args what they lack.
func completed(section any, configured *postgres.Config) any {
	keys, isMapping := section.(yaml.MapSlice)
	if !isMapping {
		return section
	}
	wanted := append([]connection.Argument{{Key: "cp_min", Value: recommendedMin}, {Key: "cp_max", Value: max(recommendedMax, configured.PoolMin)}}, connection.Keepalives()...)
	for i := range keys {
		args, isArgs := keys[i].Value.(yaml.MapSlice)
		if keys[i].Key != "args" || !isArgs {
			continue
		}
		given := map[any]bool{}
		for _, item := range args {
			given[item.Key] = true
		}
		for _, argument := range wanted {
			if !given[argument.Key] {
				args = append(args, yaml.MapItem{Key: argument.Key, Value: argument.Value})
			}
		}
		keys[i].Value = args
	}
	return keys
}
