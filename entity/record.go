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
	held     *time.Timer // ends the interval that a report waits for; nil when none does
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
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := r.alive(); err != nil {
		return ticket, false, err
	}
	significant, err := r.significant(r.kept, reported)
	if err != nil {
		return ticket, false, err
	}
	moment := now()
	if wait := r.interval - moment.Sub(r.changed); significant && wait > 0 {
		r.accept(reported, value, moment)
		r.hold(wait)
		return ticket, false, nil
	}
	if significant {
		if ticket, err = r.keep(reported, moment); err != nil {
			return ticket, false, err
		}
	}
	r.accept(reported, value, moment)
	r.letGo()
	return ticket, significant && r.durable, nil
}

func (r *record) alive() error {
	if r.deleted {
		return &DeletedError{ID: r.id}
	}
	r.store.gate.RLock()
	defer r.store.gate.RUnlock()
	return r.store.writable()
}

func (r *record) accept(reported document, value any, moment time.Time) {
	r.now, r.value, r.reported = reported, value, moment
}

// keep makes a report the values that the database gets.
func (r *record) keep(reported document, moment time.Time) (queue.Ticket, error) {
	row := r.row(reported, moment)
	ticket, err := r.store.put(table.Change{ID: r.id, Row: row})
	if err != nil {
		return ticket, err
	}
	r.changes.add(rawChange{before: r.kept, after: reported, at: moment, previous: r.changed})
	r.kept, r.changed = reported, moment
	return ticket, nil
}

func (r *record) row(kept document, changed time.Time) *table.Row {
	return &table.Row{
		ID: r.id, State: kept.State, Attributes: kept.Attributes, Locals: r.locals.encoded, Definition: r.format,
		LastChanged: changed, LastWritten: now(),
	}
}

// hold has the report that came last become a change when the interval is over.
func (r *record) hold(wait time.Duration) {
	if r.held == nil {
		r.held = time.AfterFunc(wait, r.release)
	}
}

func (r *record) letGo() {
	if r.held != nil {
		r.held.Stop()
		r.held = nil
	}
}

// release makes a change of a report that waits for the end of the interval.
func (r *record) release() {
	r.mu.Lock()
	if r.held != nil && !r.deleted {
		r.letGo()
		if significant, err := r.significant(r.kept, r.now); err == nil && significant {
			if _, err := r.keep(r.now, now()); err != nil {
				r.store.log.Warn("the last report of an entity was not written", "entity_id", r.id, "error", err)
			}
		}
	}
	r.mu.Unlock()
	r.changes.deliver()
}

// delete removes the entity from the store and its row from the database.
func (r *record) delete(ctx context.Context) error {
	ticket, err := r.remove()
	if err != nil || !r.durable {
		return err
	}
	return r.store.queue.Wait(ctx, ticket)
}

func (r *record) remove() (queue.Ticket, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var ticket queue.Ticket
	if err := r.alive(); err != nil {
		return ticket, err
	}
	ticket, err := r.store.put(table.Change{ID: r.id, Delete: true})
	if err != nil {
		return ticket, err
	}
	r.deleted = true
	r.letGo()
	r.store.forget(r)
	return ticket, nil
}
