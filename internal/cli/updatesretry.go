package cli

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

const updatesRetryHelp = `Have background updates tried again that were set aside because they had failed too
often: those that are named, or all. The next run does it, or the one that is going on.
`

// RetriedUpdates are the background updates of one database that will be tried again, as "synapse updates retry --json"
// prints them.
type RetriedUpdates struct {
	Label    string   `json:"label"`
	Database string   `json:"database"`
	Updates  []string `json:"updates"`
}

func (e *environment) updatesRetry() *cobra.Command {
	flags := &updatesFlags{}
	command := &cobra.Command{
		Use:     "retry [NAME…] --config FILE…",
		Short:   "Have updates tried again that were set aside",
		Long:    updatesRetryHelp + updatesExits,
		Example: "  synapse updates retry events_received_ts_index -c /etc/matrix-synapse/homeserver.yaml",
		Args:    cobra.ArbitraryArgs,
		RunE: configured(func(ctx context.Context, names []string) error {
			return e.runUpdatesRetry(ctx, flags, names)
		}),
	}
	flags.register(command.Flags(), "what will be tried again")
	return command
}

func (e *environment) runUpdatesRetry(ctx context.Context, flags *updatesFlags, names []string) error {
	databases, err := e.lookAtUpdates(ctx, flags.configs)
	if err != nil {
		return err
	}
	var there []string
	for _, database := range databases {
		there = append(there, database.setAside()...)
	}
	missing := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return slices.Contains(there, name) })
	if err := unknownUpdates(missing, "was not set aside", there); err != nil {
		return err
	}
	results := make([]RetriedUpdates, len(databases))
	for i, database := range databases {
		results[i] = RetriedUpdates{Label: database.database.Label, Database: database.name, Updates: []string{}}
		if len(database.setAside()) == 0 {
			continue
		}
		err := e.open(ctx, database, func(session engine.Session) error {
			forgotten, err := background.Retry(ctx, session, names...)
			results[i].Updates = append(results[i].Updates, forgotten...)
			return err
		})
		if err != nil {
			return &jobError{err}
		}
	}
	return e.printRetried(databases, results, flags.json)
}

// setAside are the updates that have failed too often.
func (u *updatable) setAside() []string {
	var names []string
	for _, pending := range u.pending {
		if pending.Failure != nil {
			names = append(names, pending.Name)
		}
	}
	return names
}

func (e *environment) printRetried(databases []*updatable, results []RetriedUpdates, asJSON bool) error {
	if asJSON {
		return e.printJSON(results)
	}
	for i, result := range results {
		fmt.Fprintf(e.stdout, "%s\n  to be tried again: %s\n", databases[i].title(), orNone(result.Updates))
	}
	return nil
}
