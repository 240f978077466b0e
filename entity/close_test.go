package entity_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/queue"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// ends fails the test when work hangs.
func ends(t *testing.T, work func() error) error {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- work() }()
	dbtest.Await(t, func() bool { return len(done) > 0 })
	return <-done
}

func TestSubscriberMayCloseTheStoreWhileOthersFlush(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	store := at.open(t)
	definition := temperature("hall.temperature")
	definition.Significance.MinInterval = time.Hour
	made := define(t, store, definition)
	made.OnChange(func(entity.Change[float64, climate]) {
		if err := store.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
	must(t, made.Set(t.Context(), 21))
	must(t, ends(t, func() error { return store.Flush(t.Context()) }))
	if row := at.rows(t)["hall.temperature"]; string(row.State) != "21" {
		t.Errorf("stored %s", row.State)
	}
}

// A second Close must not say that all is written when the first one could not write it.
func TestClosingAgainTellsTheSame(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	store, err := entity.Open(t.Context(), at.config())
	must(t, err)
	made := define(t, store, temperature("hall.temperature"))
	flush(t, store)
	at.database.With(t, func(session engine.Session) error {
		return session.Transact(t.Context(), engine.TxOptions{}, func(engine.Tx) error {
			must(t, made.Set(t.Context(), 21))
			ended, cancel := context.WithCancel(t.Context())
			cancel()
			for _, ctx := range []context.Context{ended, t.Context()} {
				unwritten, is := errors.AsType[*queue.UnwrittenError](store.Close(ctx))
				if !is || len(unwritten.Keys) != 1 || unwritten.Keys[0] != "hall.temperature" {
					t.Errorf("got %v", unwritten)
				}
			}
			return nil
		})
	})
}

// stuck is a log that takes one line no sooner than it is told to.
type stuck struct {
	slog.Handler

	line    string
	reached chan struct{}
	release chan struct{}
}

// Enabled is so that Handle is called.
func (s *stuck) Enabled(context.Context, slog.Level) bool { return true }

// Handle waits.
func (s *stuck) Handle(ctx context.Context, record slog.Record) error {
	if strings.Contains(record.Message, s.line) {
		close(s.reached)
		<-s.release
	}
	return s.Handler.Handle(ctx, record)
}

func TestCloseEndsWithItsContextWhenAWriteDoesNotEnd(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.Postgres)
	away := newOutage(t, at)
	log := &stuck{
		Handler: slog.DiscardHandler, line: "the connection to the entities was lost",
		reached: make(chan struct{}), release: make(chan struct{}),
	}
	store, err := entity.Open(t.Context(), at.config(func(config *entity.Config) { config.Log = slog.New(log) }))
	must(t, err)
	made := define(t, store, temperature("hall.temperature"))
	flush(t, store)
	away.begin(t)
	must(t, made.Set(t.Context(), 21))
	<-log.reached
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err = ends(t, func() error { return store.Close(ended) })
	if unwritten, is := errors.AsType[*queue.UnwrittenError](err); !is || !unwritten.Writing {
		t.Errorf("got %v", err)
	}
	close(log.release)
}
