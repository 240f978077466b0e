package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// retieStreamOrderings points the foreign keys of the membership tables to events.stream_ordering2 while PostgreSQL's
// events are still to get it as their stream_ordering.
func retieStreamOrderings(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() != engine.Postgres {
		return nil
	}
	waiting, err := pending(ctx, tx, "replace_stream_ordering_column")
	if err != nil || !waiting {
		return err
	}
	for _, table := range membershipTables {
		err := execute(ctx, tx,
			"ALTER TABLE "+table+" DROP CONSTRAINT IF EXISTS event_stream_ordering_fkey",
			"ALTER TABLE "+table+" ADD CONSTRAINT event_stream_ordering_fkey FOREIGN KEY (event_stream_ordering) "+
				"REFERENCES events (stream_ordering2) NOT VALID")
		if err != nil {
			return fmt.Errorf("replace the foreign key of %s: %w", table, err)
		}
	}
	return nil
}
