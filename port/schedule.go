package port

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
)

// task is a piece of work that one worker does when all that it waits for is done.
type task struct {
	name   string
	table  string // for the log; "" for several
	weight int64  // heavier tasks are begun earlier
	run    func(context.Context, *worker) error

	waits int // for that many others
	then  []*task
}

// before makes later wait for t.
func (t *task) before(later *task) {
	t.then = append(t.then, later)
	later.waits++
}

// runTasks has the workers do all tasks, each after what it waits for, heavy ones first. The first error ends it. A panic of a
// worker is raised again here, where the caller's own goroutine can put things in order.
func runTasks(ctx context.Context, workers []*worker, tasks []*task) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s := &schedule{left: len(tasks)}
	s.changed.L = &s.mutex
	for _, t := range tasks {
		if t.waits == 0 {
			s.ready = append(s.ready, t)
		}
	}
	stop := context.AfterFunc(ctx, s.wake)
	defer stop()
	var group sync.WaitGroup
	panics := make(chan string, len(workers))
	for _, w := range workers {
		group.Go(func() {
			defer func() {
				if value := recover(); value != nil {
					panics <- fmt.Sprintf("%v\n\non a worker:\n%s", value, debug.Stack())
					cancel(errPanic)
				}
			}()
			for t := s.next(ctx); t != nil; t = s.next(ctx) {
				w.table = t.table
				if err := t.run(ctx, w); err != nil {
					cancel(fmt.Errorf("%s: %w", t.name, err))
					return
				}
				s.finished(t)
			}
		})
	}
	group.Wait()
	select {
	case text := <-panics:
		panic(text)
	default:
	}
	return context.Cause(ctx)
}

// errPanic ends the other workers.
var errPanic = errors.New("a worker has panicked")

// schedule is the set of tasks that are not done.
type schedule struct {
	mutex   sync.Mutex
	changed sync.Cond
	ready   []*task // there are at most a few hundred
	left    int     // tasks that are not finished
}

func (s *schedule) wake() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.changed.Broadcast()
}

// next waits for a task that can be done; nil when there will be none.
func (s *schedule) next(ctx context.Context) *task {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for len(s.ready) == 0 && s.left > 0 && ctx.Err() == nil {
		s.changed.Wait()
	}
	if s.left == 0 || ctx.Err() != nil {
		return nil
	}
	heaviest := 0
	for i, t := range s.ready {
		if t.weight > s.ready[heaviest].weight {
			heaviest = i
		}
	}
	t := s.ready[heaviest]
	s.ready = slices.Delete(s.ready, heaviest, heaviest+1)
	return t
}

func (s *schedule) finished(t *task) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.left--
	for _, later := range t.then {
		if later.waits--; later.waits == 0 {
			s.ready = append(s.ready, later)
		}
	}
	s.changed.Broadcast()
}
