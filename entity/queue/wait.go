package queue

import "context"

// Wait asks for a value to be written at once, and waits until it or a newer value of its key is durable. The error is a *RejectedError when the database
// refused it, what Fatal was true of, a *ClosedError when Close gave up or had been called before the value was put, or else why ctx ended before.
func (q *Queue[T]) Wait(ctx context.Context, ticket Ticket) error {
	if ticket.sequence == 0 {
		return &ClosedError{}
	}
	return q.await(ctx, func() (<-chan struct{}, error) { return q.outcome(ticket) })
}

// Flush asks for all that was put before to be written at once, and waits until it is durable. The errors are those of Wait: a *RejectedError also
// for values that were set aside before, for as long as no newer value of the key is durable.
func (q *Queue[T]) Flush(ctx context.Context) error {
	q.mutex.Lock()
	target := q.sequence
	q.mutex.Unlock()
	return q.await(ctx, func() (<-chan struct{}, error) { return q.flushed(target) })
}

// await calls look, with the lock held, until it gives no channel to wait for.
func (q *Queue[T]) await(ctx context.Context, look func() (<-chan struct{}, error)) error {
	q.mutex.Lock()
	defer q.mutex.Unlock()
	settled, err := look()
	if settled == nil {
		return err
	}
	q.arrive()
	defer func() { q.waiting-- }()
	for settled != nil && ctx.Err() == nil {
		q.mutex.Unlock()
		select {
		case <-settled:
		case <-q.halted:
		case <-ctx.Done():
		}
		q.mutex.Lock()
		settled, err = look()
	}
	if settled != nil {
		return context.Cause(ctx)
	}
	return err
}

// arrive counts a caller that waits. Whoever is the first to wait while writes fail is not kept waiting for a long pause.
func (q *Queue[T]) arrive() {
	if q.waiting == 0 {
		q.failure.hurry = true
	}
	q.waiting++
	q.asked++
	q.wakeWriter()
}

// outcome says how it went with a value, or asks for it and gives the channel that is closed when more is known.
func (q *Queue[T]) outcome(ticket Ticket) (<-chan struct{}, error) {
	e, found := q.entries[ticket.key]
	switch {
	case !found || ticket.sequence < e.oldest():
		return nil, q.refusal(ticket)
	case q.fatal != nil:
		return nil, q.fatal
	case q.ended:
		return nil, &ClosedError{Err: q.failure.trouble()}
	}
	if e.dirty.puts.holds(ticket.sequence) {
		q.urgent = max(q.urgent, e.dirty.puts.first)
	}
	return e.listen(), nil
}

// refusal is the error of a value that was set aside; nil when it was not, or a newer one has become durable since.
func (q *Queue[T]) refusal(ticket Ticket) error {
	if r := q.rejected[ticket.key]; r != nil && r.puts.holds(ticket.sequence) {
		return &RejectedError{Key: ticket.key, Err: r.err}
	}
	return nil
}

// flushed is outcome for all puts up to one.
func (q *Queue[T]) flushed(target uint64) (<-chan struct{}, error) {
	oldest := q.oldest()
	switch {
	case oldest == 0 || oldest > target:
		return nil, q.refusals(target)
	case q.fatal != nil:
		return nil, q.fatal
	case q.ended:
		return nil, &ClosedError{Err: q.failure.trouble()}
	}
	q.urgent = max(q.urgent, target)
	if q.news == nil {
		q.news = make(chan struct{})
	}
	return q.news, nil
}

// refusals is one error for all values that are set aside of puts up to one.
func (q *Queue[T]) refusals(target uint64) error {
	var found *RejectedError
	var first uint64
	count := 0
	for key, r := range q.rejected {
		if r.puts.first > target {
			continue
		}
		count++
		if found == nil || r.puts.first < first {
			found, first = &RejectedError{Key: key, Err: r.err}, r.puts.first
		}
	}
	if found == nil {
		return nil
	}
	found.Others = count - 1
	return found
}
