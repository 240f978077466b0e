package queue_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/synapsedb/synapse/entity/queue"
)

func TestStatus(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{})
		at := func(since time.Duration) time.Time { return d.started.Add(since) }
		check := func(what string, want queue.Status, line string) {
			t.Helper()
			got := q.Status()
			if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
			if got.String() != line {
				t.Errorf("%s: %s", what, got)
			}
		}
		check("new", queue.Status{}, "everything is written")

		put(q, "a=1")
		time.Sleep(20 * time.Millisecond)
		put(q, "b=1")
		put(q, "a=2")
		check("pending", queue.Status{Pending: 2, Oldest: at(0), Put: 3}, "the last values of 2 keys are to be written, the first since 2000-01-01 00:00:00.000Z")

		time.Sleep(35 * time.Millisecond)
		put(q, "a=3")
		check("writing", queue.Status{Pending: 2, Oldest: at(0), Put: 4}, "the last values of 2 keys are to be written, the first since 2000-01-01 00:00:00.000Z")

		time.Sleep(6 * time.Millisecond)
		check("written, and dirty again", queue.Status{Pending: 1, Oldest: at(55 * time.Millisecond), Put: 4, Written: 2, Groups: 1, LastWrite: at(60 * time.Millisecond)},
			"the last value of 1 key is to be written, the first since 2000-01-01 00:00:00.055Z")

		d.set(refusing("bad"))
		q.Flush(t.Context())
		q.Wait(t.Context(), put(q, "b=bad"))
		q.Wait(t.Context(), put(q, "c=bad"))
		written := at(71 * time.Millisecond)
		before, refused := at(81*time.Millisecond), at(91*time.Millisecond)
		check("refused", queue.Status{
			Put: 6, Written: 3, Groups: 2, LastWrite: written, RejectedKeys: 2,
			Rejected: []queue.Rejection{{Key: "c", Time: refused, Err: errTooLong}, {Key: "b", Time: before, Err: errTooLong}},
		}, `everything is written; the database refuses the last values of 2 keys, of "c" since 2000-01-01 00:00:00.091Z: c: too long`)

		d.set(func([]item) error { return errAway })
		last := put(q, "c=1")
		wait := result(func() error { return q.Wait(t.Context(), last) })
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
		failing := q.Status()
		if failing.Attempts != 1 || !failing.FailingSince.Equal(at(101*time.Millisecond)) || !failing.LastFailure.Equal(failing.FailingSince) || failing.Waiting != 1 ||
			failing.NextAttempt.Before(at(151*time.Millisecond)) || !errors.Is(failing.LastError, errAway) {
			t.Errorf("failing: %+v", failing)
		}
		d.set(nil)
		if err := <-wait; err != nil {
			t.Error(err)
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		check("closed", queue.Status{
			Put: 7, Written: 4, Groups: 3, LastWrite: failing.NextAttempt.Add(10 * time.Millisecond), LastError: errAway, LastFailure: failing.LastFailure, Closed: true,
			RejectedKeys: 1, Rejected: []queue.Rejection{{Key: "b", Time: before, Err: errTooLong}},
		}, `everything is written; the database refuses the last value of 1 key, of "b" since 2000-01-01 00:00:00.081Z: b: too long`)
	})
}

func TestStatusInWordsTellsOfTrouble(t *testing.T) {
	t.Parallel()
	noon := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	for want, status := range map[string]queue.Status{
		"the last values of 7 keys are not written, the first since 2026-11-21 12:00:00.000Z; 3 writes in a row have failed since 2026-11-21 12:00:01.000Z, " +
			"the next one is at 2026-11-21 12:00:02.000Z: connection refused": {
			Pending: 7, Oldest: noon, Attempts: 3, FailingSince: noon.Add(time.Second), NextAttempt: noon.Add(2 * time.Second), LastError: errAway,
		},
		"the last values of 7 keys are not written, the first since 2026-11-21 12:00:00.000Z; 3 writes in a row have failed since 2026-11-21 12:00:01.000Z, " +
			"no more are tried: connection refused": {
			Pending: 7, Oldest: noon, Attempts: 3, FailingSince: noon.Add(time.Second), LastError: errAway,
		},
		"nothing is written any more, and the last values of 7 keys are in memory alone: another process has taken over": {
			Pending: 7, Oldest: noon, Attempts: 1, FailingSince: noon, LastError: errTaken, Fatal: errTaken,
		},
	} {
		if got := status.String(); got != want {
			t.Errorf("%s\nwant %s", got, want)
		}
	}
}
