package queue

import (
	"context"
	"sync"
	"time"
)

// Queue brings values to a database. Its methods may be called from any number of goroutines.
type Queue[T any] struct {
	config Config[T]
	giveUp context.CancelCauseFunc // ends every write, and the writer
	wake   chan struct{}           // holds one: the writer is to look again
	halted chan struct{}           // closed when nothing will be written any more
	gone   chan struct{}           // closed when the writer is gone

	mutex    sync.Mutex
	sequence uint64               // of the last Put
	entries  map[string]*entry[T] // every key whose last value is not durable
	dirty    order[T]
	free     *entry[T] // entries for further use, linked by next: as many as were ever needed at once
	rejected map[string]*rejection
	closed   bool  // nothing more may be put
	ended    bool  // the writer has stopped
	gaveUp   error // why it did so before everything was written
	fatal    error // why nothing is tried any more

	// The group that is being written, by the first put of each; the first decided ones of it are so.
	group   []*entry[T]
	decided int

	urgent  uint64        // puts up to this one are waited for
	waiting int           // callers of Wait and Flush that wait now
	asked   int           // callers of Wait and Flush that came since the last group was decided
	told    int           // listeners that the last group's decisions were told to
	news    chan struct{} // closed when something is decided; nil while nobody listens

	failure failure
	counts  counts

	// Of the writer's goroutine alone.
	limit  int // of items: fewer after writes that took too long
	values []T // what Write is lent
}

// Ticket names a value that was put. The zero Ticket is that of a value that was refused.
type Ticket struct {
	key      string
	sequence uint64
}

// New makes a queue and starts its goroutine, which runs until Close. It panics without a Write function.
func New[T any](config Config[T]) *Queue[T] {
	if config.Write == nil {
		panic("queue: the configuration has no Write")
	}
	config = config.withDefaults()
	ctx, giveUp := context.WithCancelCause(context.Background())
	queue := &Queue[T]{
		config: config, giveUp: giveUp, limit: config.MaxItems,
		wake: make(chan struct{}, 1), halted: make(chan struct{}), gone: make(chan struct{}),
		entries: map[string]*entry[T]{}, rejected: map[string]*rejection{},
	}
	go queue.run(ctx)
	return queue
}

// Put takes the value of a key, in place of one that is not being written yet, and never waits for a write. It will be written at the latest Delay after
// the key's first Put since its last write, when the database takes it. After Close the value is not taken, and waiting for its Ticket gives a *ClosedError.
func (q *Queue[T]) Put(key string, value T) Ticket {
	ticket, look := q.put(key, value)
	if look {
		q.wakeWriter()
	}
	return ticket
}

// put says also whether the writer has to look.
func (q *Queue[T]) put(key string, value T) (ticket Ticket, look bool) {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	if q.closed {
		return Ticket{}, false
	}
	e := q.entry(key)
	if e.dirty.puts.some() {
		e.dirty.value = q.config.Merge(e.dirty.value, value)
	} else {
		e.dirty = version[T]{value: value, puts: span{first: q.sequence + 1}, since: time.Now()}
		q.dirty.pushBack(e)
		look = q.dirty.length == 1 || q.dirty.length == q.config.MaxItems
	}
	q.sequence++
	e.dirty.puts.last = q.sequence
	return Ticket{key: key, sequence: q.sequence}, look
}

// entry finds or makes the entry of a key.
func (q *Queue[T]) entry(key string) *entry[T] {
	if e, found := q.entries[key]; found {
		return e
	}
	e := q.free
	if e == nil {
		e = &entry[T]{}
	} else {
		q.free = e.next
		e.next = nil
	}
	e.key = key
	q.entries[key] = e
	return e
}

// release forgets an entry of which nothing is left to do.
func (q *Queue[T]) release(e *entry[T]) {
	if e.dirty.puts.some() || e.writing.puts.some() {
		return
	}
	delete(q.entries, e.key)
	*e = entry[T]{next: q.free}
	q.free = e
}

// oldest is the first put that is not decided, 0 without one.
func (q *Queue[T]) oldest() uint64 {
	switch {
	case q.decided < len(q.group):
		return q.group[q.decided].writing.puts.first
	case q.dirty.first != nil:
		return q.dirty.first.dirty.puts.first
	default:
		return 0
	}
}

// wakeWriter makes the writer look again; at the latest after the write it is at.
func (q *Queue[T]) wakeWriter() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}
