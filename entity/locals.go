package entity

import (
	"bytes"
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
	problem error  // why what was stored is not this
	values  map[string]json.RawMessage
	opened  bool
	defined map[string]uintptr // where in the program, see caller
}

// open takes what was stored apart.
func (l *locals) open() {
	if l.opened {
		return
	}
	l.opened = true
	if err := json.Unmarshal(l.encoded, &l.values); err != nil {
		panic(err) // it is an object, see beginLocals
	}
}

// beginLocals takes what was stored, unless it is no object. That is looked at now, and not when a local is defined: it is to
// be set aside before anything else is written.
func (r *record) beginLocals(stored []byte) {
	if len(stored) == 0 {
		return
	}
	if json.Valid(stored) && bytes.TrimLeft(stored, " \t\r\n")[0] == '{' {
		r.locals.encoded = stored
		return
	}
	r.locals.problem = &ValueError{ID: r.id, Part: "locals", Err: errNoObject}
	r.restored.Problem = errors.Join(r.restored.Problem, r.locals.problem)
}

var errNoObject = errors.New("they are no JSON object")

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
		r.locals.open()
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

// longestLocal is in bytes.
const longestLocal = 255

func checkLocal(id, name string) error {
	if name == "" || len(name) > longestLocal || !utf8.ValidString(name) {
		return &ValueError{ID: id, Part: localPart(name), Err: fmt.Errorf("its name has to be valid UTF-8 of 1 to %d bytes", longestLocal)}
	}
	return nil
}

func localPart(name string) string { return fmt.Sprintf("local %q", name) }
