package demo

import "sync/atomic"

// queue hands rows over to a goroutine that inserts them, so that thinking up rows
// and storing them use a processor each. Only that goroutine uses the connection,
// except after wait and until the next row.
type queue struct {
	apply  func(insertion)
	failed atomic.Bool

	filling  []insertion
	full     chan []insertion
	waiting  chan chan struct{}
	finished chan struct{}
}

// insertion is a row to be inserted.
type insertion struct {
	target string
	values []any
}

// handOver is how many rows are handed over at once.
const handOver = 512

func newQueue(apply func(insertion)) *queue {
	q := &queue{apply: apply, full: make(chan []insertion, 4), waiting: make(chan chan struct{}), finished: make(chan struct{})}
	go q.work()
	return q
}

func (q *queue) work() {
	defer close(q.finished)
	for {
		select {
		case rows, open := <-q.full:
			if !open {
				return
			}
			q.applyAll(rows)
		case done := <-q.waiting:
			q.emptied()
			close(done)
		}
	}
}

// emptied applies what was handed over before somebody began to wait.
func (q *queue) emptied() {
	for {
		select {
		case rows := <-q.full:
			q.applyAll(rows)
		default:
			return
		}
	}
}

func (q *queue) applyAll(rows []insertion) {
	for _, row := range rows {
		q.apply(row)
	}
}

func (q *queue) add(row insertion) {
	if q.filling = append(q.filling, row); len(q.filling) == handOver {
		q.pass()
	}
}

func (q *queue) pass() {
	if len(q.filling) > 0 {
		q.full <- q.filling
		q.filling = make([]insertion, 0, handOver)
	}
}

// wait returns when every row so far has been inserted.
func (q *queue) wait() {
	q.pass()
	done := make(chan struct{})
	q.waiting <- done
	<-done
}

// close ends the goroutine.
func (q *queue) close() {
	q.wait()
	close(q.full)
	<-q.finished
}
