package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// goDeltas are upstream's Python deltas of schema 72 and later. What each does on which engine, and whether new
// databases get it, is as upstream's, down to what was probably not meant.
func goDeltas() []schema.GoDelta {
	return []schema.GoDelta{
		{Database: mainDatabase, Version: 72, Name: "03bg_populate_events_columns.py", Create: populateEventColumns},
		{Database: mainDatabase, Version: 72, Name: "07force_update_current_state_events_membership.py", Upgrade: fillMemberships},
		{Database: mainDatabase, Version: 73, Name: "10_update_sqlite_fts4_tokenizer.py", Create: stemEventSearch},
		{Database: mainDatabase, Version: 74, Name: "04_membership_tables_event_stream_ordering_triggers.py", Create: checkStreamOrderings},
		{Database: mainDatabase, Version: nameVersion, Name: "01_validate_and_update_profiles.py", Upgrade: completeProfiles},
		{Database: mainDatabase, Version: nameVersion, Name: "02_validate_and_update_user_filters.py", Upgrade: completeFilters},
		// Its function has a name that upstream never calls, so it is recorded without being run.
		{Database: mainDatabase, Version: 78, Name: "03_remove_unused_indexes_user_filters.py", Create: doNothing},
		{Database: mainDatabase, Version: 78, Name: "03event_extremities_constraints.py", Create: tieExtremities},
		{Database: mainDatabase, Version: 78, Name: "04_add_full_user_id_index_user_filters.py", Create: indexFilters},
		{Database: mainDatabase, Version: 79, Name: "04_mitigate_stream_ordering_update_race.py", Create: retieStreamOrderings},
		{Database: mainDatabase, Version: 93, Name: "04_make_delayed_event_content_text.py", Create: delayedContentAsText},
	}
}

// membershipTables are those whose rows repeat the stream ordering of their event.
var membershipTables = []string{"current_state_events", "local_current_membership", "room_memberships"}

func doNothing(context.Context, engine.Tx) error { return nil }

// execute runs statements in turn.
func execute(ctx context.Context, tx engine.Tx, statements ...string) error {
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

const pendingSQL = `SELECT EXISTS (SELECT 1 FROM background_updates WHERE update_name = ?)`

// pending reports whether a background update is still to be done.
func pending(ctx context.Context, tx engine.Tx, update string) (waiting bool, err error) {
	if err := tx.QueryRow(ctx, pendingSQL, update).Scan(&waiting); err != nil {
		return false, fmt.Errorf("look for the background update %s: %w", update, err)
	}
	return waiting, nil
}

const enqueueSQL = `INSERT INTO background_updates (update_name, progress_json, ordering) VALUES (?, ?, ?)`

// enqueue leaves work to a background update. One of the same name that is still to be done is an error, as upstream's.
func enqueue(ctx context.Context, tx engine.Tx, update string, ordering int, progress string) error {
	if _, err := tx.Exec(ctx, enqueueSQL, update, progress, ordering); err != nil {
		return fmt.Errorf("enqueue the background update %s: %w", update, err)
	}
	return nil
}

const streamRangeSQL = `SELECT min(stream_ordering), max(stream_ordering) FROM events`

// streamRange gives the least and the greatest stream ordering; both are nil when there are no events.
func streamRange(ctx context.Context, tx engine.Tx) (least, greatest *int64, err error) {
	if err := tx.QueryRow(ctx, streamRangeSQL).Scan(&least, &greatest); err != nil {
		return nil, nil, fmt.Errorf("find the range of the events: %w", err)
	}
	return least, greatest, nil
}
