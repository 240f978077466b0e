package main

import (
	"context"
	"errors"
	"io"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// The release before goes on working while the next one upgrades, runs the updates, and is there.
func TestReleaseBeforeIsAtWorkMeanwhile(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, begin func() *story) {
		for i, newer := range releases()[1:] {
			older := releases()[i]
			s := begin()
			s.mustStart(t, releases()[:i+1]...)
			running := s.keepWorking(t, older)
			running.await(t)
			upgrading := s.open.session(t)
			if err := s.prepare(t.Context(), upgrading, newer); err != nil {
				t.Fatalf("%s beside %s: %v", newer.name, older.name, err)
			}
			running.await(t)
			if newer.version >= 12 {
				if err := s.runUpdates(t.Context(), allBatches); err != nil {
					t.Fatalf("%s beside %s: %v", newer.name, older.name, err)
				}
			}
			running.await(t)
			if err := running.end(); err != nil {
				t.Fatalf("%s cannot work beside %s: %v", older.name, newer.name, err)
			}
			s.values = running.values
			s.mustStart(t, newer)
			s.mustEnd(t)
		}
	})
}

// running is a release at work. Its values are to be read after its end.
type running struct {
	story

	rounds atomic.Int64
	stop   context.CancelFunc
	ended  chan error
}

func (s *story) keepWorking(t *testing.T, r release) *running {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	own := &running{story: story{out: io.Discard, open: s.open, values: maps.Clone(s.values)}, stop: stop, ended: make(chan error, 1)}
	session := s.open.session(t)
	go func() { own.ended <- own.loop(ctx, session, r) }()
	return own
}

// loop ends between two rounds, so that it knows what was committed.
func (r *running) loop(ctx context.Context, session engine.Session, at release) error {
	for ctx.Err() == nil {
		if err := errors.Join(r.work(context.WithoutCancel(ctx), session, at), engine.Wait(context.WithoutCancel(ctx), time.Millisecond)); err != nil {
			return err
		}
		r.rounds.Add(1)
	}
	return nil
}

// await waits until two more rounds are done, of which one has begun after the call.
func (r *running) await(t *testing.T) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for before := r.rounds.Load(); r.rounds.Load() < before+2; {
		select {
		case err := <-r.ended:
			r.ended <- err
			return // end tells why
		default:
		}
		if err := engine.Wait(ctx, time.Millisecond); err != nil {
			t.Fatal(err)
		}
	}
}

func (r *running) end() error {
	r.stop()
	return <-r.ended
}
