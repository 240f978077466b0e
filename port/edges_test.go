package port_test

import (
	"database/sql"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/port"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// A server without an event, and one whose events are all newer than its database: the greatest and the least of
// nothing are NULL, and no sequence may go below what upstream begins with.
func TestDatabasesWithoutEventsOrWithoutBackfilledOnesPort(t *testing.T) {
	t.Parallel()
	for name, statements := range map[string][]string{
		"no event":            {},
		"no row in any table": {"DELETE FROM users", "DELETE FROM stream_positions"},
		"no backfilled event": {"INSERT INTO rooms (room_id) VALUES ('!a:x')", insertEvent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, nil)
			s.source = demoSource(t, demo.Options{Plain: true})
			s.onSource(t, statements...)
			before := beforePort(t, s.target)
			report, err := s.port(t)
			if err != nil {
				t.Fatal(err)
			}
			sides := comparison{source: openSource(t, s.source), target: s.target.Connect(t)}
			sides.differences(t)
			checkFinished(t, s.target, before, report)
			for _, sequence := range report.Sequences {
				if sequence.Next < 1 {
					t.Errorf("sequence %s would hand out %d", sequence.Sequence, sequence.Next)
				}
			}
			if next := queryOne[int64](t, sides.target, "SELECT nextval('events_backfill_stream_seq')"); next < 2 {
				t.Errorf("the first backfilled event would get %d, upstream begins with 2", next)
			}
		})
	}
}

const insertEvent = `INSERT INTO events (event_id, room_id, type, sender, stream_ordering, topological_ordering, depth, processed,
outlier, origin_server_ts) VALUES ('$e', '!a:x', 'm.room.create', '@u:x', 5, 1, 1, 1, 0, 1)`

// A row whose parent cannot go over is set aside with it, and so are the rows that depend on that one.
func TestDependentsOfRowsSetAsideAreSetAsideToo(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	s.onSource(t, "PRAGMA foreign_keys = OFF",
		"INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id, expiry_ts) VALUES (9001, '@a:x', 'D', 'last', NULL, 1.5)",
		"INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES (9000, '@a:x', 'D', 'middle', 9001)",
		"INSERT INTO refresh_tokens (id, user_id, device_id, token, next_token_id) VALUES (8999, '@a:x', 'D', 'first', 9000)",
		"INSERT INTO access_tokens (id, user_id, device_id, token, refresh_token_id) VALUES (9002, '@a:x', 'D', 'access', 8999)",
	)
	s.options.ServerName, s.options.OnBadValue = "", port.Repair
	report, err := s.port(t)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]int{}
	for _, deviation := range report.BadValues {
		if deviation.Action == port.ActionSetAside {
			got[deviation.Table+" "+string(deviation.Class)]++
		}
	}
	want := map[string]int{"refresh_tokens fraction": 1, "refresh_tokens missing_parent": 2, "access_tokens missing_parent": 1}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("rows set aside (-want +got):\n%s", difference)
	}
	if lines := readAside(t, report.AsideFile); len(lines) != 4 {
		t.Errorf("%d lines in the file, want 4: %+v", len(lines), lines)
	}
}

// A server that was killed leaves what it committed last in the log beside the database.
func TestRowsInTheLogBesideTheSourceArePorted(t *testing.T) {
	t.Parallel()
	source, target := crashedSource(t), preparedTarget(t)
	folder := dbtest.Listing(t, filepath.Dir(source))
	if folder["homeserver.sqlite-wal"] == "" {
		t.Fatal("the source has no log beside it")
	}
	if _, err := portInto(t, source, target, nil); err != nil {
		t.Fatal(err)
	}
	if difference := cmp.Diff(folder, dbtest.Listing(t, filepath.Dir(source))); difference != "" {
		t.Errorf("the source's folder changed:\n%s", difference)
	}
	if rows := queryOne[int](t, target.Connect(t), "SELECT count(*) FROM rooms WHERE room_id = '!log:x'"); rows != 1 {
		t.Errorf("%d rows that stand only in the log were ported, want 1", rows)
	}
}

// crashedSource copies a database and its log from under a writer.
func crashedSource(t *testing.T) string {
	t.Helper()
	live := demoSource(t, demo.Options{Events: 40, Seed: 7, WAL: true})
	db, err := sql.Open("sqlite", live)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(t.Context(), "INSERT INTO rooms (room_id) VALUES ('!log:x')"); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	for _, name := range []string{"homeserver.sqlite", "homeserver.sqlite-wal"} {
		copyFile(t, filepath.Join(filepath.Dir(live), name), filepath.Join(folder, name))
	}
	return filepath.Join(folder, "homeserver.sqlite")
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	source, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer source.Close()
	target, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	if _, err := io.Copy(target, source); err != nil {
		t.Fatal(err)
	}
}

// Upstream ends statements after some time by default, and an administrator can do so for a role. Neither is for a port:
// one COPY takes longer here than either would allow.
func TestShortTimeoutsOfTheRoleDoNotEndThePort(t *testing.T) {
	t.Parallel()
	s := newScene(t, nil)
	s.onTarget(t,
		"CREATE FUNCTION slow(name text) RETURNS boolean LANGUAGE plpgsql AS "+
			"'BEGIN IF name LIKE ''@alice:%'' THEN PERFORM pg_sleep(2.2); END IF; RETURN true; END'",
		"ALTER TABLE users ADD CHECK (slow(name))")
	s.asSuperuser(t, "ALTER ROLE NAME SET statement_timeout = '2s'",
		"ALTER ROLE NAME SET idle_in_transaction_session_timeout = '2s'")
	s.args["options"] = "-c statement_timeout=2s"
	if _, err := s.port(t); err != nil {
		t.Fatal(err)
	}
}
