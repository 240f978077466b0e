package back_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// From SQLite to PostgreSQL and back, all rows and the whole catalog are as they were.
func TestThereAndBack(t *testing.T) {
	t.Parallel()
	original, database := demoSource(t)
	made, report, err := moveBack(t, database, ours(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, original, made)
	tables, rows := sameRows(t, original, made)
	t.Log(tables, rows, report.Rows, report.Left, report.Enqueued, report.Sequences, report.Steps)
	if diff := cmp.Diff(catalogOf(t, original), catalogOf(t, made)); diff != "" {
		t.Errorf("the catalog (-original +made):\n%s", diff)
	}
}

func TestRealDatabaseThereAndBack(t *testing.T) {
	t.Parallel()
	original, found := dbtest.CopyData(t, "homeserver-94.sqlite")
	database := dbtest.NewDatabase(t)
	if !found || !dbtest.RestorePrepared(t, database, "94") {
		return
	}
	set := setOfFile(t, original, 94)
	portInto(t, original, database, nil)
	made, report, err := moveBack(t, database, set, nil)
	if err != nil {
		t.Fatal(err)
	}
	sameJSON(t, original, made)
	tables, rows := sameRows(t, original, made)
	t.Log(tables, rows, report.Rows, report.Left, report.Enqueued, report.Sequences, report.Steps)
	if diff := cmp.Diff(slices.DeleteFunc(catalogOf(t, original), isBookkeeping), slices.DeleteFunc(catalogOf(t, made), isBookkeeping)); diff != "" {
		t.Errorf("the catalog (-original +made):\n%s", diff)
	}
}
