package table_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// Neither another application's rows nor what was found at another time go with them.
func TestDamagedRowsAreDeletedOneByOne(t *testing.T) {
	t.Parallel()
	for _, kind := range anyengine.Engines() {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			found := time.Date(2026, 11, 21, 20, 30, 0, 123_456_000, time.UTC)
			row := table.Row{ID: "lamp", State: []byte(`{`), Attributes: []byte(`{}`), Locals: []byte(`{}`), LastChanged: found, LastWritten: found}
			first := table.Damaged{Row: row, Found: found, Problem: "first"}
			second := table.Damaged{Row: row, Found: found.Add(time.Microsecond), Problem: "second"}
			at := newPlace(t, kind)
			opened, other := open(t, at.database, "one"), open(t, at.database, "other")
			for _, filled := range []*table.Table{opened, other} {
				if err := filled.Write(t.Context(), []table.Change{{ID: "lamp", Aside: &first}, {ID: "lamp", Aside: &second}}); err != nil {
					t.Fatal(err)
				}
			}
			if err := opened.DeleteDamaged(t.Context(), []table.Damaged{first, {Row: table.Row{ID: "none"}, Found: found}}); err != nil {
				t.Fatal(err)
			}
			for filled, want := range map[*table.Table][]table.Damaged{opened: {second}, other: {first, second}} {
				got, err := filled.Damaged(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("damaged rows (-want +got):\n%s", diff)
				}
			}
		})
	}
}
