package upstream

import (
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
)

const updatesQuery = "SELECT update_name, progress_json, depends_on, ordering FROM background_updates ORDER BY ordering, update_name"

const threeEvents = `INSERT INTO events (stream_ordering, event_id, room_id) VALUES (-3, '$backfilled', '!a'), (5, '$first', '!a'), (9, '$second', '!b')`

func TestEventColumnsArePopulatedLater(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(_ *testing.T, on *scene) {
		on.mustPrepare(release(72, 72), example())
		on.mustRun(populateEventColumns)
		on.expect(updatesQuery)
		on.mustExecute(threeEvents)
		on.mustRun(populateEventColumns)
		on.expect(updatesQuery, `events_populate_state_key_rejections|{"min_stream_ordering_exclusive": -4, "max_stream_ordering_inclusive": 9}|NULL|7203`)
	})
}

func TestMembershipsAreFilledWhileTheUpdateIsPending(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(_ *testing.T, on *scene) {
		on.mustPrepare(release(72, 72), example())
		on.mustExecute(
			`INSERT INTO current_state_events (event_id, room_id, type, state_key, membership) VALUES
('$a', '!a', 'm.room.member', '@a:x', 'ban'), ('$b', '!a', 'm.room.member', '@b:x', NULL), ('$c', '!a', 'm.room.name', '', 'join')`,
			`INSERT INTO room_memberships (event_id, user_id, room_id, membership) VALUES ('$a', '@a:x', '!a', 'join'), ('$b', '@b:x', '!a', 'leave')`,
			`UPDATE schema_version SET version = 71`,
		)
		const query = "SELECT event_id, membership FROM current_state_events ORDER BY 1"
		on.mustPrepare(release(72, 72), example())
		on.expect(query, "$a|ban", "$b|NULL", "$c|join")
		on.mustExecute(
			`INSERT INTO background_updates (update_name, progress_json) VALUES ('current_state_events_membership', '{}'), ('another', '{}')`,
			`DELETE FROM applied_schema_deltas WHERE file LIKE '%07force%'`,
		)
		on.mustPrepare(release(72, 72), example())
		on.expect(query, "$a|join", "$b|leave", "$c|NULL")
		on.expect(updatesQuery, "another|{}|NULL|0")
		on.expect("SELECT file FROM applied_schema_deltas ORDER BY 1",
			"72/01covered.sql", "72/03bg_populate_events_columns.py", "72/07force_update_current_state_events_membership.py")
	})
}

func TestSearchIsMadeAnewOnSQLite(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(72, 72), example())
		on.mustExecute(threeEvents)
		if on.Engine() == engine.Postgres {
			on.mustExecute("INSERT INTO event_search (event_id) VALUES ('$first')")
			on.mustRun(stemEventSearch)
			on.expect(updatesQuery)
			on.expect("SELECT event_id FROM event_search", "$first")
			return
		}
		on.mustExecute("INSERT INTO event_search_content (c0event_id) VALUES ('$first')")
		on.mustRun(stemEventSearch)
		on.expect("SELECT count(*) FROM event_search_content", "0")
		on.expect(updatesQuery, `event_search|{"target_min_stream_id_inclusive": -3, "max_stream_id_exclusive": 10}|NULL|7310`)
		on.expect("SELECT sql LIKE '%tokenize=porter, event_id, room_id, sender, key, value%' FROM sqlite_schema WHERE name = 'event_search'", "1")
		if err := on.run(stemEventSearch); err == nil || !strings.Contains(err.Error(), "enqueue the background update event_search") {
			t.Errorf("with the update pending: %v", err)
		}
	})
}

func TestStreamOrderingsAreCompared(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(74, 70), example())
		on.mustExecute(threeEvents)
		inserts := map[string]string{
			"current_state_events":     "INSERT INTO current_state_events (room_id, type, state_key, event_id, event_stream_ordering) VALUES ('!a', 't', '', ?, ?)",
			"local_current_membership": "INSERT INTO local_current_membership (room_id, user_id, membership, event_id, event_stream_ordering) VALUES ('!a', '@a:x', 'join', ?, ?)",
			"room_memberships":         "INSERT INTO room_memberships (room_id, user_id, membership, event_id, event_stream_ordering) VALUES ('!a', '@a:x', 'join', ?, ?)",
		}
		for _, table := range membershipTables {
			insert := func(event string, ordering any) error {
				_, err := on.Exec(t.Context(), inserts[table], event, ordering)
				return err
			}
			want, trigger := "Incorrect event_stream_ordering in "+table, table+"_bad_event_stream_ordering"
			if on.Engine() == engine.Postgres {
				want, trigger = "ERROR: Incorrect event_stream_ordering (SQLSTATE P0001)", "check_event_stream_ordering"
			}
			for event, ordering := range map[string]any{"$first": 5, "$second": nil, "$unknown": 5} {
				if err := insert(event, ordering); err != nil {
					t.Errorf("%s %s: %v", table, event, err)
				}
			}
			if err := insert("$backfilled", 9); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v", table, err)
			}
			_, err := on.Exec(t.Context(), "UPDATE "+table+" SET event_stream_ordering = 9 WHERE event_id = '$first'")
			if refused := err != nil; refused != (on.Engine() == engine.Postgres) {
				t.Errorf("an update of %s: %v", table, err)
			}
			if on.object(trigger) == nil {
				t.Errorf("there is no trigger %s", trigger)
			}
		}
	})
}

func TestUserIDsAreCompleted(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(76, 72), example())
		on.mustExecute(
			`INSERT INTO users (name) VALUES ('@alice:example.com')`,
			`INSERT INTO profiles (user_id, displayname, avatar_url, full_user_id) VALUES ('zoe', 'Zoë', NULL, NULL), ('alice', NULL, 'mxc://a', NULL), ('bob', 'Bob', NULL, '@bob:old')`,
			`INSERT INTO user_filters (user_id, filter_id, filter_json, full_user_id) VALUES ('alice', 0, '{}', NULL), ('alice', 1, '{"a": "?"}', '@alice:old')`,
			`CREATE TABLE temp_profiles (left_by TEXT)`,
		)
		on.mustPrepare(release(77, 72), example())
		on.mustPrepare(release(78, 72), example())
		profiles := []string{"alice|@alice:example.com|NULL|mxc://a", "bob|@bob:example.com|Bob|NULL", "zoe|@zoe:example.com|Zoë|NULL"}
		filters := []string{"alice|0|{}|@alice:example.com", `alice|1|{"a": "?"}|@alice:example.com`}
		if on.Engine() == engine.Postgres { // it fills what is missing only
			profiles[1], filters[1] = "bob|@bob:old|Bob|NULL", `alice|1|{"a": "?"}|@alice:old`
		}
		on.expect("SELECT user_id, full_user_id, displayname, avatar_url FROM profiles ORDER BY 1", profiles...)
		on.expect("SELECT user_id, filter_id, filter_json, full_user_id FROM user_filters ORDER BY 2", filters...)
		for _, table := range []string{profilesTable, filtersTable} {
			if _, err := on.Exec(t.Context(), "UPDATE "+table+" SET full_user_id = NULL"); err == nil {
				t.Errorf("%s.full_user_id can be empty", table)
			}
		}
		expectFormOf78(t, on)
	})
}

func expectFormOf78(t *testing.T, on *scene) {
	t.Helper()
	onSQLite := on.Engine() == engine.SQLite
	if missing := on.object("user_filters_unique") == nil; missing != onSQLite {
		t.Errorf("user_filters_unique is missing: %t", missing)
	}
	if there := on.object("user_filters_full_user_id_unique") != nil; there != onSQLite {
		t.Errorf("user_filters_full_user_id_unique is there: %t", there)
	}
	if !onSQLite {
		if check := on.object("full_user_id_not_null"); check == nil || strings.Contains(check.Definition, "NOT VALID") {
			t.Errorf("the constraint was not validated: %+v", check)
		}
		return
	}
	on.expect("SELECT name FROM sqlite_schema WHERE name LIKE 'temp%' OR name LIKE '%rewritten%'")
	on.expect("SELECT name, lower(type), \"notnull\" FROM pragma_table_info('profiles')",
		"full_user_id|text|1", "user_id|text|0", "displayname|text|0", "avatar_url|text|0")
	on.expect("SELECT name, lower(type), \"notnull\" FROM pragma_table_info('user_filters')",
		"full_user_id|text|1", "user_id|text|1", "filter_id|bigint|1", "filter_json|bytea|1")
	on.expect("SELECT group_concat(c.name) FROM pragma_index_list('profiles') AS i, pragma_index_info(i.name) AS c WHERE i.origin = 'u' GROUP BY i.name ORDER BY 1",
		"full_user_id", "user_id")
}

func TestExtremitiesAreTied(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(77, 72), example())
		on.mustExecute(threeEvents, `INSERT INTO event_forward_extremities (event_id, room_id) VALUES ('$first', '!a'), ('$lost', '!a')`)
		on.mustPrepare(release(78, 72), example())
		const query = "SELECT event_id FROM event_forward_extremities ORDER BY 1"
		const name = "event_forward_extremities_event_id"
		if on.Engine() == engine.SQLite {
			on.expect(query, "$first")
			on.expect(updatesQuery)
			on.expect("SELECT sql LIKE '%CONSTRAINT "+name+" FOREIGN KEY (event_id) REFERENCES events (event_id) DEFERRABLE INITIALLY DEFERRED%' FROM sqlite_schema WHERE name = 'event_forward_extremities'", "1")
		} else {
			on.expect(query, "$first", "$lost")
			on.expect(updatesQuery, name+"_foreign_key_constraint_update|{}|NULL|7803")
			if key := on.object(name); key == nil || !strings.HasSuffix(key.Definition, "DEFERRABLE INITIALLY DEFERRED NOT VALID") {
				t.Errorf("%+v", key)
			}
		}
		for _, index := range []string{"ev_extrem_room", "ev_extrem_id"} {
			if on.object(index) == nil {
				t.Errorf("there is no index %s", index)
			}
		}
		if _, err := on.Exec(t.Context(), "INSERT INTO event_forward_extremities (event_id, room_id) VALUES ('$none', '!a')"); err == nil {
			t.Error("an extremity without an event was taken")
		}
	})
}

func TestStreamOrderingsAreTiedAnewWhileTheyAreReplaced(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(78, 72), example())
		before := on.everything()
		on.mustRun(retieStreamOrderings)
		if on.everything() != before {
			t.Error("without the update, something was changed")
		}
		on.mustExecute(`INSERT INTO background_updates (update_name, progress_json) VALUES ('replace_stream_ordering_column', '{}')`)
		before = on.everything()
		on.mustRun(retieStreamOrderings)
		if on.Engine() == engine.SQLite {
			if on.everything() != before {
				t.Error("on SQLite, something was changed")
			}
			return
		}
		const key = "FOREIGN KEY (event_stream_ordering) REFERENCES events(stream_ordering2) NOT VALID"
		on.expect("SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = 'event_stream_ordering_fkey' ORDER BY 1",
			"current_state_events|"+key, "local_current_membership|"+key, "room_memberships|"+key)
	})
}

func TestDelayedContentIsText(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		files := release(93, 84)
		code := files["main/delta/93/04_make_delayed_event_content_text.py"]
		delete(files, "main/delta/93/04_make_delayed_event_content_text.py")
		on.mustPrepare(files, example())
		const content = `{"body": "Zoë \\n ?"}`
		if _, err := on.Exec(t.Context(), "INSERT INTO delayed_events (delay_id, content) VALUES (?, ?)", "one", []byte(content)); err != nil {
			t.Fatal(err)
		}
		files["main/delta/93/04_make_delayed_event_content_text.py"] = code
		on.mustPrepare(files, example())
		if kind := on.column("delayed_events", "content").Type; !strings.EqualFold(kind, "text") {
			t.Errorf("the type is %s", kind)
		}
		on.expect("SELECT content FROM delayed_events", content)
		if on.Engine() == engine.Postgres {
			return
		}
		on.expect("SELECT typeof(content) FROM delayed_events", "blob") // only the declaration changes
		on.mustExecute("INSERT INTO delayed_events (delay_id, content) VALUES ('two', 5)", "ALTER TABLE delayed_events ADD COLUMN more TEXT")
		on.expect("SELECT typeof(content) FROM delayed_events WHERE delay_id = 'two'", "text")
		on.expect("PRAGMA writable_schema", "0")
		on.expect("PRAGMA integrity_check", "ok")
		if err := on.run(delayedContentAsText); err == nil || !strings.Contains(err.Error(), `does not hold "content bytea"`) {
			t.Errorf("a second time: %v", err)
		}
		on.expect("PRAGMA writable_schema", "0")
	})
}
