package main

import (
	"context"
	"fmt"
	"io"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
)

// The background updates that N+2 enqueues. Later releases can run them too, for a database that skips N+2.
const (
	fillUpdate     = "fill_new_column"
	validateUpdate = "validate_new_column"
)

func registry() *background.Registry {
	known := background.NewRegistry()
	known.Register(fillUpdate, background.FillColumn{
		Table: "items", Keys: []string{"item_id"}, Set: "new_column = old_column * 100",
		// Release N may have changed rows that N+1 had written: they hold a value, and the wrong one.
		Where: "new_column IS NULL OR new_column <> old_column * 100",
	}.Run)
	known.RegisterAlone(validateUpdate, background.ValidateConstraint{Table: "items", Constraint: "items_new_column_check"}.Run)
	return known
}

// opener opens a session on the database.
type opener func(ctx context.Context) (engine.Session, error)

// updating says how the updates are run. A server would leave the pacing as it is, and have Serve run beside its work; here
// nobody is at work, and batches of one size make the same output each time.
func updating(out io.Writer, open opener) background.Config {
	return background.Config{
		Open: open, Registry: registry(),
		SessionsKnown: true, // the server's own
		Pacing:        background.Pacing{NoSleep: true, MinBatchSize: 10, DefaultBatchSize: 10, MaxBatchSize: 10},
		OnBatch: func(report background.Report) {
			switch {
			case report.Err != nil:
				fmt.Fprintf(out, "  %s: %v\n", report.Update, report.Err)
			case report.Done:
				fmt.Fprintf(out, "  %s: done\n", report.Update)
			default:
				fmt.Fprintf(out, "  %s: %d rows\n", report.Update, report.Items)
			}
		},
	}
}
