package queue

import (
	"context"
	"slices"
	"time"
)

// hold is how many entries are worked on before Put gets a chance to run.
const hold = 128

// writeGroup takes a group and writes it. What could not be written is dirty again afterwards, at its old place.
func (q *Queue[T]) writeGroup(ctx context.Context) {
	q.take()
	err := q.write(ctx, q.group)
	q.putBack()
	if err != nil && ctx.Err() == nil {
		q.fail(err)
	}
}

// room is what still fits into a group.
type room struct{ items, bytes int }

// take begins a group with those that have been dirty for longest.
func (q *Queue[T]) take() {
	left := room{items: q.limit, bytes: q.config.MaxBytes}
	for q.takeSome(&left) {
	}
}

// takeSome tells whether more may be taken.
func (q *Queue[T]) takeSome(left *room) bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.told, q.failure.hurry = 0, false
	for range hold {
		e := q.dirty.first
		if e == nil || e.writing.puts.some() || !q.fits(e, left) { // writing: it was put again since it was taken, and so was all behind it
			return false
		}
		q.dirty.remove(e)
		e.writing, e.dirty = e.dirty, version[T]{}
		q.group = append(q.group, e)
	}
	return true
}

// fits tells whether an entry goes into the group, and takes its room. One always goes. A key of which a value was refused has a group of its own:
// if this one is refused too, nobody else's has to be written in halves.
func (q *Queue[T]) fits(e *entry[T], left *room) bool {
	_, suspect := q.rejected[e.key]
	size := q.config.Size(e.dirty.value)
	if len(q.group) > 0 && (suspect || left.items < 1 || left.bytes < size) {
		return false
	}
	left.items--
	left.bytes -= size
	if suspect {
		left.items = 0
	}
	return true
}

// write writes entries of the group, in halves where the database refuses some of them. After an error, those that are not decided are the last of the group.
func (q *Queue[T]) write(ctx context.Context, entries []*entry[T]) error {
	err := q.attempt(ctx, entries)
	switch {
	case err == nil:
		q.commit(entries)
		return nil
	case q.config.Fatal(err) || !q.config.Rejects(err):
		return err
	case len(entries) == 1:
		q.reject(entries[0], err)
		return nil
	}
	half := len(entries) / 2
	if err := q.write(ctx, entries[:half]); err != nil {
		return err
	}
	return q.write(ctx, entries[half:])
}

// attempt calls Write once.
func (q *Queue[T]) attempt(ctx context.Context, entries []*entry[T]) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	for _, e := range entries {
		q.values = append(q.values, e.writing.value)
	}
	defer func() {
		clear(q.values)
		q.values = q.values[:0]
	}()
	limited, cancel := context.WithTimeout(ctx, q.config.WriteTimeout)
	defer cancel()
	err := q.config.Write(limited, q.values)
	if err != nil && limited.Err() != nil {
		q.limit = max(1, len(entries)/2)
	}
	return err
}

// commit notes that entries are durable.
func (q *Queue[T]) commit(entries []*entry[T]) {
	q.limit = min(2*q.limit, q.config.MaxItems)
	q.recovered(1)
	for some := range slices.Chunk(entries, hold) {
		q.mutex.Lock()
		for _, e := range some {
			delete(q.rejected, e.key)
			q.decide(e)
		}
		q.counts.written += uint64(len(some))
		q.mutex.Unlock()
	}
	q.mutex.Lock()
	defer q.mutex.Unlock()
	q.announce()
}

// reject sets the value of an entry aside.
func (q *Queue[T]) reject(e *entry[T], err error) {
	q.config.Log.Error("the database refuses a value; it is set aside, and everything else is written", "key", e.key, "error", err)
	q.recovered(0)
	q.mutex.Lock()
	defer q.mutex.Unlock()
	refused := &rejection{puts: e.writing.puts, at: time.Now(), err: err}
	if before := q.rejected[e.key]; before != nil {
		refused.puts.first = before.puts.first
	}
	q.rejected[e.key] = refused
	q.decide(e)
	q.announce()
}

// decide ends the writing of the next entry of the group.
func (q *Queue[T]) decide(e *entry[T]) {
	e.writing = version[T]{}
	q.decided++
	if q.told == 0 {
		q.asked = 0
	}
	q.told += e.tell()
	q.release(e)
}

// announce tells those who wait in Flush.
func (q *Queue[T]) announce() {
	if q.news != nil {
		close(q.news)
		q.news = nil
	}
}

// putBack makes dirty again what was not decided of the group, and ends it.
func (q *Queue[T]) putBack() {
	for q.putSomeBack() {
	}
}

// putSomeBack begins at the end, so that the order stays that of the first puts. It tells whether more is left.
func (q *Queue[T]) putSomeBack() bool {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	for range hold {
		last := len(q.group) - 1
		if last < q.decided {
			clear(q.group)
			q.group, q.decided = q.group[:0], 0
			return false
		}
		q.putOneBack(q.group[last])
		q.group[last] = nil
		q.group = q.group[:last]
	}
	return true
}

func (q *Queue[T]) putOneBack(e *entry[T]) {
	old := e.writing
	if e.dirty.puts.some() {
		old.value = q.config.Merge(old.value, e.dirty.value)
		old.puts.last = e.dirty.puts.last
		q.dirty.remove(e)
	}
	e.dirty, e.writing = old, version[T]{}
	q.dirty.pushFront(e)
}
