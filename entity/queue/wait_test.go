package queue_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
)

// Those who do the same over and over are in step: of 64, all would be in one group, and without a chance to come back 1 and 63 in turn.
func TestThoseWhoWaitAgainAndAgainShareGroups(t *testing.T) {
	inBubble(t, func(t *testing.T) {
		const users, rounds = 64, 50
		d := &database{takes: time.Millisecond}
		q := opened(t, d, queue.Config[item]{})
		var group sync.WaitGroup
		for i := range users {
			group.Go(func() {
				for round := range rounds {
					if err := q.Wait(t.Context(), put(q, fmt.Sprintf("k%d=%d", i, round))); err != nil {
						t.Error(err)
					}
				}
			})
		}
		group.Wait()
		t.Logf("%d groups", q.Status().Groups)
		if groups := q.Status().Groups; groups > 9*rounds/5 {
			t.Errorf("%d groups for %d rounds", groups, rounds)
		}
	})
}
