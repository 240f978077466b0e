package mqtt

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPausesDouble(t *testing.T) {
	t.Parallel()
	made := pauses{first: 100 * time.Millisecond, longest: time.Second}
	type end struct {
		lasted  time.Duration
		lasting bool
		chance  float64
	}
	var got []time.Duration
	for _, each := range []end{
		{}, {}, {chance: 1}, {}, {}, {},
		{lasted: 900 * time.Millisecond}, // no good one: shorter than the next pause
		{lasted: time.Second},            // a good one
		{},
		{lasting: true},
		{lasted: time.Minute, chance: 0.5},
	} {
		got = append(got, made.next(each.lasted, each.lasting, each.chance)/time.Millisecond)
	}
	if diff := cmp.Diff([]time.Duration{100, 200, 200, 800, 1000, 1000, 1000, 100, 200, 1000, 75}, got); diff != "" {
		t.Error(diff)
	}
	steady := pauses{first: time.Second, longest: time.Hour, failures: 30}
	if got := steady.next(5*time.Second, false, 0); got != time.Second {
		t.Errorf("after a connection of 5 s the pause is %v", got)
	}
}
