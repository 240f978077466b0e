package queue_test

import (
	"context"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
)

// Groups of more than a few keys are taken bit by bit, and a key of the first bit may be put again before the last one is taken.
func TestKeyThatIsPutAgainWhileItsGroupIsTakenIsInItOnce(t *testing.T) {
	t.Parallel()
	const keys, writers, rounds = 900, 16, 300
	written := map[string]int{}
	q := queue.New(queue.Config[[2]int]{Delay: 1, Size: slow, Write: func(_ context.Context, group [][2]int) error {
		seen := map[int]bool{}
		for _, value := range group {
			if seen[value[0]] {
				t.Errorf("key %d is twice in a group", value[0])
			}
			seen[value[0]] = true
			if written[strconv.Itoa(value[0])] > value[1] {
				t.Errorf("key %d goes back", value[0])
			}
			written[strconv.Itoa(value[0])] = value[1]
		}
		return nil
	}})
	var work sync.WaitGroup
	for writer := range writers {
		work.Go(func() {
			for round := range rounds {
				for key := writer; key < keys; key += writers {
					q.Put(strconv.Itoa(key), [2]int{key, round})
				}
			}
		})
	}
	work.Wait()
	if err := q.Close(t.Context()); err != nil {
		t.Error(err)
	}
	for key := range keys {
		if got := written[strconv.Itoa(key)]; got != rounds-1 {
			t.Errorf("key %d has %d", key, got)
		}
	}
}

// slow takes long enough that those who wait for the queue's lock get it as soon as it is free.
func slow([2]int) int {
	for begun := time.Now(); time.Since(begun) < 20*time.Microsecond; {
	}
	return 1
}
