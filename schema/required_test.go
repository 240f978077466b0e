package schema_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

const enqueueFill = "INSERT INTO background_updates (update_name, progress_json) VALUES ('fill_titles', '{}');\n"

// moving is a set of three releases: the second enqueues an update, and the third has a delta that relies on it.
func moving(version int) schema.Definition {
	files := fstest.MapFS{
		"main/delta/2/01enqueue.sql": {Data: []byte(enqueueFill)},
		"main/delta/3/01rely.sql":    {Data: []byte("CREATE TABLE relied (x INTEGER);\n")},
	}
	for _, kind := range engines() {
		files["main/full_schemas/1/full.sql."+string(kind)] = &fstest.MapFile{Data: []byte("CREATE TABLE titles (x INTEGER);\n")}
	}
	definition := schema.Definition{Name: "moving", Version: version, CompatVersion: 1, Engines: engines(), Files: files}
	if version < 3 {
		delete(files, "main/delta/3/01rely.sql")
	}
	if version < 2 {
		delete(files, "main/delta/2/01enqueue.sql")
	}
	if version >= 3 {
		definition.RequiredUpdates = []schema.RequiredUpdate{{Name: "fill_titles", Version: 3}}
	}
	return definition
}

func bring(t *testing.T, place address, version int) {
	t.Helper()
	if _, err := tryPrepare(t, place, newSet(t, moving(version)), schema.Options{}); err != nil {
		t.Fatal(err)
	}
}

func TestRequiredUpdateIsRefusedUntilItIsDone(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		bring(t, place, 1)
		bring(t, place, 2)
		pending := refused[*schema.PendingError](t, place, newSet(t, moving(3)), schema.Options{}, "fill_titles", "synapse updates run")
		if diff := cmp.Diff([]string{"fill_titles"}, pending.Updates); diff != "" || pending.Applied != 0 {
			t.Errorf("%+v", pending)
		}
		refused[*schema.PendingError](t, place, newSet(t, moving(3)), schema.Options{NoUpgrade: true})
		if status := inspect(t, place, newSet(t, moving(3))); status.Verdict != schema.Refused || !strings.Contains(status.Problem, "fill_titles") {
			t.Errorf("%+v", status)
		}
		execute(t, place, "DELETE FROM background_updates")
		bring(t, place, 3)
	})
}

// A database that skips a release comes as far as the delta that needs the update, and no further.
func TestUpgradeStopsBeforeTheDeltaThatNeedsAnUpdate(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		bring(t, place, 1)
		_, err := tryPrepare(t, place, newSet(t, moving(3)), schema.Options{})
		pending, isPending := errors.AsType[*schema.PendingError](err)
		if !isPending || pending.Applied != 1 {
			t.Fatalf("the error is %v", err)
		}
		if strings.Contains(dump(t, place), "relied") {
			t.Error("the delta was applied too early")
		}
		execute(t, place, "DELETE FROM background_updates")
		bring(t, place, 3)
		if !strings.Contains(dump(t, place), "relied") {
			t.Error("the delta was not applied")
		}
	})
}

func TestPendingUpdatesAreWaitedForOrRun(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		bring(t, place, 1)
		calls := 0
		result, err := tryPrepare(t, place, newSet(t, moving(3)), schema.Options{
			OnPending: func(ctx context.Context, _ []string) error {
				if calls++; calls == 2 {
					execute(t, place, "DELETE FROM background_updates")
				}
				return schema.WaitForUpdates(1)(ctx, nil)
			},
		})
		if err != nil || calls != 2 || !result.Changed {
			t.Errorf("%d calls, %+v, %v", calls, result, err)
		}
		if !strings.Contains(dump(t, place), "relied") {
			t.Error("the delta was not applied")
		}
	})
}

func TestWaitForUpdatesEnds(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	bring(t, place, 2)
	stopped := errors.New("enough")
	_, err := tryPrepare(t, place, newSet(t, moving(3)), schema.Options{OnPending: func(context.Context, []string) error { return stopped }})
	if _, isPending := errors.AsType[*schema.PendingError](err); !isPending || !errors.Is(err, stopped) {
		t.Errorf("the error is %v", err)
	}
}

// A new database whose deltas enqueue an update is created, and refused until the update has run.
func TestNewDatabaseNeedsTheUpdateToo(t *testing.T) {
	t.Parallel()
	place := newAddress(t, engine.SQLite)
	_, err := tryPrepare(t, place, newSet(t, moving(3)), schema.Options{})
	if _, isPending := errors.AsType[*schema.PendingError](err); !isPending {
		t.Fatalf("the error is %v", err)
	}
	execute(t, place, "DELETE FROM background_updates")
	bring(t, place, 3)
}

func TestRequiredUpdatesAreChecked(t *testing.T) {
	t.Parallel()
	for _, required := range [][]schema.RequiredUpdate{
		{{Name: "", Version: 1}}, {{Name: "a", Version: 0}}, {{Name: "a", Version: 4}}, {{Name: "a", Version: 1}, {Name: "a", Version: 2}},
	} {
		definition := moving(3)
		definition.RequiredUpdates = required
		if _, err := schema.New(definition); err == nil {
			t.Errorf("%+v is accepted", required)
		}
	}
}

// What was set aside nobody runs: waiting for it would never end.
func TestRequiredUpdateThatWasSetAsideIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, place address) {
		bring(t, place, 1)
		bring(t, place, 2)
		execute(t, place, schema.CreateUpdateErrors(place.Engine))
		execute(t, place, "INSERT INTO background_update_errors (update_name, attempts, error, failed_at) VALUES ('fill_titles', 5, 'no such title', 1)")
		waiting := schema.Options{OnPending: func(context.Context, []string) error { return errors.New("asked to wait") }}
		pending := refused[*schema.PendingError](t, place, newSet(t, moving(3)), waiting, "fill_titles: no such title", "retry")
		if len(pending.SetAside) != 1 {
			t.Errorf("%+v", pending)
		}
	})
}
