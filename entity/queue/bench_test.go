package queue_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
)

// keys are what benchmarks put: as many as a large home has entities.
var keys = func() []string {
	made := make([]string, 10_000)
	for i := range made {
		made[i] = "sensor.number_" + strconv.Itoa(i)
	}
	return made
}()

// change has about the size of what package entity puts.
type change struct {
	ID         string
	Aside, Row *int
	Delete     bool
}

func BenchmarkPut(b *testing.B) {
	for _, goroutines := range []int{1, 8, 256} {
		b.Run(fmt.Sprintf("goroutines=%d", goroutines), func(b *testing.B) {
			q := queue.New(queue.Config[change]{Write: func(context.Context, []change) error { return nil }})
			defer q.Close(context.Background())
			for _, key := range keys {
				q.Put(key, change{ID: key})
			}
			b.ReportAllocs()
			b.ResetTimer()
			inParallel(goroutines, b.N, func(i int) { q.Put(keys[i%len(keys)], change{ID: keys[i%len(keys)]}) })
		})
	}
}

// BenchmarkDurable compares putting and waiting with writing each value by itself, which is what a commit for each change would be.
func BenchmarkDurable(b *testing.B) {
	const goroutines = 64
	b.Run("queue", func(b *testing.B) {
		q := queue.New(queue.Config[change]{Write: func(_ context.Context, group []change) error {
			commit(len(group))
			return nil
		}})
		defer q.Close(context.Background())
		b.ReportAllocs()
		inParallel(goroutines, b.N, func(i int) {
			if err := q.Wait(context.Background(), q.Put(keys[i%len(keys)], change{})); err != nil {
				b.Error(err)
			}
		})
		b.ReportMetric(float64(q.Status().Written)/float64(q.Status().Groups), "values/group")
	})
	b.Run("one_by_one", func(b *testing.B) {
		var mutex sync.Mutex
		inParallel(goroutines, b.N, func(int) {
			mutex.Lock()
			commit(1)
			mutex.Unlock()
		})
	})
}

// commit takes as long as one to a fast disk. It keeps the processor: a sleep would be ten times as long here.
func commit(items int) {
	took := 100*time.Microsecond + time.Duration(items)*5*time.Microsecond
	for started := time.Now(); time.Since(started) < took; {
		continue
	}
}

// inParallel does something so many times, by so many goroutines.
func inParallel(goroutines, times int, do func(i int)) {
	var next atomic.Int64
	var group sync.WaitGroup
	for range goroutines {
		group.Go(func() {
			for {
				i := int(next.Add(1))
				if i > times {
					return
				}
				do(i)
			}
		})
	}
	group.Wait()
}
