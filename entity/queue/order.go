package queue

import "time"

// span are the puts of a key, by their sequence numbers, that became one value. The zero span is none.
type span struct{ first, last uint64 }

func (s span) some() bool { return s.last != 0 }

func (s span) holds(sequence uint64) bool { return s.first <= sequence && sequence <= s.last }

// version is a value of a key.
type version[T any] struct {
	value T
	puts  span
	since time.Time // of the first of them
}

// entry is a key whose last value is not durable. It is in its queue's map exactly as long as it is dirty or being written.
type entry[T any] struct {
	key     string
	dirty   version[T] // to be written; in the order when there is one
	writing version[T] // in the group that is being written

	settled   chan struct{} // closed when writing is decided; nil while nobody listens
	listeners int           // to settled

	previous, next *entry[T] // in the order
}

// oldest is the first put that is not durable.
func (e *entry[T]) oldest() uint64 {
	if e.writing.puts.some() {
		return e.writing.puts.first
	}
	return e.dirty.puts.first
}

// listen gives the channel that is closed when the value being written, or else the next one, is decided.
func (e *entry[T]) listen() <-chan struct{} {
	if e.settled == nil {
		e.settled = make(chan struct{})
	}
	e.listeners++
	return e.settled
}

// tell closes the channel, and says how many listened.
func (e *entry[T]) tell() int {
	if e.settled == nil {
		return 0
	}
	close(e.settled)
	told := e.listeners
	e.settled, e.listeners = nil, 0
	return told
}

// order is a list of the dirty entries, by the first put of each.
type order[T any] struct {
	first, last *entry[T]
	length      int
}

func (o *order[T]) pushBack(e *entry[T]) { o.insert(o.last, e, nil) }

func (o *order[T]) pushFront(e *entry[T]) { o.insert(nil, e, o.first) }

func (o *order[T]) insert(previous, e, next *entry[T]) {
	e.previous, e.next = previous, next
	o.link(previous, e)
	o.link(e, next)
	o.length++
}

func (o *order[T]) remove(e *entry[T]) {
	o.link(e.previous, e.next)
	e.previous, e.next = nil, nil
	o.length--
}

// link makes two entries neighbours; nil is an end.
func (o *order[T]) link(previous, next *entry[T]) {
	if previous == nil {
		o.first = next
	} else {
		previous.next = next
	}
	if next == nil {
		o.last = previous
	} else {
		next.previous = previous
	}
}
