package table_test

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// benchmarked is how many entities the benchmarks have; each row has about 200 bytes.
const benchmarked = 20_000

var (
	benchmarkState      = []byte(`{"value":` + strings.Repeat("7", 60) + `}`)
	benchmarkAttributes = []byte(`{"unit":"` + strings.Repeat("x", 90) + `"}`)
)

func benchmarkChange(i int) table.Change {
	now := time.Now()
	return table.Change{ID: fmt.Sprintf("sensor.%06d", i), Row: &table.Row{
		State: benchmarkState, Attributes: benchmarkAttributes, Definition: 1, LastChanged: now, LastWritten: now,
	}}
}

// BenchmarkLoop writes a row for each commit, as a program does without this package: one statement, prepared once, on a connection with the
// same settings.
func BenchmarkLoop(b *testing.B) {
	path := filepath.Join(b.TempDir(), "loop.db")
	open(b, sqliteAt(path), "app") // makes the tables
	db, err := sqlite.Open(b.Context(), sqlite.Config{Database: path, Durable: true, MaxConnections: 1}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const upsert = `INSERT INTO entities (application, id, state, attributes, locals, definition, last_changed, last_written)
VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (application, id) DO UPDATE SET state = excluded.state, attributes = excluded.attributes,
locals = excluded.locals, definition = excluded.definition, last_changed = excluded.last_changed, last_written = excluded.last_written`
	statement, err := db.PrepareContext(b.Context(), upsert)
	if err != nil {
		b.Fatal(err)
	}
	defer statement.Close()
	for i := 0; b.Loop(); i++ {
		change := benchmarkChange(i % benchmarked)
		moment := change.Row.LastChanged.UnixMicro()
		_, err := statement.ExecContext(context.Background(), "app", change.ID, string(change.Row.State), string(change.Row.Attributes), "{}", 1, moment, moment)
		if err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWrite writes groups of entities.
func BenchmarkWrite(b *testing.B) {
	for _, kind := range anyengine.Engines() {
		b.Run(string(kind), func(b *testing.B) { benchmarkGroups(b, kind) })
	}
}

func benchmarkGroups(b *testing.B, kind engine.Kind) {
	for _, size := range []int{1, 64, 256, 1000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			opened := open(b, newPlace(b, kind).database, "app")
			changes := make([]table.Change, size)
			written := 0
			for b.Loop() {
				for i := range changes {
					changes[i] = benchmarkChange(written % benchmarked)
					written++
				}
				if err := opened.Write(b.Context(), changes); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(written), "ns/row")
		})
	}
}

// BenchmarkLoad reads 100,000 entities.
func BenchmarkLoad(b *testing.B) {
	opened := open(b, sqliteAt(filepath.Join(b.TempDir(), "load.db")), "app")
	const count = 100_000
	changes := make([]table.Change, count)
	for i := range changes {
		changes[i] = benchmarkChange(i)
	}
	if err := opened.Write(b.Context(), changes); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		rows := make(map[string]table.Row, count)
		err := opened.Load(b.Context(), func(row table.Row) error {
			rows[row.ID] = row
			return nil
		})
		if err != nil || len(rows) != count {
			b.Fatal(len(rows), err)
		}
	}
}
