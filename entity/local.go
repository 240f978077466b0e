package entity

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/synapsedb/synapse/entity/queue"
)

// Owner has locals: an *Entity.
type Owner interface{ owner() *record }

// Local is a variable of an entity that is kept with it and not told to anybody. L may be any type that JSON can express,
// of any depth. It is used by any number of goroutines.
type Local[L any] struct {
	record   *record
	name     string
	initial  json.RawMessage
	problem  error
	updating sync.Mutex
}

// NewLocal defines a local. It has the value that was stored, or the initial one when there is none (null is none, where L has no null) or when it does
// not decode into L: what was stored is set aside then, and Problem says so. Errors: *CollisionError for a second local of this name,
// *ValueError for a name that is empty or too long and for a value that JSON cannot express, *ClosedError, *DeletedError.
func NewLocal[L any](of Owner, name string, initial L) (*Local[L], error) {
	owner := of.owner()
	raw, _, err := encoded(owner.id, localPart(name), initial)
	if err != nil {
		return nil, err
	}
	local := &Local[L]{record: owner, name: name, initial: raw}
	local.problem, err = owner.defineLocal(name, caller(), func(stored json.RawMessage) (set bool, problem error) {
		value, problem := decodePart[L](owner.id, localPart(name), stored)
		return problem == nil && !neverSet(stored, value), problem
	})
	if err != nil {
		return nil, err
	}
	return local, nil
}

// Get is the present value, a copy of the caller's own.
func (l *Local[L]) Get() L {
	l.record.mu.Lock()
	raw, stored := l.record.locals.values[l.name]
	l.record.mu.Unlock()
	if !stored {
		raw = l.initial
	}
	return copied[L](raw)
}

// Set replaces the value. One that is equal to the present one writes nothing. Errors are those of Entity.Set.
func (l *Local[L]) Set(ctx context.Context, value L) error {
	return l.put(ctx, func() (json.RawMessage, error) { return l.encoded(value) })
}

// Update replaces the value by what change makes of it. Nobody else does meanwhile; change must not do so itself. When it
// returns an error, that is Update's, and nothing is changed.
func (l *Local[L]) Update(ctx context.Context, change func(*L) error) error {
	return l.put(ctx, func() (json.RawMessage, error) {
		value := l.Get()
		if err := change(&value); err != nil {
			return nil, err
		}
		return l.encoded(value)
	})
}

func (l *Local[L]) encoded(value L) (json.RawMessage, error) {
	raw, _, err := encoded(l.record.id, localPart(l.name), value)
	return raw, err
}

// put stores what derive gives, nil to remove it, and waits for the write where the entity is durable, which others need not wait for.
func (l *Local[L]) put(ctx context.Context, derive func() (json.RawMessage, error)) error {
	ticket, wait, err := l.putLocked(derive)
	if err != nil || !wait {
		return err
	}
	return l.record.store.queue.Wait(ctx, ticket)
}

func (l *Local[L]) putLocked(derive func() (json.RawMessage, error)) (ticket queue.Ticket, wait bool, err error) {
	l.updating.Lock()
	defer l.updating.Unlock()
	raw, err := derive()
	if err != nil {
		return ticket, false, err
	}
	return l.record.setLocal(l.name, raw)
}

// Reset removes what is stored: the value is the initial one again.
func (l *Local[L]) Reset(ctx context.Context) error {
	return l.put(ctx, func() (json.RawMessage, error) { return nil, nil })
}

// Stored reports whether the value is one that was set, in this run or a former one.
func (l *Local[L]) Stored() bool {
	l.record.mu.Lock()
	defer l.record.mu.Unlock()
	_, stored := l.record.locals.values[l.name]
	return stored
}

// Problem is why what was stored could not be used; nil when it could.
func (l *Local[L]) Problem() error { return l.problem }
