package queue_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/entity/queue"
)

func compare(t *testing.T, got, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("writes (-want +got):\n%s", diff)
	}
}

func TestLastValueOfEachKeyIsWrittenAfterDelayInTheOrderOfTheFirstPuts(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		put(q, "b=1")
		put(q, "a=1")
		time.Sleep(49 * time.Millisecond)
		put(q, "c=1")
		put(q, "b=2")
		time.Sleep(time.Millisecond)
		put(q, "b=3") // at the same moment, before or after the write
		time.Sleep(time.Second)
		if last := d.row("b"); last != "3" {
			t.Errorf("b is %q", last)
		}
		if first := d.tried()[0]; first != "50ms b=2 a=1 c=1" && first != "50ms b=3 a=1 c=1" {
			t.Errorf("the first write was %q", first)
		}
	})
}

func TestKeysThatArePutAgainAndAgainAreNotPutOff(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{Delay: 20 * time.Millisecond})
		for i := range 100 {
			put(q, fmt.Sprintf("a=%d", i))
			time.Sleep(time.Millisecond - 1)
		}
		time.Sleep(time.Second)
		if writes := len(d.tried()); writes != 5 || d.row("a") != "99" {
			t.Errorf("%d writes, the last of %s", writes, d.row("a"))
		}
	})
}

func TestWhatChangesDuringAWriteIsInTheNextOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 30 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{})
		put(q, "a=1")
		put(q, "b=1")
		time.Sleep(60 * time.Millisecond) // 10 ms into the write
		put(q, "b=2")
		put(q, "a=2")
		put(q, "b=3")
		time.Sleep(time.Second)
		compare(t, d.tried(), []string{"50ms a=1 b=1", "110ms b=3 a=2"})
	})
}

func TestWaitStartsAWriteAndOthersShareTheNextOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{})
		put(q, "idle=1") // goes along
		var waits []<-chan error
		for i := range 4 {
			ticket := put(q, fmt.Sprintf("k%d=1", i))
			waits = append(waits, result(func() error { return q.Wait(t.Context(), ticket) }))
			time.Sleep(time.Millisecond)
		}
		for _, wait := range waits {
			if err := <-wait; err != nil {
				t.Error(err)
			}
		}
		compare(t, d.tried(), []string{"0s idle=1 k0=1", "10ms k1=1 k2=1 k3=1"})
		if took := time.Since(d.started); took != 20*time.Millisecond {
			t.Errorf("the waits took %s", took)
		}
	})
}

func TestWaitForANewerValueIsEnoughAndForADurableOneIsFree(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		old := put(q, "a=1")
		newer := put(q, "a=2")
		for _, ticket := range []queue.Ticket{old, newer, old} {
			if err := q.Wait(t.Context(), ticket); err != nil {
				t.Error(err)
			}
		}
		ended, cancel := context.WithCancel(t.Context())
		cancel()
		if err := q.Wait(ended, newer); err != nil {
			t.Errorf("of a durable value, with a context that has ended: %v", err)
		}
		compare(t, d.tried(), []string{"0s a=2"})
	})
}

func TestWaitForTheValueOfTheGroupAfterThisOne(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{})
		first := put(q, "a=1")
		firstWait := result(func() error { return q.Wait(t.Context(), first) })
		synctest.Wait()
		second := put(q, "a=2")
		if err := q.Wait(t.Context(), second); err != nil || d.row("a") != "2" {
			t.Errorf("error %v, a=%s", err, d.row("a"))
		}
		if err := <-firstWait; err != nil {
			t.Error(err)
		}
		compare(t, d.tried(), []string{"0s a=1", "10ms a=2"})
	})
}

func TestEndOfContextEndsWaiting(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: time.Second}
		q := opened(t, d, queue.Config[item]{})
		ticket := put(q, "a=1")
		enough := errors.New("enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, enough)
		defer cancel()
		if err := q.Wait(ctx, ticket); !errors.Is(err, enough) {
			t.Errorf("Wait: %v", err)
		}
		if err := q.Flush(ctx); !errors.Is(err, enough) {
			t.Errorf("Flush: %v", err)
		}
		if took := time.Since(d.started); took != 100*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if waiting := q.Status().Waiting; waiting != 0 {
			t.Errorf("%d still wait", waiting)
		}
	})
}

func TestFlushWaitsForWhatWasPutBeforeAndNotForMore(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond}
		q := opened(t, d, queue.Config[item]{MaxItems: 2})
		for _, text := range []string{"a=1", "b=1", "c=1"} {
			put(q, text)
		}
		flush := result(func() error { return q.Flush(t.Context()) })
		synctest.Wait()
		put(q, "d=1")
		put(q, "e=1")
		if err := <-flush; err != nil {
			t.Error(err)
		}
		compare(t, d.tried()[:2], []string{"0s a=1 b=1", "10ms c=1 d=1"})
		if took := time.Since(d.started); took != 20*time.Millisecond {
			t.Errorf("it took %s", took)
		}
		if err := q.Flush(t.Context()); err != nil || d.row("e") != "1" {
			t.Errorf("error %v, e=%q", err, d.row("e"))
		}
	})
}

func TestFlushOfNothingDoesNotWait(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{}
		q := opened(t, d, queue.Config[item]{})
		if err := q.Flush(t.Context()); err != nil || time.Since(d.started) != 0 {
			t.Errorf("error %v after %s", err, time.Since(d.started))
		}
	})
}

func TestGroupsAreLimited(t *testing.T) {
	for name, test := range map[string]struct {
		config queue.Config[item]
		puts   string
		want   []string
	}{
		"by items; full ones are not put off": {
			queue.Config[item]{MaxItems: 2}, "a=1 b=1 c=1", []string{"0s a=1 b=1", "50ms c=1"},
		},
		"by bytes": {
			queue.Config[item]{MaxBytes: 5}, "a=22 b=333 c=4444 d=1", []string{"50ms a=22 b=333", "50ms c=4444 d=1"},
		},
		"a larger value is alone": {
			queue.Config[item]{MaxBytes: 5}, "a=1 b=7777777 c=1", []string{"50ms a=1", "50ms b=7777777", "50ms c=1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T) {
				d := &database{}
				test.config.Size = func(item item) int { return len(item.value) }
				q := opened(t, d, test.config)
				for text := range strings.FieldsSeq(test.puts) {
					put(q, text)
					synctest.Wait()
				}
				time.Sleep(time.Second)
				compare(t, d.tried(), test.want)
			})
		})
	}
}

func TestMergeMakesOneValueOfThoseThatAreNotDurable(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		d := &database{takes: 10 * time.Millisecond, answer: until(60*time.Millisecond, errAway)}
		q := opened(t, d, queue.Config[item]{Merge: func(pending, next item) item { return item{next.key, pending.value + next.value} }})
		put(q, "a=1")
		put(q, "a=2")
		time.Sleep(55 * time.Millisecond) // into the first write, which fails at 60 ms
		put(q, "a=3")
		put(q, "b=1")
		put(q, "a=4")
		d.set(until(10*time.Millisecond, errAway))
		time.Sleep(time.Second)
		put(q, "a=5")
		time.Sleep(time.Second)
		if got := d.tried(); !strings.HasPrefix(got[0], "50ms a=12: ") || !strings.HasSuffix(got[1], " a=1234 b=1") || !strings.HasSuffix(got[2], " a=5") {
			t.Errorf("writes: %q", got)
		}
	})
}

func TestPutOfAKnownKeyAllocatesNothing(t *testing.T) {
	q := queue.New(queue.Config[item]{Delay: time.Hour, Write: func(context.Context, []item) error { return nil }})
	defer q.Close(t.Context())
	value := item{"a", "1"}
	q.Put("a", value)
	if allocations := testing.AllocsPerRun(1000, func() { q.Put("a", value) }); allocations != 0 {
		t.Errorf("%v allocations", allocations)
	}
}
