package homeserver_test

import (
	"database/sql"
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

// schemaKeys is what the catalog says about rooms and events.
type schemaKeys struct {
	columns map[string][]column
	foreign []foreignKey
	// leading are the columns an index over all rows begins with.
	leading map[tableColumn]bool
}

type (
	column      struct{ name, notNull string }
	tableColumn struct{ table, column string }
	foreignKey  struct{ table, column, parent string } // of more columns, the first
)

// room is the column room_id of a table, or nil.
func (k schemaKeys) room(table string) *column {
	for _, column := range k.columns[table] {
		if column.name == "room_id" {
			return &column
		}
	}
	return nil
}

// The texts "true" and "false" are what both engines can say. An INTEGER PRIMARY KEY of SQLite is found by no list of
// indexes, and no test asks for it.
var keyQueries = map[engine.Kind][3]string{
	engine.SQLite: {
		`SELECT l.name, c.name, iif(c."notnull", 'true', 'false') FROM pragma_table_list AS l, pragma_table_info(l.name) AS c
WHERE l.schema = 'main' AND l.type IN ('table', 'virtual') AND l.name NOT LIKE 'sqlite\_%' ESCAPE '\'`,
		`SELECT l.name, k."from", k."table" FROM pragma_table_list AS l, pragma_foreign_key_list(l.name) AS k
WHERE l.schema = 'main' AND k.seq = 0`,
		`SELECT l.name, c.name, '' FROM pragma_table_list AS l, pragma_index_list(l.name) AS i, pragma_index_info(i.name) AS c
WHERE l.schema = 'main' AND c.seqno = 0 AND NOT i.partial`,
	},
	engine.Postgres: {
		`SELECT attrelid::regclass::text, attname::text, attnotnull::text FROM pg_attribute JOIN pg_class AS c ON c.oid = attrelid
WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r' AND attnum > 0 AND NOT attisdropped`,
		`SELECT conrelid::regclass::text, attname::text, confrelid::regclass::text FROM pg_constraint
JOIN pg_attribute ON attrelid = conrelid AND attnum = conkey[1] WHERE contype = 'f'`,
		`SELECT indrelid::regclass::text, attname::text, '' FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indpred IS NULL AND indisvalid`,
	},
}

func (s side) keys(t *testing.T) schemaKeys {
	t.Helper()
	found := schemaKeys{columns: map[string][]column{}, leading: map[tableColumn]bool{}}
	queries := keyQueries[s.kind]
	s.each(t, queries[0], func(table, name, notNull string) {
		found.columns[table] = append(found.columns[table], column{name, notNull})
	})
	s.each(t, queries[1], func(table, column, parent string) {
		found.foreign = append(found.foreign, foreignKey{table, column, parent})
	})
	s.each(t, queries[2], func(table, column, _ string) { found.leading[tableColumn{table, column}] = true })
	return found
}

func (s side) each(t *testing.T, query string, work func(a, b, c string)) {
	t.Helper()
	rows, err := s.db.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var a, b, c sql.NullString
		if err := rows.Scan(&a, &b, &c); err != nil {
			t.Fatal(err)
		}
		work(a.String, b.String, c.String)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// keyless are the tables with an event's id whose room_id no key can guard.
var keyless = map[string]string{
	"state_groups":       "may live in another database than rooms",
	"state_groups_state": "may live in another database than rooms",
	"event_search":       "is a virtual table on SQLite",
}

func TestEventIsAccompaniedByItsRoom(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		keys := s.keys(t)
		seen := 0
		for table, columns := range keys.columns {
			if !slices.ContainsFunc(columns, namesEvent) {
				continue
			}
			seen++
			room := keys.room(table)
			virtual := table == homeserver.EventSearchTable && s.kind == engine.SQLite
			if room == nil || room.notNull != "true" && !virtual {
				t.Errorf("%s names an event, and not always its room: %v", table, room)
			}
			pointed := slices.Contains(keys.foreign, foreignKey{table, "room_id", "rooms"})
			if _, free := keyless[table]; !pointed && !free {
				t.Errorf("%s names an event, and its room_id does not point to rooms", table)
			}
		}
		if seen < 35 {
			t.Errorf("only %d tables name an event", seen)
		}
	})
}

func namesEvent(c column) bool { return c.name == "event_id" || strings.HasSuffix(c.name, "_event_id") }

// kept are the tables with a room_id that a purge leaves as they are.
var kept = map[string]string{
	"blocked_rooms": "a room is blocked so that nobody brings it back",
	"device_lists_changes_converted_stream_position": "is a position in the order of changes; its room need not exist",
}

func TestPurgeKnowsEveryTableOfARoom(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		keys, purged := s.keys(t), purgedTables(s.kind)
		for table := range keys.columns {
			_, stays := kept[table]
			inPurge := slices.Contains(purged, table)
			if stays && inPurge {
				t.Errorf("%s is to stay and is purged", table)
			}
			if keys.room(table) != nil && !stays && !inPurge {
				t.Errorf("%s has a room_id and is not purged", table)
			}
		}
		for _, table := range purged {
			if keys.columns[table] == nil {
				t.Errorf("there is no table %s", table)
			}
		}
		if sorted := slices.Sorted(slices.Values(purged)); len(slices.Compact(sorted)) != len(purged) {
			t.Errorf("a table is purged twice: %v", purged)
		}
	})
}

func purgedTables(kind engine.Kind) []string {
	var tables []string
	for _, step := range homeserver.PurgeStatements(kind) {
		tables = append(tables, step.Table)
	}
	return tables
}

func TestPurgeOrderSuitsForeignKeys(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		purged := purgedTables(s.kind)
		for _, key := range s.keys(t).foreign {
			parent := slices.Index(purged, key.parent)
			if parent < 0 {
				continue
			}
			if child := slices.Index(purged, key.table); child < 0 || child > parent {
				t.Errorf("%s points to %s and is purged at place %d, not before place %d", key.table, key.parent, child, parent)
			}
		}
	})
}

// Deleting a row makes an engine look for those that point to it.
func TestWhatPointsToPurgedRowsHasAnIndex(t *testing.T) {
	t.Parallel()
	onBothSides(t, func(t *testing.T, s side) {
		keys, purged := s.keys(t), purgedTables(s.kind)
		for _, key := range keys.foreign {
			if slices.Contains(purged, key.parent) && !keys.leading[tableColumn{key.table, key.column}] {
				t.Errorf("no index begins with %s of %s, which points to %s", key.column, key.table, key.parent)
			}
		}
		for _, table := range purged {
			virtual := table == homeserver.EventSearchTable && s.kind == engine.SQLite
			if keys.room(table) != nil && !virtual && !keys.leading[tableColumn{table, "room_id"}] {
				t.Errorf("no index begins with room_id of %s", table)
			}
		}
	})
}
