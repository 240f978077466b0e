package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

const updatesRunHelp = `Run the background updates that are still to be done, of one database after the other,
until none is left that this program can run. What a batch does and how far the
update is are one transaction: after a crash or an interruption the same command goes
on. An interruption lets the batch at hand end, a second one does not.

Stop the homeserver and its workers first: a database that others are connected to is
refused, since a homeserver would do the same work a second time. The batches are kept
short and there are pauses between them, as the configuration's background_updates:
says; with the homeserver stopped, --no-sleep is faster.

An update that fails is tried five times, and then set aside with its error while
others go on; synapse updates retry has it tried again.
`

type runFlags struct {
	updatesFlags
	only     []string
	noSleep  bool
	sessions bool
}

// UpdatesRun is what was done on one database, as "synapse updates run --json" prints it.
type UpdatesRun struct {
	Label    string            `json:"label"`
	Database string            `json:"database"`
	Engine   engine.Kind       `json:"engine"`
	Updates  []UpdateRun       `json:"updates"`
	Left     []background.Left `json:"left"`
	Error    string            `json:"error,omitempty"`
}

// UpdateRun is what was done of one update.
type UpdateRun struct {
	Name       string `json:"name"`
	Batches    int    `json:"batches"`
	Items      int64  `json:"items"`
	DurationMS int64  `json:"duration_ms"` // of the batches
	Done       bool   `json:"done"`
}

// handlers are those of the background updates that this program can run on a database. Our own set has none yet.
func handlers(owner schema.Owner, config homeserver.Config) *background.Registry {
	registry := background.NewRegistry()
	if owner == schema.UpstreamsDatabase {
		upstream.Updates(registry, config)
	}
	return registry
}

func (e *environment) updatesRun() *cobra.Command {
	flags := &runFlags{}
	command := &cobra.Command{
		Use:     "run --config FILE…",
		Short:   "Run the background updates that are still to be done",
		Long:    updatesRunHelp + updatesExits,
		Example: "  synapse updates run -c /etc/matrix-synapse/homeserver.yaml --no-sleep",
		Args:    noArguments,
		RunE: configured(func(ctx context.Context, _ []string) error {
			return e.runUpdates(ctx, flags)
		}),
	}
	set := command.Flags()
	flags.register(set, "what was done")
	set.StringArrayVar(&flags.only, "only", nil, "run the update of this `name` only; may be repeated")
	set.BoolVar(&flags.noSleep, "no-sleep", false, "make no pauses between batches")
	set.BoolVar(&flags.sessions, "sessions-known", false, "run although others are connected to the database")
	return command
}

func (e *environment) runUpdates(ctx context.Context, flags *runFlags) error {
	databases, err := e.lookAtUpdates(ctx, flags.configs)
	if err != nil {
		return err
	}
	if err := errors.Join(checkUpdatable(databases), checkOnly(databases, flags.only)); err != nil {
		return err
	}
	var errs []error
	results := []*UpdatesRun{}
	for _, database := range databases {
		result, err := e.runOneDatabase(ctx, database, flags)
		results, errs = append(results, result), append(errs, err)
		if ctx.Err() != nil {
			break
		}
	}
	if flags.json {
		errs = append(errs, e.printJSON(results))
	}
	return errors.Join(errs...)
}

// checkOnly refuses names that are neither pending nor known, which are most likely not meant. A known one that is not
// pending has been done.
func checkOnly(databases []*updatable, only []string) error {
	var there, missing []string
	for _, database := range databases {
		there = append(there, database.registry.Names()...)
		for _, pending := range database.pending {
			there = append(there, pending.Name)
		}
	}
	for _, name := range only {
		if !slices.Contains(there, name) {
			missing = append(missing, name)
		}
	}
	return unknownUpdates(missing, "is no background update that is pending or known", there)
}

func (e *environment) runOneDatabase(ctx context.Context, database *updatable, flags *runFlags) (*UpdatesRun, error) {
	result := &UpdatesRun{
		Label: database.database.Label, Database: database.name, Engine: database.database.Engine,
		Updates: []UpdateRun{}, Left: []background.Left{},
	}
	display := &updatesDisplay{env: e, result: result, quiet: flags.json, drawing: e.drawing()}
	display.say("%s", database.title())
	if !database.wanted(flags.only) {
		display.say("  nothing to do")
		return result, nil
	}
	updater, err := background.New(background.Config{
		Name: database.database.Label, Registry: database.registry, Logical: database.database.Logical, Only: flags.only,
		Pacing: database.pacingOf(flags), SessionsKnown: flags.sessions, OnBatch: display.batch, Log: e.loggerTo(display),
		Open: func(ctx context.Context) (engine.Session, error) {
			return database.database.OpenSession(ctx, e.loggerTo(display))
		},
	})
	if err == nil {
		stop := display.watch(updater)
		err = updater.Run(ctx)
		stop()
	}
	if err == nil {
		return result, nil
	}
	if left, isLeft := errors.AsType[*background.LeftError](err); isLeft {
		result.Left, err = database.explainLeft(left)
	}
	err = explainUpdatesStop(ctx, err)
	result.Error = err.Error()
	return result, &jobError{err}
}

// explainLeft says of what is left why only the homeserver can run it.
func (u *updatable) explainLeft(of *background.LeftError) ([]background.Left, error) {
	explained, lines := slices.Clone(of.Left), []string{"background updates of " + of.Database + " are left:"}
	for i := range explained {
		left := &explained[i]
		line := left.String()
		if why := u.onlyTheServer(left.Name); why != "" && left.Reason == background.Unknown {
			left.Detail = why
			line = left.Name + ": only the homeserver can run it: " + why
		}
		lines = append(lines, "  "+line)
	}
	return explained, errors.New(strings.Join(lines, "\n"))
}

// wanted reports whether any of the updates that are asked for is pending.
func (u *updatable) wanted(only []string) bool {
	if len(only) == 0 {
		return len(u.pending) > 0
	}
	return slices.ContainsFunc(only, u.has)
}

// pacing is what the configuration says of it.
func pacing(configured config.BackgroundUpdates) background.Pacing {
	return background.Pacing{
		Target: configured.Duration, Sleep: configured.Sleep, NoSleep: configured.Sleep == 0,
		MinBatchSize: configured.MinBatchSize, MaxBatchSize: max(configured.MinBatchSize, background.DefaultMaxBatchSize),
		DefaultBatchSize: configured.DefaultBatchSize,
	}
}

func (u *updatable) pacingOf(flags *runFlags) background.Pacing {
	wanted := pacing(u.pacing)
	wanted.NoSleep = wanted.NoSleep || flags.noSleep
	return wanted
}

// explainUpdatesStop says of what ended because of a signal that nothing is wrong.
func explainUpdatesStop(ctx context.Context, err error) error {
	stopped, isStopped := errors.AsType[*signalError](context.Cause(ctx))
	if !isStopped || !errors.Is(err, error(stopped)) && !errors.Is(err, context.Canceled) {
		return err
	}
	return fmt.Errorf("%w; what was done is recorded; run the same command again to go on there", stopped)
}
