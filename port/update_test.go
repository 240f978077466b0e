package port_test

import (
	"context"
	"database/sql"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// onSource runs statements on a source, as its homeserver would.
func onSource(t *testing.T, path string, statements ...string) {
	t.Helper()
	db, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := db.ExecContext(context.Background(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
}

// changed are the tables of a report into which rows were inserted or of which rows were deleted.
func changed(report *port.Report) map[string][2]int64 {
	tables := map[string][2]int64{}
	for _, table := range report.Tables {
		if table.Inserted+table.Deleted > 0 {
			tables[table.Table] = [2]int64{table.Inserted, table.Deleted}
		}
	}
	return tables
}

func TestSecondPortWritesWhatChanged(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	target := preparedTarget(t)
	first, err := portInto(t, source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if first.Mode != port.ModeFresh {
		t.Errorf("the first port is %q", first.Mode)
	}
	same, err := portInto(t, source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(changed(same)) > 0 || same.Mode != port.ModeUpdated {
		t.Errorf("nothing has changed, but %s: %v", same.Mode, changed(same))
	}
	onSource(t, source,
		`UPDATE users SET password_hash = 'new', deactivated = 1 WHERE rowid = (SELECT min(rowid) FROM users)`,
		`DELETE FROM event_search WHERE rowid = (SELECT min(rowid) FROM event_search)`,
		`UPDATE event_search SET value = 'entirely another text' WHERE rowid = (SELECT max(rowid) FROM event_search)`,
		`DELETE FROM receipts_graph`, `VACUUM`)
	expected := expect(t, source, port.Fail)
	updated, err := portInto(t, source, target, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Log(changed(updated))
	expected.complete(t, source, target)
}

func TestTargetThatWasWrittenToIsRefused(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 1})
	expected := expect(t, source, port.Fail)
	for name, statement := range map[string]string{
		"a row":               `UPDATE users SET password_hash = 'changed by the homeserver'`,
		"a sequence":          `SELECT nextval('events_stream_seq')`,
		"a table of its own":  `INSERT INTO instance_map (instance_name) VALUES ('master')`,
		"the user directory":  `INSERT INTO user_directory (user_id, display_name) VALUES ('@a:b', 'a')`,
		"a background update": `DELETE FROM background_updates`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			target := preparedTarget(t)
			if _, err := portInto(t, source, target, nil); err != nil {
				t.Fatal(err)
			}
			asSuperuser(t, target, func(conn *pgx.Conn) error {
				_, err := conn.Exec(t.Context(), statement)
				return err
			})
			before := content(t, target)
			waitForSessionsToEnd(t, target)
			_, err := portInto(t, source, target, nil)
			if refused, ok := errors.AsType[*port.RefusedError](err); !ok || !refused.Has("target_written") {
				t.Fatalf("the error is %v", err)
			}
			t.Log(err)
			if after := content(t, target); len(after) != len(before) || lookAtGuard(t, target).Unfinished {
				t.Error("the target was touched")
			}
			waitForSessionsToEnd(t, target)
			if _, err := portInto(t, source, target, func(o *port.Options) { o.DiscardTargetChanges = true }); err != nil {
				t.Fatal(err)
			}
			expected.complete(t, source, target)
		})
	}
}

func TestFinishAndAbandon(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	target := preparedTarget(t)
	fresh, schema := content(t, target), schemaDump(t, target)
	end := func(what func(context.Context, port.Options) (bool, error)) (bool, error) {
		t.Helper()
		waitForSessionsToEnd(t, target)
		return what(t.Context(), port.Options{Target: targetConfig(t, target)})
	}
	for name, what := range map[string]func(context.Context, port.Options) (bool, error){
		"finish": port.Finish, "abandon": port.Abandon,
	} {
		if found, err := end(what); found || err != nil {
			t.Errorf("%s before the first port: %v, %v", name, found, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	interruptIn(ctx, t, source, target, port.PhaseVerify, cancel)
	if _, err := end(port.Finish); !refusedFor(err, "port_unfinished") {
		t.Errorf("finish of an unfinished port: %v", err)
	}
	if found, err := end(port.Abandon); !found || err != nil {
		t.Fatalf("abandon: %v, %v", found, err)
	}
	if diff := cmp.Diff(fresh, content(t, target)); diff != "" {
		t.Errorf("content (-prepared +abandoned):\n%s", diff)
	}
	if diff := cmp.Diff(schema, schemaDump(t, target)); diff != "" {
		t.Errorf("schema (-prepared +abandoned):\n%s", diff)
	}
	waitForSessionsToEnd(t, target)
	if _, err := portInto(t, source, target, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := end(port.Abandon); !refusedFor(err, "port_complete") {
		t.Errorf("abandon of a complete port: %v", err)
	}
	server := target.Connect(t) // a homeserver may run by now
	if found, err := port.Finish(t.Context(), port.Options{Target: targetConfig(t, target)}); !found || err != nil {
		t.Errorf("finish: %v, %v", found, err)
	}
	if err := server.Close(t.Context()); err != nil {
		t.Error(err)
	}
	waitForSessionsToEnd(t, target)
	if _, err := portInto(t, source, target, nil); !refusedFor(err, "target_lived_in") {
		t.Errorf("a port after the end of the move: %v", err)
	}
}

func refusedFor(err error, id string) bool {
	refused, ok := errors.AsType[*port.RefusedError](err)
	return ok && refused.Has(id)
}

// interruptIn begins a port and ends its context once a phase moves rows.
func interruptIn(ctx context.Context, t *testing.T, source string, target *dbtest.Database, phase port.Phase, cancel func()) {
	t.Helper()
	progress, done := port.NewProgress(), make(chan error, 1)
	go func() {
		_, err := port.Run(ctx, port.Options{Source: source, Target: targetConfig(t, target), Progress: progress})
		done <- err
	}()
	dbtest.Await(t, func() bool {
		state := progress.Snapshot()
		return state.Phase == phase && state.Done > 0
	})
	cancel()
	var interrupted *port.InterruptedError
	if err := <-done; !errors.As(err, &interrupted) {
		t.Fatalf("the port was not interrupted: %v", err)
	}
	waitForSessionsToEnd(t, target)
}

// A row that only the server refuses is not in the target although the source has it, so rows cannot be compared one by one.
func TestRowsThatTheServerRefusesAreSetAsideAgain(t *testing.T) {
	t.Parallel()
	source, target := demoSource(t, demo.Options{Events: 300, Seed: 1}), preparedTarget(t)
	repair := func(o *port.Options) { o.OnBadValue = port.Repair }
	if _, err := portInto(t, source, target, repair); err != nil {
		t.Fatal(err)
	}
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "ALTER TABLE rooms ADD CONSTRAINT strict CHECK (creator <> 'refused')")
		return err
	})
	onSource(t, source, "UPDATE rooms SET creator = 'refused' WHERE rowid = (SELECT max(rowid) FROM rooms)")
	const rejected = 1 // and all rows that belong to the room
	for _, what := range []string{"the first time", "again"} {
		waitForSessionsToEnd(t, target)
		report, err := portInto(t, source, target, repair)
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		var rooms port.TableReport
		for _, table := range report.Tables {
			if table.Table == "rooms" {
				rooms = table
			}
		}
		if rooms.SetAside != rejected || report.AsideRows == 0 {
			t.Errorf("%s: %+v, %d lines", what, rooms, report.AsideRows)
		}
	}
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), "UPDATE users SET password_hash = 'changed by the homeserver'")
		return err
	})
	waitForSessionsToEnd(t, target)
	if _, err := portInto(t, source, target, repair); !refusedFor(err, "target_written") {
		t.Errorf("written to: %v", err)
	}
}
