package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

const updatesListHelp = `List the background updates that are still to be done, of every database in the
order in which they are run, with how far each is, how fast it goes, how long it still
takes, what it waits for, and why it was set aside. Nothing is changed, and it may run beside a server.
`

// PendingUpdates are the background updates of one database, as "synapse updates list --json" prints them.
type PendingUpdates struct {
	Label    string          `json:"label"`
	Database string          `json:"database"`
	Engine   engine.Kind     `json:"engine"`
	Set      schema.Owner    `json:"set"`
	Updates  []PendingUpdate `json:"updates"`
}

// PendingUpdate is a background update that is still to be done.
type PendingUpdate struct {
	background.Pending

	// RunsHere says that "synapse updates run" can run it.
	RunsHere bool `json:"runs_here"`
	// Why says why only the homeserver can run it, if that is known.
	Why string `json:"why,omitempty"`
	// Rate is nil before the first batch, and where it is not recorded.
	Rate *UpdateRate `json:"rate,omitempty"`
}

func (e *environment) updatesList() *cobra.Command {
	flags := &updatesFlags{}
	command := &cobra.Command{
		Use:     "list --config FILE…",
		Short:   "List the background updates that are still to be done",
		Long:    updatesListHelp + updatesExits,
		Example: "  synapse updates list -c /etc/matrix-synapse/homeserver.yaml",
		Args:    noArguments,
		RunE: configured(func(ctx context.Context, _ []string) error {
			databases, err := e.lookAtUpdates(ctx, flags.configs)
			if err != nil {
				return err
			}
			return e.printPending(databases, flags.json)
		}),
	}
	flags.register(command.Flags(), "the list")
	return command
}

func (e *environment) printPending(databases []*updatable, asJSON bool) error {
	lists := make([]PendingUpdates, len(databases))
	var text strings.Builder
	for i, database := range databases {
		lists[i] = database.list()
		text.WriteString(database.title() + "\n" + pendingText(&lists[i]))
	}
	if asJSON {
		return e.printJSON(lists)
	}
	_, err := fmt.Fprint(e.stdout, text.String())
	return err
}

func (u *updatable) list() PendingUpdates {
	list := PendingUpdates{
		Label: u.database.Label, Database: u.name, Engine: u.database.Engine, Set: u.state.Owner, Updates: []PendingUpdate{},
	}
	for _, pending := range u.pending {
		if !json.Valid(pending.Progress) {
			pending.Progress = quoteJSON(string(pending.Progress))
		}
		list.Updates = append(list.Updates, PendingUpdate{
			Pending: pending, RunsHere: u.registry.Has(pending.Name), Why: u.onlyTheServer(pending.Name), Rate: newUpdateRate(pending.Rate),
		})
	}
	return list
}

// quoteJSON makes a progress printable that somebody has written by hand, and wrongly.
func quoteJSON(text string) json.RawMessage {
	quoted, err := json.Marshal(text)
	if err != nil {
		return json.RawMessage("null")
	}
	return quoted
}

func pendingText(list *PendingUpdates) string {
	if list.Set == schema.Nobody {
		return "  there are no tables yet\n"
	}
	if len(list.Updates) == 0 {
		return "  no background update is pending\n"
	}
	var text strings.Builder
	fmt.Fprintf(&text, "  %s\n", count(len(list.Updates), "background update"))
	for i := range list.Updates {
		update := &list.Updates[i]
		fmt.Fprintf(&text, "  %6d  %s\n", update.Ordering, update.Name)
		for _, line := range updateLines(update) {
			fmt.Fprintf(&text, "          %s\n", line)
		}
	}
	return text.String()
}

// updateLines are what there is to say of an update beside its name.
func updateLines(update *PendingUpdate) []string {
	var lines []string
	if update.DependsOn != "" {
		lines = append(lines, "after "+update.DependsOn)
	}
	if progress := string(update.Progress); progress != "{}" {
		lines = append(lines, "progress "+progress)
	}
	if rate := update.Pending.Rate; rate != nil {
		lines = append(lines, strings.Join(rateParts(rate), ", "), "last batch at "+rate.Last.Format(time.RFC3339))
	}
	switch {
	case update.Why != "":
		lines = append(lines, "only the homeserver can run it: "+update.Why)
	case !update.RunsHere:
		lines = append(lines, "this program has no handler of that name")
	}
	if failure := update.Failure; failure != nil {
		lines = append(lines, fmt.Sprintf("set aside at %s after %s: %s",
			failure.At.Format(time.RFC3339), count(failure.Attempts, "attempt"), strings.ReplaceAll(failure.Error, "\n", " ")))
	}
	return lines
}
