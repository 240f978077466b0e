package queue_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/queue"
)

func TestFailedValuesComeBackAtTheirPlaceUnlessNewerOnesArePending(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		d.set(until(60*time.Millisecond, errAway))
		q := opened(t, d, queue.Config[item]{MaxItems: 3})
		for _, text := range []string{"a=1", "b=1", "c=1", "d=1"} {
			put(q, text)
		}
		synctest.Wait()
		put(q, "e=1")
		put(q, "c=2")
		put(q, "a=2")
		put(q, "d=2")
		time.Sleep(time.Second)
		got := d.tried()
		for i, write := range got {
			got[i] = write[strings.Index(write, " ")+1:]
		}
		compare(t, got, []string{"a=1 b=1 c=1: connection refused", "a=2 b=1 c=2", "d=2 e=1"})
	})
}

// pauses puts a value and gives the times between failed writes.
func pauses(t *testing.T, q *queue.Queue[item], d *database, attempts int) []time.Duration {
	t.Helper()
	var between []time.Duration
	var before time.Time
	d.set(func([]item) error {
		if !before.IsZero() {
			between = append(between, time.Since(before))
		}
		before = time.Now()
		return errAway
	})
	put(q, "a=1")
	for q.Status().Attempts < attempts {
		time.Sleep(10 * time.Millisecond)
	}
	return between
}

func TestPausesDoubleAndArePartChance(t *testing.T) {
	seen := make(chan string, 2)
	t.Run("group", func(t *testing.T) {
		for range 2 {
			t.Run("programs", func(t *testing.T) {
				inBubble(t, func(t *testing.T) {
					d := &database{}
					q := opened(t, d, queue.Config[item]{FirstBackOff: 10 * time.Millisecond, LongestBackOff: time.Second})
					got := pauses(t, q, d, 12)
					for i, pause := range got {
						if limit := min(10*time.Millisecond<<(i+1), time.Second); pause < limit/2 || pause > limit {
							t.Errorf("pause %d is %s, not between %s and %s", i+1, pause, limit/2, limit)
						}
					}
					seen <- fmt.Sprint(got)
				})
			})
		}
	})
	if one, other := <-seen, <-seen; one == other {
		t.Errorf("two queues paused alike: %s", one)
	}
}

func TestOneWhoBeginsToWaitSeesADatabaseThatIsBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		pauses(t, q, d, 12)
		d.set(nil)
		started := time.Now()
		if q.Status().NextAttempt.Sub(started) < time.Second {
			t.Fatal("the next attempt is near anyway")
		}
		if err := q.Flush(t.Context()); err != nil || time.Since(started) > 50*time.Millisecond {
			t.Errorf("error %v after %s", err, time.Since(started))
		}
	})
}

func TestOneWhoWaitsSeesADatabaseThatComesBack(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		pauses(t, q, d, 12)
		d.set(until(1400*time.Millisecond, errAway))
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		if err := q.Flush(ctx); err != nil {
			t.Error(err)
		}
	})
}

func TestManyWhoWaitMakeNoBusyLoop(t *testing.T) {
	for name, test := range map[string]struct {
		patience time.Duration // of each waiter
		overlap  int           // waiters at a time
		most     int           // attempts in ten seconds
	}{
		"one at a time, impatient": {time.Millisecond, 1, 201},
		"somebody always waits":    {time.Second, 64, 41},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := &database{}
				q := opened(t, d, queue.Config[item]{})
				pauses(t, q, d, 12)
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				before := len(d.tried())
				var waiters []<-chan error
				for i := range test.overlap {
					waiters = append(waiters, result(func() error {
						time.Sleep(time.Duration(i) * time.Millisecond)
						for ctx.Err() == nil {
							one, cancel := context.WithTimeout(ctx, test.patience)
							q.Wait(one, put(q, fmt.Sprintf("k%d=1", i)))
							cancel()
						}
						return nil
					}))
				}
				for _, waiter := range waiters {
					<-waiter
				}
				if attempts := len(d.tried()) - before; attempts > test.most || attempts < 10 {
					t.Errorf("%d attempts", attempts)
				}
			})
		})
	}
}

func TestWriteIsGivenItsTimeAndThenFewerValues(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var sizes []int
		q := queue.New(queue.Config[item]{WriteTimeout: time.Second, MaxItems: 8, Write: func(ctx context.Context, group []item) error {
			sizes = append(sizes, len(group))
			select {
			case <-time.After(time.Duration(len(group)) * 300 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}})
		started := time.Now()
		for i := range 15 {
			put(q, fmt.Sprintf("k%d=1", i))
		}
		if err := q.Close(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]int{8, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 4, 2, 3}, sizes); diff != "" {
			t.Errorf("sizes (-want +got):\n%s", diff)
		}
		if took := time.Since(started); took > 15*time.Second {
			t.Errorf("it took %s", took)
		}
	})
}

func TestRefusedValuesAreSetAsideAndAllOthersWritten(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{answer: refusing("bad", "worse")}
		q := opened(t, d, queue.Config[item]{})
		var tickets []queue.Ticket
		for text := range strings.FieldsSeq("a=1 b=bad c=1 d=1 e=1 f=worse g=1 h=1") {
			tickets = append(tickets, put(q, text))
		}
		var refused []string
		for _, ticket := range tickets {
			var rejected *queue.RejectedError
			if err := q.Wait(t.Context(), ticket); errors.As(err, &rejected) && errors.Is(err, errTooLong) {
				refused = append(refused, rejected.Key)
			} else if err != nil {
				t.Error(err)
			}
		}
		compare(t, refused, []string{"b", "f"})
		compare(t, d.tried(), []string{
			"0s a=1 b=bad c=1 d=1 e=1 f=worse g=1 h=1: b: too long",
			"0s a=1 b=bad c=1 d=1: b: too long", "0s a=1 b=bad: b: too long", "0s a=1", "0s b=bad: b: too long", "0s c=1 d=1",
			"0s e=1 f=worse g=1 h=1: f: too long", "0s e=1 f=worse: f: too long", "0s e=1", "0s f=worse: f: too long", "0s g=1 h=1",
		})
		status := q.Status()
		if status.RejectedKeys != 2 || len(status.Rejected) != 2 || status.Pending != 0 || status.Attempts != 0 || status.Written != 6 {
			t.Errorf("status: %+v", status)
		}
	})
}

func TestRefusalIsTrueUntilANewerValueIsDurable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{answer: refusing("bad", "worse")}
		q := opened(t, d, queue.Config[item]{})
		check := func(what string, ticket queue.Ticket, want bool) {
			t.Helper()
			var rejected *queue.RejectedError
			err := q.Wait(t.Context(), ticket)
			if errors.As(err, &rejected) != want || !want && err != nil {
				t.Errorf("%s: %v", what, err)
			}
		}
		good := put(q, "a=0")
		check("the first value", good, false)
		merged, bad := put(q, "a=1"), put(q, "a=bad")
		check("a value that was never written, since a bad one followed", merged, true)
		check("the bad one", bad, true)
		check("the one that had been written before", good, false)
		worse := put(q, "a=worse")
		check("the bad one, while another is pending", bad, true)
		check("the second bad one", worse, true)
		check("the first bad one, after the second one", bad, true)
		var rejected *queue.RejectedError
		if err := q.Flush(t.Context()); !errors.As(err, &rejected) || rejected.Key != "a" || rejected.Others != 0 {
			t.Errorf("Flush: %v", err)
		}
		last := put(q, "a=2")
		check("a good one after them", last, false)
		for _, ticket := range []queue.Ticket{merged, bad, worse} {
			check("what a newer value stands for", ticket, false)
		}
		if err := q.Flush(t.Context()); err != nil || q.Status().RejectedKeys != 0 {
			t.Errorf("in the end: %v, %d keys are rejected", err, q.Status().RejectedKeys)
		}
	})
}

func TestFlushNamesTheFirstRefusalAndCountsTheOthers(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{answer: refusing("bad")}
		q := opened(t, d, queue.Config[item]{})
		for i := range 150 {
			put(q, fmt.Sprintf("k%03d=bad", i))
		}
		put(q, "good=1")
		var rejected *queue.RejectedError
		if err := q.Flush(t.Context()); !errors.As(err, &rejected) || rejected.Key != "k000" || rejected.Others != 149 || d.row("good") != "1" {
			t.Errorf("error %v, good=%q", err, d.row("good"))
		}
		if status := q.Status(); status.RejectedKeys != 150 || len(status.Rejected) != 100 {
			t.Errorf("%d are rejected, %d of them listed", status.RejectedKeys, len(status.Rejected))
		}
	})
}

func TestRefusalIsOfAllThatWasMergedIntoTheValue(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond, answer: until(61*time.Millisecond, errAway)}
		q := opened(t, d, queue.Config[item]{})
		first := put(q, "a=1")
		time.Sleep(55 * time.Millisecond) // into a write that fails
		second, third := put(q, "a=2"), put(q, "a=bad")
		time.Sleep(10 * time.Millisecond)
		d.set(refusing("bad"))
		time.Sleep(time.Second)
		d.set(func([]item) error { return errAway })
		for _, ticket := range []queue.Ticket{first, second, third} {
			if err := q.Wait(t.Context(), ticket); !errors.Is(err, errTooLong) {
				t.Error(err)
			}
		}
	})
}

func TestRefusalShowsThatTheDatabaseIsThere(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		pauses(t, q, d, 3)
		d.set(func([]item) error { return errTooLong })
		if err := q.Flush(t.Context()); !errors.Is(err, errTooLong) {
			t.Error(err)
		}
		if status := q.Status(); status.Attempts != 0 || status.RejectedKeys != 1 {
			t.Errorf("status: %+v", status)
		}
	})
}

func TestNewerValueOfARefusedOneIsWrittenAsItIs(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond, answer: refusing("bad")}
		q := opened(t, d, queue.Config[item]{Merge: func(pending, next item) item { return item{next.key, pending.value + next.value} }})
		put(q, "a=bad")
		time.Sleep(55 * time.Millisecond)
		if err := q.Wait(t.Context(), put(q, "a=1")); err != nil {
			t.Error(err)
		}
		compare(t, d.tried(), []string{"50ms a=bad: a: too long", "60ms a=1"})
	})
}

func TestKeyOfARefusedValueIsTriedAloneNextTime(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{answer: refusing("bad")}
		q := opened(t, d, queue.Config[item]{})
		q.Wait(t.Context(), put(q, "b=bad"))
		time.Sleep(time.Second)
		for text := range strings.FieldsSeq("a=1 b=bad c=1 d=1") {
			put(q, text)
		}
		time.Sleep(time.Second)
		for text := range strings.FieldsSeq("a=2 b=2 c=2 d=2") {
			put(q, text)
		}
		time.Sleep(time.Second)
		for text := range strings.FieldsSeq("a=3 b=3") {
			put(q, text)
		}
		time.Sleep(time.Second)
		compare(t, d.tried(), []string{
			"0s b=bad: b: too long", "1.05s a=1", "1.05s b=bad: b: too long", "1.05s c=1 d=1", "2.05s a=2", "2.05s b=2", "2.05s c=2 d=2", "3.05s a=3 b=3",
		})
	})
}

func TestConnectionLostWhileHalvingLosesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		refuse, calls := refusing("bad"), 0
		d.set(func(group []item) error {
			if calls++; calls == 3 {
				return errAway
			}
			return refuse(group)
		})
		q := opened(t, d, queue.Config[item]{})
		for text := range strings.FieldsSeq("a=1 b=1 c=1 d=bad") {
			put(q, text)
		}
		if err := q.Flush(t.Context()); !errors.Is(err, errTooLong) {
			t.Error(err)
		}
		got := d.tried()
		for i, write := range got {
			got[i] = write[strings.Index(write, " ")+1:]
		}
		compare(t, got, []string{
			"a=1 b=1 c=1 d=bad: d: too long", "a=1 b=1", "c=1 d=bad: connection refused", "c=1 d=bad: d: too long", "c=1", "d=bad: d: too long",
		})
	})
}

func TestFatalErrorEndsAllAttempts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{Rejects: func(error) bool { return true }}) // Fatal counts more
		durable := put(q, "a=0")
		if err := q.Wait(t.Context(), durable); err != nil {
			t.Error(err)
		}
		d.set(func([]item) error { return fmt.Errorf("write: %w", errTaken) })
		first := put(q, "a=1")
		wait := result(func() error { return q.Wait(t.Context(), first) })
		flush := result(func() error { return q.Flush(t.Context()) })
		synctest.Wait()
		later := put(q, "b=1")
		laterWait := result(func() error { return q.Wait(t.Context(), later) })
		for _, waiting := range []<-chan error{wait, flush, laterWait} {
			if err := <-waiting; !errors.Is(err, errTaken) {
				t.Errorf("who waits is told %v", err)
			}
		}
		last := put(q, "c=1")
		time.Sleep(time.Hour)
		if err := q.Wait(t.Context(), last); !errors.Is(err, errTaken) {
			t.Errorf("who waits afterwards is told %v", err)
		}
		if err := q.Wait(t.Context(), durable); err != nil {
			t.Errorf("of a value that was durable before: %v", err)
		}
		if writes := len(d.tried()); writes != 2 {
			t.Errorf("%d writes", writes)
		}
		if status := q.Status(); !errors.Is(status.Fatal, errTaken) || status.Pending != 3 || !status.NextAttempt.IsZero() {
			t.Errorf("status: %+v", status)
		}
		var unwritten *queue.UnwrittenError
		if err := q.Close(t.Context()); !errors.As(err, &unwritten) || !errors.Is(err, errTaken) || cmp.Diff([]string{"a", "b", "c"}, unwritten.Keys) != "" {
			t.Errorf("Close: %v", err)
		}
	})
}

func TestMemoryIsThatOfTheKeysHoweverLongTheDatabaseIsAway(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{answer: until(time.Hour, errAway)}
		q := opened(t, d, queue.Config[item]{})
		for i := range 100_000 {
			put(q, fmt.Sprintf("k%d=%d", i%100, i))
			if i%1000 == 0 {
				time.Sleep(time.Minute)
			}
			if pending := q.Status().Pending; pending > 100 {
				t.Fatalf("%d values are pending", pending)
			}
		}
		if err := q.Flush(t.Context()); err != nil || d.row("k7") != "99907" || d.row("k99") != "99999" {
			t.Errorf("error %v, k7=%q, k99=%q", err, d.row("k7"), d.row("k99"))
		}
	})
}

func TestLogTellsOfTroubleWithoutRepeatingItself(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		var log bytes.Buffer
		plain := func(_ []string, attribute slog.Attr) slog.Attr {
			switch attribute.Key {
			case slog.TimeKey, "failing_for", "failed_for", "pause":
				return slog.Attr{}
			}
			return attribute
		}
		d := &database{}
		q := opened(t, d, queue.Config[item]{Log: slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{ReplaceAttr: plain}))})
		pauses(t, q, d, 9)
		d.set(refusing("bad"))
		q.Wait(t.Context(), put(q, "b=bad"))
		d.set(func([]item) error { return errTaken })
		q.Wait(t.Context(), put(q, "b=1"))
		synctest.Wait()
		want := ""
		for _, attempts := range []int{1, 2, 4, 8} {
			want += fmt.Sprintf("level=WARN msg=\"the last values are not written, and will be tried again\" keys=1 attempts=%d error=\"connection refused\"\n", attempts)
		}
		want += `level=INFO msg="the database takes values again" keys=2 attempts=9` + "\n" +
			`level=ERROR msg="the database refuses a value; it is set aside, and everything else is written" key=b error="b: too long"` + "\n" +
			`level=ERROR msg="nothing will be written any more; the last values stay in memory" keys=1 error="another process has taken over"` + "\n"
		if diff := cmp.Diff(want, log.String()); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}
