package entity

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/synapsedb/synapse/entity/queue"
	"github.com/synapsedb/synapse/entity/significance"
)

// locals are an entity's own variables, by their names, as JSON. What the database had is taken apart when it is first
// asked for.
type locals struct {
	encoded []byte // an object
	values  map[string]json.RawMessage
	opened  bool
	defined map[string]uintptr // where in the program, see caller
}

// open takes what was stored apart. What cannot be is left out, and the error says so, once.
func (l *locals) open() error {
	if l.opened {
		return nil
	}
	l.opened = true
	if err := json.Unmarshal(l.encoded, &l.values); err != nil || l.values == nil {
		l.values = map[string]json.RawMessage{}
		l.encode()
		return fmt.Errorf("the locals are no JSON object: %w", cmp.Or(err, errNull))
	}
	return nil
}

var errNull = errors.New("they are null")

// encode makes the object that is written. A new one: the one before may be waiting in the queue.
func (l *locals) encode() {
	encoded, err := json.Marshal(l.values)
	if err != nil {
		panic(err) // its values were encoded before
	}
	l.encoded = encoded
}

// set replaces a local, or removes it when value is nil, and reports whether that is a change.
func (l *locals) set(name string, value json.RawMessage) (changed bool, err error) {
	before, there := l.values[name]
	if !there || value == nil {
		changed = there || value != nil
	} else {
		same, err := significance.Equal(before, value)
		if err != nil || same {
			return false, err
		}
		changed = true
	}
	if value == nil {
		delete(l.values, name)
	} else {
		l.values[name] = value
	}
	l.encode()
	return changed, nil
}

// setLocal queues a local, or its removal when value is nil, unless it is equal to what is there. It says whether the write is
// to be waited for.
func (r *record) setLocal(name string, value json.RawMessage) (ticket queue.Ticket, wait bool, err error) {
	return r.putLocal(func() (bool, error) { return r.locals.set(name, value) })
}

// resetLocals removes all of them, those too that the program has not defined.
func (r *record) resetLocals(ctx context.Context) error {
	ticket, wait, err := r.putLocal(func() (bool, error) {
		changed := len(r.locals.values) > 0
		clear(r.locals.values)
		r.locals.encode()
		return changed, nil
	})
	if err != nil || !wait {
		return err
	}
	return r.store.queue.Wait(ctx, ticket)
}

// putLocal queues the row when change has changed a local of it.
func (r *record) putLocal(change func() (bool, error)) (ticket queue.Ticket, wait bool, err error) {
	if err := r.store.enter(); err != nil {
		return ticket, false, err
	}
	defer r.store.leave()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.deleted {
		return ticket, false, &DeletedError{ID: r.id}
	}
	changed, err := change()
	if err != nil {
		return ticket, false, err
	}
	if changed {
		r.write()
	}
	return r.ticket, r.waits(), nil
}

func (l *locals) define(name string, made uintptr) {
	if l.defined == nil {
		l.defined = map[string]uintptr{}
	}
	l.defined[name] = made
}

// orEmpty is what is written when there are no locals.
func orEmpty(encoded []byte) []byte {
	if len(encoded) == 0 {
		return []byte("{}")
	}
	return encoded
}

// longestLocal is in bytes.
const longestLocal = 255

func checkLocal(id, name string) error {
	if name == "" || len(name) > longestLocal || !utf8.ValidString(name) {
		return &ValueError{ID: id, Part: localPart(name), Err: fmt.Errorf("its name has to be valid UTF-8 of 1 to %d bytes", longestLocal)}
	}
	return nil
}

func localPart(name string) string { return fmt.Sprintf("local %q", name) }
