package back_test

import (
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/back"
)

// sequencesSQL is where AUTOINCREMENT goes on, in the tables that still are there.
const sequencesSQL = `SELECT name, seq FROM sqlite_sequence WHERE name IN (SELECT name FROM sqlite_schema) ORDER BY name`

// From SQLite to PostgreSQL and back, all rows and the whole catalog are as they were.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	original, database := demoSource(t)
	made, report, err := moveBack(t, database, ours(t), func(options *back.Options) { options.ServerName = demo.DefaultServerName })
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, original, made, report)
	if diff := cmp.Diff(catalogOf(t, original), catalogOf(t, made)); diff != "" {
		t.Errorf("the catalog (-original +made):\n%s", diff)
	}
	if mode := modeOf(t, made); mode != 0o600 {
		t.Errorf("its mode is %v", mode)
	}
	mustOpen(t, made, ours(t))
}

func TestRealDatabaseThereAndBack(t *testing.T) {
	t.Parallel()
	original, found := dbtest.CopyData(t, "homeserver-94.sqlite")
	if !found {
		return
	}
	database, _ := dbtest.NewRestoredDatabase(t, "94")
	set := setOfFile(t, original, 94)
	portInto(t, original, database, nil)
	made, report, err := moveBack(t, database, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, original, made, report)
	if diff := cmp.Diff(slices.DeleteFunc(catalogOf(t, original), isBookkeeping), slices.DeleteFunc(catalogOf(t, made), isBookkeeping)); diff != "" {
		t.Errorf("the catalog (-original +made):\n%s", diff)
	}
	if judge, found := dbtest.SameRows(t); found { // an independent comparison, of the file that was made with the server
		output, err := exec.CommandContext(t.Context(), judge, made, database.DSN).CombinedOutput()
		if err != nil || !strings.Contains(string(output), " 0 differ") {
			t.Errorf("%v\n%s", err, output)
		}
	}
}

// checkSame compares the rows of both files, and what the report says of them.
func checkSame(t testing.TB, original, made string, report *back.Report) {
	t.Helper()
	sameJSON(t, original, made)
	tables, rows := sameRows(t, original, made)
	if report.Result != back.ResultOK || strconv.FormatInt(report.Rows, 10) != rows || len(report.Tables) != tables || len(report.Warnings) > 0 {
		t.Errorf("%s rows of %d tables, and the report is %+v", rows, tables, report)
	}
	if diff := cmp.Diff(shell(t, original, sequencesSQL), shell(t, made, sequencesSQL)); diff != "" || len(report.Sequences) != 4 {
		t.Errorf("sequences (-original +made):\n%s", diff)
	}
	if got := shell(t, made, "PRAGMA integrity_check; PRAGMA foreign_key_check"); got != "ok" {
		t.Error(got)
	}
	if got := shell(t, made, "SELECT group_concat(update_name) FROM (SELECT update_name FROM background_updates ORDER BY rowid); SELECT count(*), count(stream_id) FROM user_directory_stream_pos"); got != strings.Join(report.Enqueued, ",")+"\n1|0" {
		t.Error(got)
	}
	if len(report.Enqueued) != 5 {
		t.Errorf("enqueued: %q", report.Enqueued)
	}
}
