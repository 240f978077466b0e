package upstream

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

const makeUpdatesTable = `CREATE TABLE background_updates (update_name TEXT NOT NULL, progress_json TEXT NOT NULL, depends_on TEXT,
	ordering INTEGER NOT NULL DEFAULT 0, CONSTRAINT background_updates_uniqueness UNIQUE (update_name))`

func TestJobsAreEnqueued(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustExecute(makeUpdatesTable)
		for _, job := range []Job{{Name: DirectoryJob}, {Name: StatsJob}, {Name: ResignJob, OldKey: "ed25519:a_\"old", BeforeTS: 1_700_000_000_000}} {
			if _, err := StartJob(t.Context(), on, job); err != nil {
				t.Fatal(err)
			}
		}
		want := []string{
			`event_resign||0|{"before_ts":1700000000000,"old_key":"ed25519:a_\"old"}`,
			"populate_stats_process_rooms||0|{}",
			"populate_user_directory_cleanup|populate_user_directory_process_users|0|{}",
			"populate_user_directory_createtables||0|{}",
			"populate_user_directory_process_rooms|populate_user_directory_createtables|0|{}",
			"populate_user_directory_process_users|populate_user_directory_process_rooms|0|{}",
		}
		got := on.lines("SELECT update_name || '|' || depends_on || '|' || ordering || '|' || progress_json FROM background_updates ORDER BY update_name")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}

func TestJobIsEnqueuedAsAWholeOrNot(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustExecute(makeUpdatesTable, "INSERT INTO background_updates (update_name, progress_json) VALUES ('populate_user_directory_cleanup', '{}')")
		_, err := StartJob(t.Context(), on, Job{Name: DirectoryJob})
		queued, isQueued := errors.AsType[*QueuedError](err)
		if !isQueued || queued.Pending != "populate_user_directory_cleanup" {
			t.Errorf("error %v", err)
		}
		if got := on.lines("SELECT update_name FROM background_updates"); len(got) != 1 {
			t.Errorf("enqueued %v", got)
		}
	})
}

func TestUnknownJob(t *testing.T) {
	t.Parallel()
	_, err := StartJob(t.Context(), nil, Job{Name: "regenerate"})
	unknown, isUnknown := errors.AsType[*engine.ValueError](err)
	if !isUnknown || !strings.Contains(unknown.Allowed, DirectoryJob) {
		t.Errorf("error %v", err)
	}
}
