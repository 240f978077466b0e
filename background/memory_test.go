package background_test

import (
	"context"
	"testing"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// A database in memory has one connection, which the updater gives back after each batch.
func TestUpdaterSharesTheConnectionOfADatabaseInMemory(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Config{Database: ":memory:"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, statement := range []string{
		updatesTable, "CREATE TABLE numbers (id INTEGER PRIMARY KEY, n INTEGER NOT NULL)", "INSERT INTO numbers (n) VALUES (0), (0), (0)",
		"INSERT INTO background_updates (update_name, progress_json) VALUES ('fill', '{}')",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	registry := background.NewRegistry()
	registry.Register("fill", fill)
	batches := 0
	updater := newUpdater(t, address{}, registry, func(config *background.Config) {
		config.Open = func(ctx context.Context) (engine.Session, error) { return db.Session(ctx) }
		config.Brief, config.Pacing = true, background.Pacing{DefaultBatchSize: 1, MaxBatchSize: 1}
		clock := newClock()
		clock.onSleep = func(time.Duration) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			if err := db.PingContext(ctx); err != nil {
				t.Errorf("the connection is not free during a pause: %v", err)
			}
		}
		config.Clock = clock
		config.OnBatch = func(background.Report) { batches++ }
	})
	if err := updater.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	var sum int
	if err := db.QueryRowContext(t.Context(), "SELECT sum(n) FROM numbers").Scan(&sum); err != nil || sum != 3 || batches != 4 {
		t.Errorf("sum %d, %d batches, %v", sum, batches, err)
	}
}
