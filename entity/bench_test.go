package entity_test

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/significance"
)

const (
	benchPairs    = 5
	benchEntities = 20_000
	benchLoop     = 2_000
	benchSetters  = 64
	benchRestored = 100_000
)

// reading are attributes with which a row has about 200 bytes.
type reading struct {
	Battery  int     `json:"battery"`
	Signal   int     `json:"linkquality"`
	Voltage  float64 `json:"voltage"`
	Firmware string  `json:"firmware"`
	Model    string  `json:"model"`
	Room     string  `json:"room"`
}

func newReading(i int) reading {
	return reading{
		Battery: i % 100, Signal: i % 255, Voltage: 2.9 + float64(i%10)/100, Firmware: "1.4.7-3", Model: "TS0201 temperature sensor",
		Room: fmt.Sprintf("room %d", i%40),
	}
}

func readingDefinition(i int) entity.Definition[float64, reading] {
	return entity.Definition[float64, reading]{ID: fmt.Sprintf("sensor.temperature_%06d", i), State: 20.5, Attributes: newReading(i)}
}

func benchStore(b *testing.B, path string) *entity.Store {
	b.Helper()
	store, err := entity.Open(b.Context(), entity.Config{Application: application, URL: path, IgnoreEnvironment: true})
	if err != nil {
		b.Fatal(err)
	}
	return store
}

func benchDefine(b *testing.B, store *entity.Store, count int, durable bool) []*entity.Entity[float64, reading] {
	b.Helper()
	made := make([]*entity.Entity[float64, reading], 0, count)
	for i := range count {
		definition := readingDefinition(i)
		definition.Durable = durable
		one, err := entity.New(store, definition)
		if err != nil {
			b.Fatal(err)
		}
		made = append(made, one)
	}
	if err := store.Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
	return made
}

// loopRate is how many rows a second a loop writes, one row in each commit, by a prepared statement, on a file of the
// same settings and with the same rows.
func loopRate(b *testing.B) float64 {
	b.Helper()
	path := filepath.Join(b.TempDir(), "loop.db")
	benchClose(b, benchStore(b, path)) // it makes the tables
	db, err := sqlite.Open(b.Context(), sqlite.Config{Database: path, Durable: true, MaxConnections: 1}, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	const statement = `INSERT INTO entities (application, id, state, attributes, locals, definition, last_changed, last_written)
VALUES (?, ?, ?, ?, '{}', 0, ?, ?) ON CONFLICT (application, id) DO UPDATE SET state = excluded.state, attributes = excluded.attributes,
last_changed = excluded.last_changed, last_written = excluded.last_written`
	prepared, err := db.Prepare(statement)
	if err != nil {
		b.Fatal(err)
	}
	defer prepared.Close()
	return rate(benchLoop, func() { benchRows(b, prepared) })
}

func benchRows(b *testing.B, prepared *sql.Stmt) {
	b.Helper()
	for i := range benchLoop {
		row := fmt.Appendf(nil, `{"battery":%d,"linkquality":%d,"voltage":2.95,"firmware":"1.4.7-3","model":"TS0201 temperature sensor","room":"room 7"}`, i%100, i%255)
		now := time.Now().UnixMicro()
		if _, err := prepared.Exec(application, fmt.Sprintf("sensor.temperature_%06d", i), fmt.Sprint(float64(i)/10), row, now, now); err != nil {
			b.Fatal(err)
		}
	}
}

func rate(count int, work func()) float64 {
	begun := time.Now()
	work()
	return float64(count) / time.Since(begun).Seconds()
}

func benchClose(b *testing.B, store *entity.Store) {
	b.Helper()
	if err := store.Close(b.Context()); err != nil {
		b.Fatal(err)
	}
}

// groupedRate sets every entity once and waits until all are durable.
func groupedRate(b *testing.B) float64 {
	b.Helper()
	store := benchStore(b, filepath.Join(b.TempDir(), "grouped.db"))
	defer benchClose(b, store)
	made := benchDefine(b, store, benchEntities, false)
	return rate(benchEntities, func() {
		for i, one := range made {
			if err := one.Set(b.Context(), float64(i)/10); err != nil {
				b.Fatal(err)
			}
		}
		if err := store.Flush(b.Context()); err != nil {
			b.Fatal(err)
		}
	})
}

// durableRate has goroutines that each wait for their write before the next. With as many entities as goroutines each has one of its own; more
// lie on more pages of the file, of which each commit has to write almost one for each row.
func durableRate(b *testing.B, entities int) float64 {
	b.Helper()
	store := benchStore(b, filepath.Join(b.TempDir(), "durable.db"))
	defer benchClose(b, store)
	made := benchDefine(b, store, entities, true)
	return rate(benchEntities, func() { setDurably(b, made) })
}

func setDurably(b *testing.B, made []*entity.Entity[float64, reading]) {
	b.Helper()
	var work sync.WaitGroup
	for setter := range benchSetters {
		work.Go(func() {
			for i := setter; i < benchEntities; i += benchSetters {
				if err := made[i%len(made)].Set(context.Background(), float64(i)/10); err != nil {
					b.Error(err)
				}
			}
		})
	}
	work.Wait()
}

func median(of []float64) float64 {
	slices.Sort(of)
	return of[len(of)/2]
}

// BenchmarkAgainstLoop compares, in pairs, how many rows a second a store writes with a loop that commits each row: set by one
// goroutine without waiting, and durably by 64 goroutines.
func BenchmarkAgainstLoop(b *testing.B) {
	for b.Loop() {
		var grouped, own, spread []float64
		for range benchPairs {
			loop := loopRate(b)
			grouped, own, spread = append(grouped, groupedRate(b)/loop), append(own, durableRate(b, benchSetters)/loop), append(spread, durableRate(b, benchEntities)/loop)
			last := len(own) - 1
			b.Logf("loop %.0f rows/s; grouped %.1f times as many; durably from %d goroutines %.1f times with an entity each, %.1f times spread over %d",
				loop, grouped[last], benchSetters, own[last], spread[last], benchEntities)
		}
		b.ReportMetric(median(grouped), "grouped/loop")
		b.ReportMetric(median(own), "durable/loop")
		b.ReportMetric(median(spread), "durable-spread/loop")
	}
}

// BenchmarkRestore opens a store of 100,000 entities and defines them all, one after the other and by NewAll: state and attributes are
// decoded into their types.
func BenchmarkRestore(b *testing.B) {
	path := filepath.Join(b.TempDir(), "restore.db")
	store := benchStore(b, path)
	benchDefine(b, store, benchRestored, false)
	benchClose(b, store)
	for name, define := range map[string]func(*testing.B, *entity.Store){"New": benchNew, "NewAll": benchNewAll} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				restoreOnce(b, path, define)
			}
		})
	}
}

func restoreOnce(b *testing.B, path string, define func(*testing.B, *entity.Store)) {
	b.Helper()
	b.StopTimer()
	runtime.GC() // what the round before has left
	b.StartTimer()
	begun := time.Now()
	store := benchStore(b, path)
	opened := time.Since(begun)
	define(b, store)
	b.Logf("opened in %v, all defined after %v", opened, time.Since(begun))
	b.StopTimer()
	defer b.StartTimer()
	if written := store.Status().Queue.Put; written != 0 {
		b.Errorf("%d were written", written)
	}
	benchClose(b, store)
}

func benchNew(b *testing.B, store *entity.Store) {
	b.Helper()
	for i := range benchRestored {
		one, err := entity.New(store, readingDefinition(i))
		if err != nil || !one.Restored().Found || one.State() != 20.5 {
			b.Fatal(err)
		}
	}
}

func benchNewAll(b *testing.B, store *entity.Store) {
	b.Helper()
	definitions := make([]entity.Definition[float64, reading], benchRestored)
	for i := range definitions {
		definitions[i] = readingDefinition(i)
	}
	all, err := entity.NewAll(store, definitions)
	if err != nil {
		b.Fatal(err)
	}
	for _, one := range all {
		if !one.Restored().Found || one.State() != 20.5 {
			b.Fatal(one.ID())
		}
	}
}

// BenchmarkInsignificant reports what is no change. Nothing is written.
func BenchmarkInsignificant(b *testing.B) {
	store := benchStore(b, filepath.Join(b.TempDir(), "insignificant.db"))
	defer benchClose(b, store)
	definition := readingDefinition(0)
	definition.Significance.Rule = significance.Rule{Absolute: 0.5}
	made, err := entity.New(store, definition)
	if err != nil {
		b.Fatal(err)
	}
	put := store.Status().Queue.Put
	for i := 0; b.Loop(); i++ {
		if err := made.Set(b.Context(), 20.5+float64(i%10)/100); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(store.Status().Queue.Put-put), "writes")
}
