package entity

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
	"github.com/synapsedb/synapse/entity/significance"
	"github.com/synapsedb/synapse/entity/table"
)

// document is what an entity has besides its locals, as JSON.
type document = significance.Document

// record is an entity without its types.
type record struct {
	store   *Store
	id      string
	name    string
	icon    string
	options any
	made    uintptr // the program counter of the call of New
	durable bool
	format  int64
	// interval is how far apart changes are at least.
	interval time.Duration
	// significant compares what was kept last with what is reported.
	significant func(before, after document) (bool, error)
	// decode makes the entity's Values of JSON; the error is a *ValueError.
	decode func(document) (any, error)

	// updating is held by whoever replaces values by what depends on them.
	updating sync.Mutex

	mu       sync.Mutex
	now      document // as reported last
	value    any      // the same as Values
	kept     document // as of the last significant change: what the database has, or is about to get
	changed  time.Time
	reported time.Time
	locals   locals
	restored Restored
	held     *time.Timer  // ends the interval that a significant report waits for; nil when none does
	ticket   queue.Ticket // of the last write of this run
	deleted  bool
	changes  changes
}

// place is where in the program the entity is defined.
func (r *record) place() string { return placeOf(r.made) }

func placeOf(counter uintptr) string {
	frame, _ := runtime.CallersFrames([]uintptr{counter}).Next()
	if frame.File == "" {
		return "an unknown place"
	}
	return frame.File + ":" + strconv.Itoa(frame.Line)
}

// report takes new values, which derive makes, maybe from the present ones. They are written, and told, when they are a
// significant change. Subscribers are told, and writes waited for, without a lock, so that both may lead to further reports.
func (r *record) report(ctx context.Context, derive func() (document, any, error)) error {
	ticket, wait, err := r.update(derive)
	r.changes.deliver()
	if err != nil || !wait {
		return err
	}
	return r.store.queue.Wait(ctx, ticket)
}

func (r *record) update(derive func() (document, any, error)) (ticket queue.Ticket, wait bool, err error) {
	r.updating.Lock()
	defer r.updating.Unlock()
	reported, value, err := derive()
	if err != nil {
		return ticket, false, err
	}
	return r.receive(reported, value)
}

func (r *record) receive(reported document, value any) (ticket queue.Ticket, wait bool, err error) {
	if err := r.store.enter(); err != nil {
		return ticket, false, err
	}
	defer r.store.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted {
		return ticket, false, &DeletedError{ID: r.id}
	}
	significant, err := r.significant(r.kept, reported)
	if err != nil {
		return ticket, false, err
	}
	r.now, r.value, r.reported = reported, value, now()
	switch wait := r.interval - r.reported.Sub(r.changed); {
	case !significant:
		r.letGo()
	case wait > 0:
		r.hold(min(wait, r.interval)) // the clock may have been put back since the last change
		return ticket, false, nil
	default:
		r.keep(r.reported)
	}
	return r.ticket, r.waits(), nil
}

// waits reports whether whoever has changed the entity waits until it is durable. So does whoever sets what is already being written.
func (r *record) waits() bool { return r.durable && r.ticket != queue.Ticket{} }

// keep makes what was reported last the values that the database gets. They are in the queue before nothing is held any more: Flush looks
// for what is held first.
func (r *record) keep(moment time.Time) {
	r.changes.add(rawChange{before: r.kept, after: r.now, at: moment, previous: r.changed})
	r.kept, r.changed = r.now, moment
	r.write()
	r.letGo()
}

// write queues the row.
func (r *record) write() { r.ticket = r.store.put(table.Change{ID: r.id, Row: r.row()}) }

func (r *record) row() *table.Row {
	return &table.Row{
		ID: r.id, State: r.kept.State, Attributes: r.kept.Attributes, Locals: r.locals.encoded, Definition: r.format,
		LastChanged: r.changed, LastWritten: now(),
	}
}

// hold has the report that came last become a change when the interval is over.
func (r *record) hold(wait time.Duration) {
	if r.held == nil {
		r.held = time.AfterFunc(wait, r.intervalOver)
		r.store.hold(r, true)
	}
}

func (r *record) letGo() {
	if r.held != nil {
		r.held.Stop()
		r.held = nil
		r.store.hold(r, false)
	}
}

// intervalOver leaves a report that waits to Close, if that has begun.
func (r *record) intervalOver() {
	if err := r.store.enter(); err != nil {
		return
	}
	r.release()
	r.store.leave()
	r.changes.deliver()
}

// release makes a change of a report that waits for the end of the interval. Whoever calls it has the gate, and tells subscribers when it has
// left: they may close the store.
func (r *record) release() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.held != nil {
		r.keep(now())
	}
}

// delete removes the entity from the store and its row from the database.
func (r *record) delete(ctx context.Context) error {
	ticket, err := r.remove()
	if err != nil || !r.durable {
		return err
	}
	return r.store.queue.Wait(ctx, ticket)
}

func (r *record) remove() (ticket queue.Ticket, err error) {
	if err := r.store.enter(); err != nil {
		return ticket, err
	}
	defer r.store.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted {
		return ticket, &DeletedError{ID: r.id}
	}
	r.deleted = true
	r.letGo()
	ticket = r.store.put(table.Change{ID: r.id, Delete: true})
	r.store.forget(r) // from now on another entity of this id may put its row
	return ticket, nil
}
