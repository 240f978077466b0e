package upstream

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// shell runs Debian's sqlite3, which has the full-text module that ours lacks.
func shell(t *testing.T, path, statements string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), "sqlite3", path)
	command.Stdin = strings.NewReader(statements)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", statements, err, output)
	}
	return strings.TrimSpace(string(output))
}

func expectShell(t *testing.T, path, statements, want string) {
	t.Helper()
	if got := shell(t, path, statements); got != want {
		t.Errorf("%s:\n%s\nwant %s", statements, got, want)
	}
}

// TestDeltasOnADatabaseOfUpstreams runs the steps on what upstream's code has made, with its indexes, triggers, foreign keys
// and full-text tables.
func TestDeltasOnADatabaseOfUpstreams(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-72.sqlite")
	if !ok {
		return
	}
	extremities := shell(t, path, "SELECT count(*) FROM event_forward_extremities WHERE event_id IN (SELECT event_id FROM events)")
	events := shell(t, path, "SELECT min(stream_ordering), max(stream_ordering) + 1 FROM events")
	profiles := shell(t, path, "SELECT user_id, displayname, avatar_url FROM profiles ORDER BY rowid")
	filters := shell(t, path, "SELECT user_id, filter_id, hex(filter_json) FROM user_filters ORDER BY rowid")
	indexes := shell(t, path, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'event_forward_extremities' AND sql IS NOT NULL ORDER BY 1")
	on := openFile(t, path)
	on.mustExecute("DELETE FROM background_updates",
		"INSERT INTO background_updates (update_name, progress_json) VALUES ('current_state_events_membership', '{}')")
	for _, table := range membershipTables {
		on.mustExecute("ALTER TABLE " + table + " ADD COLUMN event_stream_ordering BIGINT REFERENCES events (stream_ordering)")
	}
	on.mustRun(func(ctx context.Context, tx engine.Tx) error {
		config := homeserver.Config{ServerName: "example.com"}
		for _, step := range []func(context.Context, engine.Tx, any) error{fillMemberships, completeProfiles, completeFilters} {
			if err := step(ctx, tx, config); err != nil {
				return err
			}
		}
		for _, step := range []func(context.Context, engine.Tx) error{populateEventColumns, stemEventSearch, checkStreamOrderings, tieExtremities, indexFilters, retieStreamOrderings} {
			if err := step(ctx, tx); err != nil {
				return err
			}
		}
		return nil
	})
	expectShell(t, path, "PRAGMA integrity_check", "ok")
	expectShell(t, path, "SELECT user_id, displayname, avatar_url FROM profiles ORDER BY rowid", profiles)
	expectShell(t, path, "SELECT user_id, filter_id, hex(filter_json) FROM user_filters ORDER BY rowid", filters)
	expectShell(t, path, "SELECT count(*) FROM profiles WHERE full_user_id <> '@' || user_id || ':example.com'", "0")
	expectShell(t, path, "SELECT count(*) FROM event_forward_extremities", extremities)
	expectShell(t, path, "SELECT name, sql FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'event_forward_extremities' AND sql IS NOT NULL ORDER BY 1", indexes)
	least, end, _ := strings.Cut(events, "|")
	expectShell(t, path, "SELECT progress_json FROM background_updates WHERE update_name = 'event_search'",
		fmt.Sprintf(`{"target_min_stream_id_inclusive": %s, "max_stream_id_exclusive": %s}`, least, end))
	expectShell(t, path, "INSERT INTO event_search (event_id, value) VALUES ('$x', 'the dogs were running'); SELECT event_id FROM event_search WHERE event_search MATCH 'run dog';"+
		"INSERT INTO event_search (event_search) VALUES ('integrity-check'); DELETE FROM event_search; PRAGMA integrity_check;", "$x\nok")
}

// TestObjectsAreUpstreams compares what the steps make with what upstream's code has made: names, columns, and what triggers
// refuse.
func TestObjectsAreUpstreams(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-94.sqlite")
	if !ok {
		return
	}
	shape := func() string {
		return shell(t, path, `SELECT type, name, tbl_name FROM sqlite_schema WHERE type = 'trigger' AND name LIKE '%bad_event_stream_ordering' ORDER BY 2;
SELECT m.name, c.cid, c.name, lower(c.type), c."notnull", c.dflt_value, c.pk FROM sqlite_schema AS m, pragma_table_info(m.name) AS c
WHERE m.name IN ('profiles', 'user_filters', 'event_forward_extremities', 'delayed_events', 'event_search') ORDER BY 1, 2;
SELECT m.name, f."table", f."from", f."to", f.on_delete FROM sqlite_schema AS m, pragma_foreign_key_list(m.name) AS f WHERE m.name = 'event_forward_extremities';
SELECT m.name, i."unique", i.origin, group_concat(c.name) FROM sqlite_schema AS m, pragma_index_list(m.name) AS i, pragma_index_info(i.name) AS c
WHERE m.name IN ('user_filters', 'event_forward_extremities') AND i.name <> 'full_users_unique_idx' GROUP BY i.name ORDER BY 1, 3, 4;`)
	}
	want := shape()
	on := openFile(t, path)
	on.mustExecute("ALTER TABLE profiles DROP COLUMN fields")
	for _, table := range membershipTables {
		on.mustExecute("DROP TRIGGER " + table + "_bad_event_stream_ordering")
	}
	on.mustRun(func(ctx context.Context, tx engine.Tx) error {
		var declaration string
		if err := tx.QueryRow(ctx, delayedDeclarationSQL).Scan(&declaration); err != nil {
			return err
		}
		return redeclare(ctx, tx, "delayed_events", strings.Replace(declaration, "content TEXT", "content bytea", 1))
	})
	on.mustRun(func(ctx context.Context, tx engine.Tx) error {
		config := homeserver.Config{ServerName: "example.com"}
		if err := completeProfiles(ctx, tx, config); err != nil {
			return err
		}
		return completeFilters(ctx, tx, config)
	})
	for _, step := range []func(context.Context, engine.Tx) error{stemEventSearch, checkStreamOrderings, tieExtremities, indexFilters, delayedContentAsText} {
		on.mustRun(step)
	}
	on.mustExecute("ALTER TABLE profiles ADD COLUMN fields JSONB")
	if got := shape(); got != want {
		t.Errorf("%s\nwant\n%s", got, want)
	}
	expectShell(t, path, "PRAGMA integrity_check; SELECT count(*) FROM pragma_foreign_key_check('event_forward_extremities')", "ok\n0")
	expectShell(t, path, "SELECT DISTINCT typeof(content) FROM delayed_events", shell(t, path, "SELECT DISTINCT typeof(content) FROM delayed_events"))
}
