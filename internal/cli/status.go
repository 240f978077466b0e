package cli

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/schema"
)

const statusHelp = `Say what the schema of a homeserver's databases is, and what is missing.

Nothing is changed. For a database of the Python homeserver the versions are
compared with the schema files of the installed homeserver, if these are found in
the usual places or named by --schema-dir.

Exit status:
  0    the code can work with all databases as they are (or the homeserver's
       schema files were not found, and nothing speaks against it)
  1    the configuration or the schema files cannot be read
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    an upgrade is due, or a database cannot be reached or used: the output says
       which`

type statusFlags struct {
	schemaFlags
	json bool
}

// errNotReady says why the exit code is not 0; what is wrong is in the status.
var errNotReady = errors.New("not all databases are ready for this code; the status says why")

func (e *environment) status() *cobra.Command {
	flags := &statusFlags{}
	command := &cobra.Command{
		Use:     "status --config FILE…",
		Short:   "Show versions, applied and missing deltas and pending background updates",
		Long:    statusHelp,
		Example: "  synapse status -c /etc/matrix-synapse/homeserver.yaml",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runStatus(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.BoolVar(&flags.json, "json", false, "print the status as JSON")
	return command
}

func (e *environment) runStatus(ctx context.Context, flags *statusFlags) error {
	databases, err := e.openDatabases(ctx, &flags.schemaFlags, false)
	if err != nil {
		return err
	}
	defer func() { _ = closeAll(databases) }() // nothing is pending on them
	statuses := make([]*schema.Status, len(databases))
	for i, database := range databases {
		if statuses[i], err = schema.Inspect(ctx, database.session, database.set, database.options); err != nil {
			return &jobError{err}
		}
	}
	if err := e.printStatuses(databases, statuses, flags.json); err != nil {
		return err
	}
	for _, status := range statuses {
		if !status.Verdict.Ready() {
			return &jobError{errNotReady}
		}
	}
	return nil
}

func (e *environment) printStatuses(databases []*physical, statuses []*schema.Status, asJSON bool) error {
	if asJSON {
		return e.printJSON(statuses)
	}
	var text strings.Builder
	for i, status := range statuses {
		text.WriteString(databases[i].title() + "\n")
		text.WriteString(statusText(status, databases[i].source))
	}
	_, err := fmt.Fprint(e.stdout, text.String())
	return err
}

func statusText(status *schema.Status, source string) string {
	var text strings.Builder
	line := func(label, format string, values ...any) {
		fmt.Fprintf(&text, "  %-20s"+format+"\n", append([]any{label}, values...)...)
	}
	line("schema", "%s", schemaText(status))
	if status.CodeVersion > 0 {
		line("code", "version %d, compat version %d, from %s", status.CodeVersion, status.CodeCompatVersion, source)
	}
	line("verdict", "%s", verdictText(status.Verdict))
	line("applied deltas", "%d", len(status.Applied))
	for _, list := range []struct {
		label string
		items []string
	}{
		{"missing", stepNames(status.Missing)},
		{"changed since", status.Changed},
		{"not in the code", status.Unknown},
		{"background updates", updateNames(status.Updates)},
	} {
		if len(list.items) > 0 {
			line(list.label, "%d", len(list.items))
			for _, item := range list.items {
				line("", "%s", item)
			}
		}
	}
	if status.Problem != "" {
		line("problem", "%s", status.Problem)
	}
	return text.String()
}

func schemaText(status *schema.Status) string {
	if status.Owner == schema.Nobody {
		return "none"
	}
	if status.Owner == schema.Unknown {
		return "unknown: there are tables, and no record of a version"
	}
	compat := "none"
	if status.CompatVersion != nil {
		compat = strconv.Itoa(*status.CompatVersion)
	}
	return fmt.Sprintf("%s, version %d, compat version %s", status.Owner, status.Version, compat)
}

func verdictText(verdict schema.Verdict) string {
	meaning := map[schema.Verdict]string{
		schema.Empty:      "there are no tables yet; `synapse upgrade` creates them",
		schema.Current:    "nothing is missing",
		schema.Behind:     "an upgrade is due: `synapse upgrade`, or the server's next start",
		schema.Ahead:      "newer code has upgraded it; this code can still use it",
		schema.TooNew:     "newer code has changed it so far that this code must not use it",
		schema.Unfinished: "something was interrupted and has to be run again",
		schema.Foreign:    "it is no database of this schema",
		schema.Unjudged:   "not compared: the homeserver's schema files were not found; name them by --schema-dir",
		schema.Refused:    "it cannot be used as it is",
	}
	return fmt.Sprintf("%s: %s", verdict, meaning[verdict])
}

func stepNames(steps []schema.Step) []string {
	names := make([]string, len(steps))
	for i := range steps {
		names[i] = steps[i].Name()
	}
	return names
}

func updateNames(updates []schema.Update) []string {
	names := make([]string, len(updates))
	for i, update := range updates {
		names[i] = update.Name
		if update.DependsOn != "" {
			names[i] += " (after " + update.DependsOn + ")"
		}
		if update.Error != "" {
			names[i] += ": set aside: " + update.Error
		}
	}
	return names
}
