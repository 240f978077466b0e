package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/queue"
)

func TestCloseWritesEverythingAtOnce(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{MaxItems: 2})
		put(q, "a=1")
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		compare(t, d.tried(), []string{"0s a=1"})
		if err := q.Close(t.Context()); err != nil {
			t.Errorf("again: %v", err)
		}
	})
}

func TestCloseOutlivesFailures(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		pauses(t, q, d, 12)
		put(q, "a=2")
		d.set(until(1400*time.Millisecond, errAway))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := q.Close(ctx); err != nil || d.row("a") != "2" {
			t.Errorf("error %v, a=%q", err, d.row("a"))
		}
	})
}

func TestCloseSeesADatabaseThatIsBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		pauses(t, q, d, 12)
		d.set(nil)
		started := time.Now()
		if err := q.Close(t.Context()); err != nil || time.Since(started) > 50*time.Millisecond {
			t.Errorf("error %v after %s", err, time.Since(started))
		}
	})
}

func TestCloseGivesUpWhenItsContextEnds(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond, answer: func([]item) error { return errAway }}
		q := opened(t, d, queue.Config[item]{MaxItems: 2})
		var tickets []queue.Ticket
		for i := range 7 {
			tickets = append(tickets, put(q, fmt.Sprintf("k%d=1", i)))
		}
		waits := []<-chan error{
			result(func() error { return q.Wait(t.Context(), tickets[0]) }),
			result(func() error { return q.Flush(t.Context()) }),
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		err := q.Close(ctx)
		if took := time.Since(started); took != time.Second {
			t.Errorf("it took %s", took)
		}
		var unwritten *queue.UnwrittenError
		if !errors.As(err, &unwritten) || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, errAway) || unwritten.Writing {
			t.Fatalf("Close: %v", err)
		}
		if diff := cmp.Diff(strings.Fields("k0 k1 k2 k3 k4 k5 k6"), unwritten.Keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		want := `the last values of 7 keys are not written ("k0", "k1", "k2", "k3", "k4", 2 more): context deadline exceeded; the last write: connection refused`
		if err.Error() != want {
			t.Errorf("message: %s", err)
		}
		waits = append(waits, result(func() error { return q.Wait(t.Context(), tickets[6]) }))
		for _, wait := range waits {
			var closed *queue.ClosedError
			if err := <-wait; !errors.As(err, &closed) || !errors.Is(err, errAway) {
				t.Errorf("who waits is told %v", err)
			}
		}
		if again := q.Close(t.Context()); again == nil || again.Error() != err.Error() {
			t.Errorf("again: %v", again)
		}
	})
}

func TestCloseCancelsAWrite(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: time.Hour}
		q := opened(t, d, queue.Config[item]{WriteTimeout: 2 * time.Hour})
		put(q, "a=1")
		time.Sleep(time.Second)
		put(q, "a=2")
		put(q, "b=1")
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Second, enough)
		defer cancel()
		err := q.Close(ctx)
		var unwritten *queue.UnwrittenError
		if !errors.As(err, &unwritten) || !errors.Is(err, enough) || time.Since(d.started) != 2*time.Second {
			t.Fatalf("Close: %v after %s", err, time.Since(d.started))
		}
		if diff := cmp.Diff([]string{"a", "b"}, unwritten.Keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		compare(t, d.tried(), []string{"50ms a=1: enough"})
		if err.Error() != `the last values of 2 keys are not written ("a", "b"): enough` {
			t.Errorf("message: %s", err)
		}
	})
}

func TestCloseLeavesAWriteThatDoesNotEnd(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		release := make(chan struct{})
		q := queue.New(queue.Config[item]{Write: func(context.Context, []item) error {
			<-release
			return nil
		}})
		ticket := put(q, "a=1")
		time.Sleep(time.Second)
		put(q, "b=1")
		put(q, "a=2")
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		started := time.Now()
		var unwritten *queue.UnwrittenError
		if err := q.Close(ctx); !errors.As(err, &unwritten) || !unwritten.Writing || time.Since(started) != 2*time.Second {
			t.Fatalf("Close: %v after %s", err, time.Since(started))
		}
		if diff := cmp.Diff([]string{"a", "b"}, unwritten.Keys); diff != "" {
			t.Errorf("keys (-want +got):\n%s", diff)
		}
		close(release)
		if err := q.Wait(t.Context(), ticket); err != nil {
			t.Errorf("of the write that did end: %v", err)
		}
		if err := q.Close(t.Context()); !errors.As(err, &unwritten) || unwritten.Writing {
			t.Errorf("Close again: %v", err)
		}
	})
}

func TestCloseWithoutTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		nothing := opened(t, &database{}, queue.Config[item]{})
		if err := nothing.Close(ended); err != nil {
			t.Errorf("with nothing to write: %v", err)
		}
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		put(q, "a=1")
		time.Sleep(10 * time.Millisecond) // the writer waits by now
		var unwritten *queue.UnwrittenError
		if err := q.Close(ended); err != nil && !errors.As(err, &unwritten) || (err == nil) != (d.row("a") == "1") {
			t.Errorf("Close: %v, and a=%q", err, d.row("a"))
		}
	})
}

func TestPutAfterCloseIsRefused(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		before := put(q, "a=1")
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		var closed *queue.ClosedError
		if err := q.Wait(t.Context(), put(q, "a=2")); !errors.As(err, &closed) {
			t.Errorf("Wait: %v", err)
		}
		if err := q.Wait(t.Context(), before); err != nil {
			t.Errorf("of a value put before: %v", err)
		}
		if err := q.Flush(t.Context()); err != nil {
			t.Errorf("Flush: %v", err)
		}
		compare(t, d.tried(), []string{"0s a=1"})
	})
}

func TestCloseSucceedsWhenValuesWereSetAside(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		q := opened(t, &database{answer: refusing("bad")}, queue.Config[item]{})
		put(q, "a=bad")
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
	})
}
