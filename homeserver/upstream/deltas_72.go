package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// populateEventColumns has events.state_key and events.rejection_reason filled in the background.
func populateEventColumns(ctx context.Context, tx engine.Tx) error {
	least, greatest, err := streamRange(ctx, tx)
	if err != nil || least == nil {
		return err
	}
	progress := fmt.Sprintf(`{"min_stream_ordering_exclusive": %d, "max_stream_ordering_inclusive": %d}`, *least-1, *greatest)
	return enqueue(ctx, tx, "events_populate_state_key_rejections", 7203, progress)
}

const (
	membershipUpdate = "current_state_events_membership"

	fillMembershipsSQL = `UPDATE current_state_events SET membership = (
  SELECT joined.membership FROM room_memberships AS joined WHERE joined.event_id = current_state_events.event_id
)`
	endUpdateSQL = `DELETE FROM background_updates WHERE update_name = ?`
)

// fillMemberships does at once what is left of a background update, if it has not ended yet.
func fillMemberships(ctx context.Context, tx engine.Tx, _ any) error {
	waiting, err := pending(ctx, tx, membershipUpdate)
	if err != nil || !waiting {
		return err
	}
	if _, err := tx.Exec(ctx, fillMembershipsSQL); err != nil {
		return fmt.Errorf("fill current_state_events.membership: %w", err)
	}
	if _, err := tx.Exec(ctx, endUpdateSQL, membershipUpdate); err != nil {
		return fmt.Errorf("end the background update %s: %w", membershipUpdate, err)
	}
	return nil
}
