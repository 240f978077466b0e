package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/schema"
)

type upgradeFlags struct {
	schemaFlags
	plan     bool
	sessions bool
	json     bool
}

const upgradeHelp = `Create the tables of an empty database, or upgrade those of an older one.

For a database of the Python homeserver the schema files of the installed
homeserver are used, as it would use them itself; they are found in the usual
places, or named by --schema-dir. Each step and the record of it are one
transaction: after a crash the same command goes on. Only one process upgrades a
database at a time; a second one waits. Stop the homeserver and its workers first:
a database that others are connected to is refused. Background updates that the
steps enqueue stay pending for the homeserver.

All databases are checked before the first one is changed. What can be refused: a
database that newer code has changed too far to go back (compat version), one that
belongs to something else, one of another server name, steps that this release
does not know.

Exit status:
  0    done, or nothing to do
  1    the configuration or the schema files cannot be read
  2    wrong flags
  5    refused, or a step failed: the message says which, and what stays
  130, 143  stopped by SIGINT, SIGTERM`

const upgradeExample = `  synapse upgrade -c /etc/matrix-synapse/homeserver.yaml --plan
  synapse upgrade -c /etc/matrix-synapse/homeserver.yaml`

func (e *environment) upgrade() *cobra.Command {
	flags := &upgradeFlags{}
	command := &cobra.Command{
		Use:     "upgrade --config FILE…",
		Short:   "Create or upgrade the tables of a homeserver's databases",
		Long:    upgradeHelp,
		Example: upgradeExample,
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config"); err != nil {
				return err
			}
			return e.runUpgrade(command.Context(), flags)
		},
	}
	set := command.Flags()
	set.SortFlags = false
	flags.register(set)
	set.BoolVar(&flags.plan, "plan", false, "say what would be done, why, and what it locks; change nothing")
	set.BoolVar(&flags.sessions, "sessions-known", false, "upgrade although others are connected to the database")
	set.BoolVar(&flags.json, "json", false, "print the result as JSON")
	return command
}

func (e *environment) runUpgrade(ctx context.Context, flags *upgradeFlags) error {
	databases, err := e.openDatabases(ctx, &flags.schemaFlags, flags.plan)
	if err != nil {
		return err
	}
	defer func() { _ = closeAll(databases) }() // nothing is pending on them
	plans, err := planAll(ctx, databases)
	if err != nil {
		return &jobError{err}
	}
	if flags.plan {
		return e.printPlans(databases, plans, flags.json)
	}
	for i, database := range databases {
		database.options.SessionsKnown = flags.sessions
		if plans[i], err = e.upgradeOne(ctx, database, flags.json); err != nil {
			return &jobError{err}
		}
	}
	if flags.json {
		return e.printJSON(plans)
	}
	return nil
}

// planAll plans every database before the first one is changed, and lists everything that hinders.
func planAll(ctx context.Context, databases []*physical) ([]*schema.Plan, error) {
	var plans []*schema.Plan
	var errs []error
	for _, database := range databases {
		if database.set == nil {
			errs = append(errs, fmt.Errorf("%s: it is a database of the Python homeserver, and its schema files were found in none of the usual places; "+
				"name the folder synapse/storage/schema by --schema-dir", database.session.Name()))
			continue
		}
		plan, err := schema.MakePlan(ctx, database.session, database.set, database.options)
		plans, errs = append(plans, plan), append(errs, err)
	}
	return plans, errors.Join(errs...)
}

func (e *environment) upgradeOne(ctx context.Context, database *physical, quiet bool) (*schema.Plan, error) {
	if !quiet {
		database.options.OnStep = func(step *schema.Step, done, total int) {
			fmt.Fprintf(e.stdout, "  %d/%d  %s\n", done, total, step.Name())
		}
		fmt.Fprintln(e.stdout, database.title())
	}
	result, err := schema.Prepare(ctx, database.session, database.set, database.options)
	if err != nil {
		return nil, err
	}
	if quiet {
		return result.Plan, nil
	}
	fmt.Fprintln(e.stdout, "  "+upgradeResult(result))
	return result.Plan, nil
}

func upgradeResult(result *schema.Result) string {
	plan := result.Plan
	switch {
	case !result.Changed && plan.From > plan.To:
		return fmt.Sprintf("nothing to do: version %d, which newer code has made and this code (version %d) may use", plan.From, plan.To)
	case !result.Changed:
		return fmt.Sprintf("nothing to do: version %d", plan.From)
	case plan.Create:
		return fmt.Sprintf("created: version %d", plan.To)
	case plan.From == plan.To:
		return fmt.Sprintf("upgraded within version %d", plan.To)
	}
	return fmt.Sprintf("upgraded: version %d, from %d", max(plan.To, plan.From), plan.From)
}

func (e *environment) printPlans(databases []*physical, plans []*schema.Plan, asJSON bool) error {
	if asJSON {
		return e.printJSON(plans)
	}
	var text strings.Builder
	for i, plan := range plans {
		text.WriteString(databases[i].title() + "\n")
		text.WriteString(planText(plan, databases[i].source))
	}
	_, err := fmt.Fprint(e.stdout, text.String())
	return err
}

func planText(plan *schema.Plan, source string) string {
	var text strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&text, "  "+format+"\n", values...) }
	switch {
	case plan.Nothing():
		line("nothing to do: version %d", plan.From)
		return text.String()
	case plan.Create:
		line("create version %d from the files of %s", plan.To, source)
	case plan.From >= plan.To:
		line("complete version %d by the files of %s", plan.From, source)
	default:
		line("upgrade from version %d to %d by the files of %s", plan.From, plan.To, source)
	}
	if plan.CompatVersion != nil {
		line("first of all: compat version %d; code of an older schema version is refused from then on", *plan.CompatVersion)
	}
	for _, step := range plan.Steps {
		line("%s", step.Name())
		line("    why: %s", step.Why)
		for _, lock := range step.Locks {
			line("    locks: %s", lock)
		}
		if !step.Transaction {
			line("    not one transaction: each statement is recorded, and is safe to repeat")
		}
	}
	return text.String()
}

// printJSON prints a value for programs.
func (e *environment) printJSON(value any) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
