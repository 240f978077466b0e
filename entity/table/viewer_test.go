package table_test

import (
	"errors"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/schema"
)

// seen is what a Viewer gives of one row.
type seen struct {
	Application, ID, State, Problem string
}

func TestViewer(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		first, second := open(t, at.database, "1"), open(t, at.database, "2")
		gone := row("b", 2)
		gone.Removed = now
		write(t, first, changeTo(gone, row("a", 1))...)
		write(t, second, table.Change{ID: "a", Aside: &table.Damaged{Row: row("a", 3), Found: now, Problem: "bad"}, Row: new(row("a", 4))})
		viewer, err := table.OpenViewer(t.Context(), at.database, nil)
		if err != nil {
			t.Fatal(err)
		}
		defer viewer.Close()
		if viewer.Engine() != at.Engine || viewer.Name() != first.Name() {
			t.Errorf("%s on %s", viewer.Name(), viewer.Engine())
		}
		write(t, second, changeTo(row("c", 5))...)
		known, err := viewer.Applications(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for i := range known {
			if !strings.Contains(known[i].Holder, "process "+strconv.Itoa(os.Getpid())) || time.Since(known[i].Started) > time.Hour {
				t.Error(known[i])
			}
			known[i].Holder, known[i].Started = "", time.Time{}
		}
		if difference := cmp.Diff([]table.Known{
			{Application: table.Application{ID: "1", Name: "Test"}, Epoch: 1, Entities: 2, Removed: 1},
			{Application: table.Application{ID: "2", Name: "Test"}, Epoch: 1, Entities: 2, Damaged: 1},
		}, known); difference != "" {
			t.Error(difference)
		}
		all := []seen{{"1", "a", "1", ""}, {"1", "b", "2", ""}, {"2", "a", "4", ""}, {"2", "c", "5", ""}, {"2", "a", "3", "bad"}}
		if difference := cmp.Diff(all, view(t, viewer, "")); difference != "" {
			t.Error(difference)
		}
		if difference := cmp.Diff(all[2:], view(t, viewer, "2")); difference != "" {
			t.Error(difference)
		}
	})
}

func view(t *testing.T, viewer *table.Viewer, application string) (all []seen) {
	t.Helper()
	err := errors.Join(
		viewer.Entities(t.Context(), application, func(of string, row table.Row) error {
			all = append(all, seen{Application: of, ID: row.ID, State: string(row.State)})
			return nil
		}),
		viewer.Damaged(t.Context(), application, func(of string, damaged table.Damaged) error {
			all = append(all, seen{Application: of, ID: damaged.ID, State: string(damaged.State), Problem: damaged.Problem})
			return nil
		}))
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// A Viewer makes no tables, and no file.
func TestViewerOfNothing(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		if _, err := table.OpenViewer(t.Context(), at.database, nil); err == nil {
			t.Error("a database without tables was opened")
		} else if _, isBehind := errors.AsType[*schema.BehindError](err); !isBehind && at.Path == "" {
			t.Error(err)
		}
		if at.Path == "" {
			return
		}
		if _, err := os.Stat(at.Path); !errors.Is(err, os.ErrNotExist) {
			t.Error("the file was made", err)
		}
	})
}
