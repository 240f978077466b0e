package entity

import (
	"testing"
	"time"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// inMemory is a store with one entity, whose row is written.
func inMemory(t *testing.T, interval time.Duration) (*Store, *Entity[int, struct{}]) {
	t.Helper()
	store, err := Open(t.Context(), Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	definition := Definition[int, struct{}]{ID: "lamp"}
	definition.Significance.MinInterval = interval
	made, err := New(store, definition)
	if err == nil {
		err = store.Flush(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return store, made
}

// awaitPut waits until something more is in the queue, while nobody else gets at what the store has.
func awaitPut(t *testing.T, store *Store, work func() error) {
	t.Helper()
	before, done := store.queue.Status().Put, make(chan error, 1)
	func() {
		store.mu.Lock()
		defer store.mu.Unlock()
		go func() { done <- work() }()
		dbtest.Await(t, func() bool { return store.queue.Status().Put > before })
	}()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if err := store.Close(t.Context()); err != nil {
		t.Error(err)
	}
}

// Otherwise the row of another entity of that id could be queued first, and be deleted.
func TestDeletionIsQueuedBeforeTheIDIsFree(t *testing.T) {
	t.Parallel()
	store, made := inMemory(t, 0)
	awaitPut(t, store, func() error { return made.Delete(t.Context()) })
}

// Otherwise Flush could find neither a report that waits nor one that is queued.
func TestReportIsQueuedBeforeItIsNotHeldAnyMore(t *testing.T) {
	t.Parallel()
	store, made := inMemory(t, time.Hour)
	if err := made.Set(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	awaitPut(t, store, func() error { made.record.intervalOver(); return nil })
}
