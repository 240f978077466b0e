package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

const (
	profilesTable = "profiles"
	filtersTable  = "user_filters"

	// nameVersion is the version that completes user ids with the server's name.
	nameVersion = 78
)

// completeID is the whole user id, on SQLite and on PostgreSQL.
const completeID = `'@' || user_id || ':' || CAST(? AS TEXT)`

// completeProfiles fills profiles.full_user_id, which must not be empty from now on.
func completeProfiles(ctx context.Context, tx engine.Tx, config any) error {
	return completeIDs(ctx, tx, config, sqlite.Rewrite{
		Table:      profilesTable,
		Definition: "(full_user_id text NOT NULL, user_id text, displayname text, avatar_url text, UNIQUE (full_user_id), UNIQUE (user_id))",
		Columns: []sqlite.RewriteColumn{
			{Name: "full_user_id", Value: completeID}, {Name: "user_id"}, {Name: "displayname"}, {Name: "avatar_url"},
		},
		Bare: true,
	})
}

// completeFilters does the same for user_filters. Upstream's SQLite databases lose the index user_filters_unique in it.
func completeFilters(ctx context.Context, tx engine.Tx, config any) error {
	return completeIDs(ctx, tx, config, sqlite.Rewrite{
		Table:      filtersTable,
		Definition: "(full_user_id text NOT NULL, user_id text NOT NULL, filter_id bigint NOT NULL, filter_json bytea NOT NULL)",
		Columns: []sqlite.RewriteColumn{
			{Name: "full_user_id", Value: completeID}, {Name: "user_id"}, {Name: "filter_id"}, {Name: "filter_json"},
		},
		Bare: true,
	})
}

// completeIDs makes SQLite's table anew, in which every id is computed again; PostgreSQL fills what is missing and
// validates the constraint that version 77 has added.
func completeIDs(ctx context.Context, tx engine.Tx, config any, rewrite sqlite.Rewrite) error {
	name, err := serverName(ctx, tx, config, rewrite.Table)
	if err != nil {
		return err
	}
	if tx.Engine() == engine.SQLite {
		// What upstream's own attempt may have left behind.
		if err := execute(ctx, tx, "DROP TABLE IF EXISTS temp_"+rewrite.Table); err != nil {
			return fmt.Errorf("drop temp_%s: %w", rewrite.Table, err)
		}
		rewrite.Values = []any{name}
		return sqlite.RewriteTable(ctx, tx, rewrite)
	}
	fill := "UPDATE " + rewrite.Table + " SET full_user_id = " + completeID + " WHERE full_user_id IS NULL"
	if _, err := tx.Exec(ctx, fill, name); err != nil {
		return fmt.Errorf("fill %s.full_user_id: %w", rewrite.Table, err)
	}
	if err := execute(ctx, tx, "ALTER TABLE "+rewrite.Table+" VALIDATE CONSTRAINT full_user_id_not_null"); err != nil {
		return fmt.Errorf("validate %s.full_user_id: %w", rewrite.Table, err)
	}
	return nil
}

const (
	extremitiesKey  = "CONSTRAINT event_forward_extremities_event_id FOREIGN KEY (event_id) REFERENCES events (event_id) DEFERRABLE INITIALLY DEFERRED"
	extremitiesForm = "(event_id TEXT NOT NULL, room_id TEXT NOT NULL, UNIQUE (event_id, room_id), " + extremitiesKey + ")"

	extremityKnown = "EXISTS (SELECT 1 FROM events WHERE events.event_id = event_forward_extremities.event_id)"
)

// tieExtremities gives the forward extremities a foreign key to their events. SQLite's rows without an event are removed
// here, PostgreSQL's in the background.
func tieExtremities(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() == engine.SQLite {
		return sqlite.RewriteTable(ctx, tx, sqlite.Rewrite{
			Table: "event_forward_extremities", Definition: extremitiesForm,
			Columns: []sqlite.RewriteColumn{{Name: "event_id"}, {Name: "room_id"}}, Where: extremityKnown,
		})
	}
	if err := execute(ctx, tx, "ALTER TABLE event_forward_extremities ADD "+extremitiesKey+" NOT VALID"); err != nil {
		return fmt.Errorf("add a foreign key to event_forward_extremities: %w", err)
	}
	return enqueue(ctx, tx, "event_forward_extremities_event_id_foreign_key_constraint_update", 7803, "{}")
}

// indexFilters is for SQLite only.
func indexFilters(ctx context.Context, tx engine.Tx) error {
	if tx.Engine() != engine.SQLite {
		return nil
	}
	const index = `CREATE UNIQUE INDEX IF NOT EXISTS user_filters_full_user_id_unique ON user_filters (full_user_id, filter_id)`
	if err := execute(ctx, tx, index); err != nil {
		return fmt.Errorf("index user_filters: %w", err)
	}
	return nil
}
