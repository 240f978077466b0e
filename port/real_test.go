package port_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// realTarget returns a database prepared by upstream, and whether this machine has one. The tests of real databases
// prove nothing where it has not; those of demos beside them cover the same difficulties.
func realTarget(t testing.TB, version string) (*dbtest.Database, bool) {
	t.Helper()
	return dbtest.NewRestoredDatabase(t, version)
}

const realServerName = "example.com"

// contentSearchTexts reads the texts of upstream's search index, whose module only upstream's SQLite has.
const contentSearchTexts = `SELECT s.c0event_id, s.c4value FROM event_search_content AS s
JOIN events AS e ON e.event_id = s.c0event_id AND e.room_id = s.c1room_id ORDER BY s.docid DESC`

func TestRealDatabasesPort(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"72", "94"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			target, found := realTarget(t, version)
			if !found {
				return
			}
			source, _ := dbtest.CopyData(t, "homeserver-"+version+".sqlite")
			folder, before := dbtest.Listing(t, filepath.Dir(source)), beforePort(t, target)
			report, err := portInto(t, source, target, func(o *port.Options) { o.ServerName = realServerName })
			if err != nil {
				t.Fatal(err)
			}
			if difference := cmp.Diff(folder, dbtest.Listing(t, filepath.Dir(source))); difference != "" {
				t.Errorf("the source's folder changed:\n%s", difference)
			}
			checkFinished(t, target, before, report)
			sides := comparison{source: openSource(t, source), target: target.Connect(t)}
			sides.differences(t)
			sides.checkReal(t, version)
			judged(t, source, target)
		})
	}
}

func (c comparison) checkReal(t testing.TB, version string) {
	t.Helper()
	booleans, events := c.checkBooleans(t), c.sameSearch(t, contentSearchTexts)
	if version == "72" {
		if booleans < 8 {
			t.Errorf("only %d columns of booleans were compared", booleans)
		}
		return
	}
	if booleans != len(nullableBooleans()) {
		t.Errorf("%d columns of booleans were compared, want %d", booleans, len(nullableBooleans()))
	}
	if events != 3230 { // 3236 rows, five without an event and one that is the second of its event
		t.Errorf("%d search rows, want 3230", events)
	}
	c.checkSequences(t)
}

// checkSequences holds every sequence to the list beside the database, which was made from the data by hand.
func (c comparison) checkSequences(t testing.TB) {
	t.Helper()
	folder, _ := dbtest.Data(t)
	content, err := os.ReadFile(filepath.Join(folder, "sequences-94.json"))
	if err != nil {
		t.Fatal(err)
	}
	var list struct {
		Sequences []struct {
			Sequence string `json:"sequence"`
			Next     int64  `json:"next"`
		} `json:"sequences"`
	}
	if err := json.Unmarshal(content, &list); err != nil {
		t.Fatal(err)
	}
	want, got := map[string]int64{}, map[string]int64{}
	for _, sequence := range list.Sequences {
		want[sequence.Sequence] = sequence.Next
		got[sequence.Sequence] = queryOne[int64](t, c.target,
			"SELECT last_value + is_called::integer FROM "+pgx.Identifier{sequence.Sequence}.Sanitize())
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("what the sequences hand out next (-want +got):\n%s", difference)
	}
	if count := queryOne[int](t, c.target, "SELECT count(*) FROM pg_sequences"); count != len(want) {
		t.Errorf("the target has %d sequences, the list %d", count, len(want))
	}
}

// judged lets the independent judge look at a port.
func judged(t testing.TB, source string, target *dbtest.Database, options ...string) {
	t.Helper()
	judge, found := dbtest.SameRows(t)
	if !found {
		return
	}
	output, err := exec.CommandContext(t.Context(), judge, append([]string{source, target.DSN}, options...)...).CombinedOutput()
	if err != nil || !strings.Contains(string(output), " 0 differ") {
		t.Errorf("%v\n%s", err, output)
	}
}

func TestRealDatabaseWithPendingUpdatesIsRefused(t *testing.T) {
	t.Parallel()
	target, found := realTarget(t, "94")
	if !found {
		return
	}
	source, _ := dbtest.CopyData(t, "homeserver-94-pending.sqlite")
	_, err := portInto(t, source, target, nil)
	var refused *port.RefusedError
	if !errors.As(err, &refused) || !refused.Has("source_pending_updates") || len(refused.Problems) != 1 {
		t.Fatalf("%v, want the refusal of pending updates alone", err)
	}
	for _, name := range []string{
		"fixup_max_depth_cap", "flag_existing_quarantined_media", "sliding_sync_connections_last_used_ts_idx",
	} {
		if !strings.Contains(err.Error(), name) {
			t.Errorf("%s is not named: %v", name, err)
		}
	}
}
