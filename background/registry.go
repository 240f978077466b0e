package background

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// Handler does one batch of an update in the transaction of the batch. The Updater records the progress in the same
// transaction and commits it. An error rolls back; the same batch is tried again later. The transaction may be repeated
// from its start, so a Handler keeps what it learns in its Result only.
type Handler func(ctx context.Context, batch *Batch) (Result, error)

// Batch is what a Handler works on.
type Batch struct {
	// Name of the update.
	Name string
	// Tx is the transaction.
	Tx engine.Tx
	// Progress is what the batch before has left; {} for the first, unless who enqueued the update gave it a start.
	Progress json.RawMessage
	// Size is how many items the batch should have.
	Size int
}

// AloneHandler does one batch of an update that cannot be in a transaction, such as CREATE INDEX CONCURRENTLY. Its progress
// is recorded after it has returned: what it does must be safe to repeat. It gets the end of ctx at once.
type AloneHandler func(ctx context.Context, alone *Alone) (Result, error)

// Alone is what an AloneHandler works on.
type Alone struct {
	// Name of the update.
	Name string
	// Session is the Updater's own. Its locks and settings are to be left as they are.
	Session engine.Session
	// Progress and Size are those of a Batch.
	Progress json.RawMessage
	Size     int
	// Clock waits.
	Clock Clock
	// Log is never nil.
	Log *slog.Logger
}

// Result is what a batch has done.
type Result struct {
	// Items is how many were worked on. The next batch's size follows from it and from the time the batch took; with 0
	// the size stays.
	Items int
	// Progress is where to go on, and becomes JSON; nil leaves it as it is.
	Progress any
	// Done ends the update. Progress means nothing then.
	Done bool
}

// Registry knows the handlers of updates by name. It is filled before it is used.
type Registry struct{ entries map[string]*entry }

type entry struct {
	handler Handler
	alone   AloneHandler
	logical string
	oneshot bool
	total   func(ctx context.Context, tx engine.Tx) (int64, error)
}

// NewRegistry makes an empty one.
func NewRegistry() *Registry { return &Registry{entries: map[string]*entry{}} }

// Option says more of an update.
type Option func(*entry)

// OnDatabase says which logical database the update's tables are in; without it, it is run wherever it is enqueued.
func OnDatabase(logical string) Option { return func(e *entry) { e.logical = logical } }

// Oneshot tells the Controller that the update is one piece of work, whatever the batch size. Alone ones are unless
// InBatches is given.
func Oneshot() Option { return func(e *entry) { e.oneshot = true } }

// InBatches says of an update that runs alone that it follows the batch size.
func InBatches() Option { return func(e *entry) { e.oneshot = false } }

// Total says about how many items the update has in all, for the time that is left to be told; a negative number says that it
// is not known. It is asked once, in a transaction of its own around the first batch, and not if the update was enqueued with
// a start or another program has begun it. It should not take long.
func Total(total func(ctx context.Context, tx engine.Tx) (int64, error)) Option {
	return func(e *entry) { e.total = total }
}

// Register says what does the work of an update. A name that is registered already is an error of the program, and panics.
func (r *Registry) Register(name string, handler Handler, options ...Option) {
	r.add(name, &entry{handler: handler}, options)
}

// RegisterAlone is Register for an update that runs outside of a transaction.
func (r *Registry) RegisterAlone(name string, handler AloneHandler, options ...Option) {
	r.add(name, &entry{alone: handler, oneshot: true}, options)
}

func (r *Registry) add(name string, added *entry, options []Option) {
	if name == "" || r.entries[name] != nil || added.handler == nil && added.alone == nil {
		panic(fmt.Sprintf("background update %q: it has no name, no handler, or is registered twice", name))
	}
	for _, option := range options {
		option(added)
	}
	r.entries[name] = added
}

// Names lists the updates that can be run.
func (r *Registry) Names() []string {
	return slices.SortedFunc(maps.Keys(r.entries), cmp.Compare[string])
}

// Has reports whether an update can be run.
func (r *Registry) Has(name string) bool { return r.entries[name] != nil }
