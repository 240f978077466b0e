package schema

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// filling is the record in schema_progress that says who fills the tables; its checksum is the name of that.
const filling = "filling"

// Fill guards a database that is created already, as a creation with Options.Filling does, so that its tables can be filled by
// who is named.
func Fill(ctx context.Context, tx engine.Tx, who string) error {
	guarded := GuardVersion
	r := &record{own: true, compat: &guarded}
	if err := r.setProgress(ctx, tx, filling, progress{checksum: who}); err != nil {
		return err
	}
	return r.open(ctx, tx)
}

// Filled says that a database is complete: what guarded it is taken away, and compatVersion is the oldest code that may open it.
func Filled(ctx context.Context, tx engine.Tx, compatVersion int) error {
	r := &record{own: true, compat: &compatVersion}
	if err := r.open(ctx, tx); err != nil {
		return err
	}
	if err := r.dropProgress(ctx, tx, filling); err != nil {
		return fmt.Errorf("say that the database is filled: %w", err)
	}
	return nil
}
