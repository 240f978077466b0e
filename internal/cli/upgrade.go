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
  0    done, or nothing to do; with --plan: nothing hinders
  1    the configuration or the schema files cannot be found or read
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, not reachable, or a step failed: the message says which, and what stays
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
	databases, err := e.openDatabases(ctx, &flags.schemaFlags, true)
	if err != nil {
		return err
	}
	defer func() { _ = closeAll(databases) }() // nothing is pending on them
	plans, err := planAll(ctx, databases)
	if err != nil {
		return err
	}
	if flags.plan {
		return e.printPlans(databases, plans, flags.json)
	}
	for i, database := range databases {
		database.options.SessionsKnown = flags.sessions
		if plans[i], err = e.upgradeOne(ctx, database, plans[i], flags.json); err != nil {
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
			return nil, &filesError{database: database.session.Name(), owner: schema.UpstreamsDatabase}
		}
		plan, err := schema.MakePlan(ctx, database.session, database.set, database.options)
		plans, errs = append(plans, plan), append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, &jobError{err}
	}
	return plans, nil
}

// upgradeOne opens a database for changes only when there is something to change.
func (e *environment) upgradeOne(ctx context.Context, database *physical, plan *schema.Plan, quiet bool) (*schema.Plan, error) {
	say := func(format string, values ...any) {
		if !quiet {
			fmt.Fprintf(e.stdout, format+"\n", values...)
		}
	}
	say("%s", database.title())
	result := &schema.Result{Plan: plan}
	if !plan.Nothing() {
		say("  %s", intention(plan, database.source))
		if err := database.reopen(ctx); err != nil {
			return nil, err
		}
		database.options.OnStep = func(step *schema.Step, done, total int) { say("  %d/%d  %s", done, total, step.Name()) }
		var err error
		if result, err = schema.Prepare(ctx, database.session, database.set, database.options); err != nil {
			return nil, explainStop(ctx, err)
		}
	}
	say("  %s", upgradeResult(result))
	return result.Plan, nil
}

// explainStop says of what failed because of a signal that nothing is wrong.
func explainStop(ctx context.Context, err error) error {
	stopped, isStopped := errors.AsType[*signalError](context.Cause(ctx))
	if !isStopped {
		return err
	}
	if step, begun := errors.AsType[*schema.StepError](err); begun {
		return fmt.Errorf("%s: %w at %s; what that step had changed is undone; run the same command again to go on there", step.Database, stopped, step.Place)
	}
	return fmt.Errorf("%w; run the same command again", stopped)
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

// intention says in one line what a plan does.
func intention(plan *schema.Plan, source string) string {
	steps := count(len(plan.Steps), "step")
	switch {
	case plan.Create:
		return fmt.Sprintf("create version %d from the files of %s: %s", plan.To, source, steps)
	case plan.From >= plan.To:
		return fmt.Sprintf("complete version %d by the files of %s: %s", plan.From, source, steps)
	}
	return fmt.Sprintf("upgrade from version %d to %d by the files of %s: %s", plan.From, plan.To, source, steps)
}

func count(number int, noun string) string {
	if number != 1 {
		noun += "s"
	}
	return fmt.Sprintf("%d %s", number, noun)
}

func planText(plan *schema.Plan, source string) string {
	if plan.Nothing() {
		return "  " + upgradeResult(&schema.Result{Plan: plan}) + "\n"
	}
	var text strings.Builder
	line := func(format string, values ...any) { fmt.Fprintf(&text, "  "+format+"\n", values...) }
	line("%s", intention(plan, source))
	if plan.CompatVersion != nil && !plan.Create {
		line("first of all: compat version %d; code of an older schema version is refused from then on", *plan.CompatVersion)
	}
	var before string
	for _, step := range plan.Steps {
		if about := stepText(&step); about != before {
			text.WriteString(about)
			before = about
		}
		line("  %s", step.Name())
	}
	return text.String()
}

// stepText is what there is to say about a step, and as a rule about the ones after it too.
func stepText(step *schema.Step) string {
	lines := []string{"  because: " + step.Why}
	for _, lock := range step.Locks {
		lines = append(lines, "  locks "+lock)
	}
	if !step.Transaction {
		lines = append(lines, "  not one transaction: each statement is recorded, and is safe to repeat")
	}
	return strings.Join(lines, "\n") + "\n"
}

// printJSON prints a value for programs.
func (e *environment) printJSON(value any) error {
	encoder := json.NewEncoder(e.stdout)
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}
