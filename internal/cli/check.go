package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/schema"
)

const checkHelp = `Find what is wrong with a homeserver's databases, say what it means, and what to do.

Nothing is changed unless --fix names a fix, as the findings do: then what will be
done is shown, and done after a yes (or --yes). A fix refuses beside other sessions
on the database, unless --server-stopped says that the homeserver is not among them.

Without --deep only catalogs, statistics and a few indexes are read, beside a server
that runs; --deep reads whole tables.

Exit status:
  0    no finding is an error
  1    the configuration or the schema files cannot be read
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    a finding is an error, or a fix was refused or failed
  130, 143  stopped by SIGINT, SIGTERM`

type checkFlags struct {
	schemaFlags
	deep    bool
	fix     string
	yes     bool
	stopped bool
	json    bool
	script  string
}

// errFindings says why the exit code is not 0.
var errFindings = errors.New("at least one finding is an error")

func (e *environment) check() *cobra.Command {
	flags := &checkFlags{}
	command := &cobra.Command{
		Use:     "check --config FILE…",
		Short:   "Find what is wrong with a database, and fix what is safe",
		Long:    checkHelp,
		Example: "  synapse check -c /etc/matrix-synapse/homeserver.yaml\n  synapse check -c homeserver.yaml --fix sequences",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runCheck(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.BoolVar(&flags.deep, "deep", false, "read whole tables, too")
	set.StringVar(&flags.script, "repair-script", "", "with --deep: write SQL that deletes rows whose keys are there twice into this `file`, which must not be there")
	set.StringVar(&flags.fix, "fix", "", "apply the fix of this `name`, which the findings give: "+strings.Join(doctor.FixIDs(), ", "))
	set.BoolVar(&flags.yes, "yes", false, "fix without asking")
	set.BoolVar(&flags.stopped, "server-stopped", false, "other sessions on the database are not the homeserver's: fix beside them")
	set.BoolVar(&flags.json, "json", false, "print the report as JSON")
	return command
}

func (e *environment) runCheck(ctx context.Context, flags *checkFlags) error {
	if err := flags.check(); err != nil {
		return err
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	options := e.checkOptions(loaded, flags)
	files, err := flags.scripts(options.Databases)
	if err != nil {
		return err
	}
	if flags.fix != "" {
		return e.runFix(ctx, options, flags)
	}
	report, err := doctor.Check(ctx, options)
	if unread, isUnread := errors.AsType[*doctor.SetError](err); isUnread {
		return unread // it is about how the check was asked for, not about the database
	}
	if printed := e.printCheck(report, flags.json); printed != nil {
		err = errors.Join(err, fmt.Errorf("print the report: %w", printed))
	}
	if err == nil && files != nil {
		err = e.writeRepairs(ctx, options, report, files)
	}
	if err == nil && report.Worst == finding.Error {
		err = errFindings
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	return nil
}

func (e *environment) checkOptions(loaded *config.Config, flags *checkFlags) doctor.Options {
	finder := &setFinder{flags: &flags.schemaFlags}
	options := doctor.Options{
		ServerName: loaded.ServerName, MediaStore: loaded.MediaStorePath, Deep: flags.deep, Log: e.logger(),
		SetOf: func(database string, owner schema.Owner) (*schema.Set, error) {
			if owner == schema.Nobody || owner == schema.Unknown {
				return nil, nil //nolint:nilnil // whose database it is says the check of the schema
			}
			set, _, err := finder.find(database, owner)
			return set, err
		},
	}
	for _, configured := range loaded.Databases {
		options.Databases = append(options.Databases, doctor.Database{
			Label: configured.Label, Postgres: configured.Postgres, SQLitePath: configured.SQLitePath, Logical: configured.DataStores,
		})
	}
	return options
}

func (e *environment) printCheck(report *doctor.Report, asJSON bool) error {
	if asJSON {
		return e.printJSON(report)
	}
	w := &reportWriter{writer: e.stdout}
	counts := map[finding.Severity]int{}
	for i := range report.Findings {
		found := &report.Findings[i]
		counts[found.Severity]++
		w.finding(found)
	}
	w.line("%s made: %s, %s, %d for information.", count(len(report.Checked), "check"),
		count(counts[finding.Error], "error"), count(counts[finding.Warning], "warning"), counts[finding.Info])
	return w.err
}

func (w *reportWriter) finding(found *finding.Finding) {
	at := ""
	if found.Database != "" {
		at = " (" + found.Database + ")"
	}
	w.line("%s  %s%s", strings.ToUpper(string(found.Severity)), found.ID, at)
	w.line("  %s", found.What)
	w.line("  It means: %s.", found.Meaning)
	for _, evidence := range found.Evidence {
		w.line("    %s", evidence)
	}
	w.line("  To do: %s.", found.Remedy.Text)
	for _, command := range found.Remedy.Commands {
		w.line("    %s", command)
	}
	if found.Remedy.Fix != "" {
		w.line("    or: synapse check -c … --fix %s", found.Remedy.Fix)
	}
	w.line("")
}

// runFix shows what will be done, asks, and does it.
func (e *environment) runFix(ctx context.Context, options doctor.Options, flags *checkFlags) error {
	plans, err := doctor.PlanFix(ctx, options, flags.fix)
	if unknown, isUnknown := errors.AsType[*doctor.UnknownFixError](err); isUnknown {
		return &usageError{fmt.Errorf("--fix: %w", unknown)}
	}
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	if len(plans) == 0 {
		_, err := fmt.Fprintln(e.stdout, "nothing is to be done")
		return err
	}
	for _, plan := range plans {
		fmt.Fprintf(e.stdout, "%s:\n  %s\n", plan.Database, strings.Join(plan.Statements, "\n  "))
	}
	if !flags.yes && !e.agreed(os.Stdin) {
		return &jobError{errors.New("nothing was done: it was not agreed to; --yes does it without asking")}
	}
	if err := doctor.ApplyFix(ctx, options, flags.fix, flags.stopped); err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	_, err = fmt.Fprintln(e.stdout, "done, and looked at again: nothing is left to be done")
	return err
}

// agreed asks, and takes only a yes for one.
func (e *environment) agreed(input io.Reader) bool {
	fmt.Fprint(e.stderr, "Do this? [yes/no] ")
	answer, _ := bufio.NewReader(input).ReadString('\n')
	return strings.EqualFold(strings.TrimSpace(answer), "yes")
}
