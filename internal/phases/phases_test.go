package phases_test

import (
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/phases"
)

func TestEachStepIsTold(t *testing.T) {
	t.Parallel()
	var told []phases.State[string]
	meter := &phases.Meter[string]{Show: func(state phases.State[string]) { told = append(told, state) }}
	meter.Enter("copy", 7)
	meter.Add(3)
	meter.Add(4)
	meter.Enter("verify", 0)
	want := []phases.State[string]{{"copy", 0, 7}, {"copy", 3, 7}, {"copy", 7, 7}, {"verify", 0, 0}}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Error(diff)
	}
}

func TestNothingIsLostOfManyGoroutines(t *testing.T) {
	t.Parallel()
	var last phases.State[string]
	meter := &phases.Meter[string]{Show: func(state phases.State[string]) { last = state }}
	silent := &phases.Meter[string]{}
	meter.Enter("copy", 100)
	silent.Enter("copy", 100)
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() { meter.Add(1) })
		group.Go(func() { silent.Add(1) })
	}
	group.Wait()
	if last.Done != 100 {
		t.Errorf("%+v", last)
	}
}
