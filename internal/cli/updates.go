package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

const updatesHelp = `Look at and run the background updates of a homeserver's databases: changes of data
that a release leaves to be done in small batches, beside the running server.`

// updatesExits are the exit codes of every command below updates.
const updatesExits = `
Exit status:
  0    done, or nothing to do
  1    the configuration cannot be read
  2    wrong flags, or a database section without name
  3    the configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, not reachable, or updates are left: the message says which, and why
  130, 143  stopped by SIGINT, SIGTERM`

func (e *environment) updates() *cobra.Command {
	command := &cobra.Command{
		Use:   "updates",
		Short: "List and run the background updates of a homeserver's databases",
		Long:  updatesHelp,
		Args:  noArguments,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(e.updatesList(), e.updatesRun(), e.updatesRetry(), e.updatesStartJob())
	return command
}

// updatesFlags are those that every command below updates has.
type updatesFlags struct {
	configs []string
	json    bool
}

func (f *updatesFlags) register(command *pflag.FlagSet, about string) {
	command.SortFlags = false
	command.StringArrayVarP(&f.configs, "config", "c", nil,
		"homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	command.BoolVar(&f.json, "json", false, "print "+about+" as JSON")
}

// updatable is a database as it was when a command looked at it. No session to it is open.
type updatable struct {
	database synapse.Database
	name     string // as sessions have it
	state    *schema.State
	pending  []background.Pending
	registry *background.Registry
	pacing   config.BackgroundUpdates
}

// title names the database and what is kept there.
func (u *updatable) title() string { return title(u.database, u.name) }

// has reports whether an update is pending.
func (u *updatable) has(update string) bool {
	return slices.ContainsFunc(u.pending, func(pending background.Pending) bool { return pending.Name == update })
}

// onlyTheServer says why this program cannot run an update; nothing if it can, or if that is not known.
func (u *updatable) onlyTheServer(update string) string {
	if u.state.Owner != schema.UpstreamsDatabase || u.registry.Has(update) {
		return ""
	}
	reason, _ := upstream.OnlyTheHomeserver(update)
	return reason
}

// lookAtUpdates looks at every configured database, and changes nothing.
func (e *environment) lookAtUpdates(ctx context.Context, configs []string) ([]*updatable, error) {
	loaded, err := e.loadConfig(configs)
	if err != nil {
		return nil, err
	}
	var found []*updatable
	for _, configured := range loaded.Databases {
		one := &updatable{database: synapse.FromConfig(configured), pacing: loaded.BackgroundUpdates}
		if err := one.look(ctx, e); err != nil {
			return nil, &jobError{explainStop(ctx, err)}
		}
		one.registry = e.handlers(one.state.Owner, homeserver.Config{ServerName: loaded.ServerName})
		found = append(found, one)
	}
	return found, nil
}

func (u *updatable) look(ctx context.Context, e *environment) (err error) {
	session, err := u.database.ReadOnly().OpenSession(ctx, e.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	u.name = session.Name()
	if u.state, err = schema.ReadState(ctx, session); err != nil {
		return err
	}
	u.pending, err = background.List(ctx, session)
	return err
}

// open opens a session that may write.
func (e *environment) open(ctx context.Context, database *updatable, work func(engine.Session) error) (err error) {
	session, err := database.database.OpenSession(ctx, e.logger())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	return work(session)
}

// checkUpdatable says of all databases together why their data must not be changed.
func checkUpdatable(databases []*updatable) error {
	var errs []error
	for _, database := range databases {
		if hindrance := database.hindrance(); hindrance != "" {
			errs = append(errs, fmt.Errorf("%s: %s", database.name, hindrance))
		}
	}
	if err := errors.Join(errs...); err != nil {
		return &jobError{err}
	}
	return nil
}

func (u *updatable) hindrance() string {
	compat := u.state.CompatVersion
	switch {
	case u.state.Owner == schema.Nobody:
		return "there are no tables yet; the server creates them, or `synapse upgrade`"
	case u.state.Owner == schema.Unknown:
		return "it holds tables, but no record of their version: it is no database of a homeserver"
	case u.state.Creating:
		return "its creation was interrupted; run `synapse upgrade` first"
	case compat != nil && *compat == schema.GuardVersion:
		return "it is guarded: a port into it was begun and has not ended; run `synapse port` again"
	}
	return ""
}

// configured has a command with the flag --config.
func configured(run func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(command *cobra.Command, args []string) error {
		if err := required(command, "config"); err != nil {
			return err
		}
		return run(command.Context(), args)
	}
}

// unknownUpdates says which names are no updates that there are.
func unknownUpdates(names []string, problem string, there []string) error {
	slices.Sort(there)
	var errs []error
	for _, name := range names {
		text := name + " " + problem
		if nearest := engine.Nearest(name, there); nearest != "" {
			text += "; is " + nearest + " meant?"
		}
		errs = append(errs, errors.New(text))
	}
	if len(errs) == 0 {
		return nil
	}
	return &jobError{errors.Join(errs...)}
}

// orNone is for lists in messages.
func orNone(words []string) string {
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}
