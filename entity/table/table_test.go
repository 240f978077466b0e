package table_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestThin(t *testing.T) {
	database := synapse.Database{Engine: engine.SQLite, SQLite: sqlite.Config{Database: filepath.Join(t.TempDir(), "x.db")}}
	now := time.Now().UTC().Truncate(time.Microsecond)
	want := []table.Row{{ID: "a", State: []byte(`1`), Attributes: []byte(`{"b":1}`), Locals: []byte(`{}`), Definition: 3, LastChanged: now, LastWritten: now}}
	for range 2 {
		opened, err := table.Open(t.Context(), database, table.Application{ID: "app", Name: "App"}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := opened.Write(t.Context(), []table.Change{{ID: "a", Row: &want[0]}}); err != nil {
			t.Fatal(err)
		}
		var got []table.Row
		if err := opened.Load(t.Context(), func(row table.Row) error { got = append(got, row); return nil }); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		if err := opened.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
