package backup

import (
	"iter"
	"sync"
)

// ahead has a sequence run in a goroutine of its own, some values ahead of whoever takes them.
func ahead[T any](from iter.Seq2[T, error]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		const batches = 4
		made, enough := make(chan []outcome[T], batches), make(chan struct{})
		var working sync.WaitGroup
		defer working.Wait()
		defer close(enough)
		working.Go(func() { runAhead(from, made, enough) })
		for batch := range made {
			for _, one := range batch {
				if !yield(one.value, one.err) {
					return
				}
			}
		}
	}
}

// outcome is a value, or why there is none.
type outcome[T any] struct {
	value T
	err   error
}

func runAhead[T any](from iter.Seq2[T, error], made chan<- []outcome[T], enough <-chan struct{}) {
	defer close(made)
	const together = 64
	var batch []outcome[T]
	give := func() bool {
		select {
		case made <- batch:
			batch = nil
			return true
		case <-enough:
			return false
		}
	}
	for value, err := range from {
		if batch = append(batch, outcome[T]{value, err}); len(batch) == together && !give() {
			return
		}
	}
	give()
}
