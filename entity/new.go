package entity

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"runtime"
	"sync"
	"time"

	"github.com/synapsedb/synapse/entity/table"
)

// New defines an entity. It has the state, the attributes and the locals that were stored, or those of its definition
// when it is new; everything else is the definition's. What was stored and cannot be used is set aside whole, and
// Restored says so: it is no error here. Errors: *CollisionError when there is an entity of this id, *ValueError for
// values that JSON cannot express, *table.IDError, *ClosedError, and those of significance.Rule.Check.
func New[State, Attributes any](store *Store, definition Definition[State, Attributes]) (*Entity[State, Attributes], error) {
	return newEntity(store, &definition, caller())
}

// NewAll is New for many entities at once, on all processors, as a program wants that has tens of thousands. They are given in the order of their definitions;
// those that are refused are nil, and the error has the reasons joined.
func NewAll[State, Attributes any](store *Store, definitions []Definition[State, Attributes]) ([]*Entity[State, Attributes], error) {
	made, from := make([]*Entity[State, Attributes], len(definitions)), caller()
	parts := runtime.GOMAXPROCS(0)
	problems := make([]error, parts)
	var work sync.WaitGroup
	for part := range parts {
		work.Go(func() {
			var found []error
			for i := len(definitions) * part / parts; i < len(definitions)*(part+1)/parts; i++ {
				var err error
				if made[i], err = newEntity(store, &definitions[i], from); err != nil {
					found = append(found, err)
				}
			}
			problems[part] = errors.Join(found...)
		})
	}
	work.Wait()
	return made, errors.Join(problems...)
}

func newEntity[State, Attributes any](store *Store, definition *Definition[State, Attributes], from uintptr) (*Entity[State, Attributes], error) {
	made, err := newRecord(store, definition, from)
	if err == nil {
		err = define(made, definition)
	}
	if err != nil {
		return nil, fmt.Errorf("define an entity: %w", err)
	}
	if problem := made.restored.Problem; problem != nil {
		store.report(Problem{ID: made.id, Err: problem})
	}
	return &Entity[State, Attributes]{record: made, plainState: store.plain(reflect.TypeFor[State]()), plainAttributes: store.plain(reflect.TypeFor[Attributes]())}, nil
}

// define gives a record its values, and makes it the one of its id.
func define[State, Attributes any](made *record, definition *Definition[State, Attributes]) error {
	store := made.store
	if err := store.enterOpen(); err != nil {
		return err
	}
	defer store.leave()
	row, found, err := store.claim(made)
	if err != nil {
		return err
	}
	defer made.mu.Unlock()
	begun := false
	defer func() { // after a panic of the program's own code, too
		if !begun {
			store.disclaim(made, row, found)
		}
	}()
	kept, value, err := first(made, definition, row, found)
	if err != nil {
		return err
	}
	made.begin(kept, value, row, found)
	begun = true
	return nil
}

// caller is where the function was called that calls this one.
func caller() uintptr {
	var counters [1]uintptr
	runtime.Callers(3, counters[:])
	return counters[0]
}

func newRecord[State, Attributes any](store *Store, from *Definition[State, Attributes], made uintptr) (*record, error) {
	if err := errors.Join(table.CheckID(from.ID), from.Significance.check(from.ID), from.checkVersion()); err != nil {
		return nil, err
	}
	found := &record{
		store: store, id: from.ID, name: from.Name, icon: from.Icon, options: from.Options, made: made,
		durable: from.Durable, format: int64(from.Version), interval: from.Significance.MinInterval,
		significant: from.Significance.function(),
	}
	found.decode = func(raw document) (any, error) { return decodeValues[State, Attributes](found.id, raw) }
	return found, nil
}

func (d *Definition[State, Attributes]) checkVersion() error {
	if d.Version < 0 || d.Version > math.MaxInt32 {
		return fmt.Errorf("the version of the entity %q is %d; it is 0 to %d", d.ID, d.Version, math.MaxInt32)
	}
	return nil
}

func (s *Significance[State, Attributes]) check(id string) error {
	if s.MinInterval < 0 {
		return fmt.Errorf("the minimum interval of the entity %q is below zero", id)
	}
	if err := s.Check(); err != nil {
		return fmt.Errorf("the significance of the entity %q: %w", id, err)
	}
	return nil
}

func (s *Significance[State, Attributes]) function() func(before, after document) (bool, error) {
	if s.Func == nil {
		rule := s.Rule
		return rule.Significant
	}
	function := s.Func
	return func(before, after document) (bool, error) {
		return function(copiedValues[State, Attributes](before), copiedValues[State, Attributes](after)), nil
	}
}

func decodeValues[State, Attributes any](id string, raw document) (Values[State, Attributes], error) {
	state, err := decodeGiven[State](id, "state", raw.State)
	if err != nil {
		return Values[State, Attributes]{}, err
	}
	attributes, err := decodeGiven[Attributes](id, "attributes", raw.Attributes)
	return Values[State, Attributes]{state, attributes}, err
}

// claim makes a record the one of its id, and gives the row that was stored.
func (s *Store) claim(made *record) (row *table.Row, found bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, taken := s.records[made.id]; taken {
		return row, false, &CollisionError{ID: made.id, First: first.place(), Second: made.place()}
	}
	row, found = s.unknown[made.id]
	delete(s.unknown, made.id)
	s.records[made.id] = made
	made.mu.Lock() // nobody sees it before it has values
	return row, found, nil
}

// disclaim takes back what claim has done.
func (s *Store) disclaim(made *record, row *table.Row, found bool) {
	made.deleted = true
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, made.id)
	if found {
		s.unknown[row.ID] = row
	}
}

// begin gives a record its first values, and queues them when the database has others.
func (r *record) begin(kept document, value any, row *table.Row, found bool) {
	r.now, r.kept, r.value, r.changed = kept, kept, value, now()
	r.locals.encoded = []byte("{}")
	if found {
		r.beginLocals(row.Locals)
		r.changed = row.LastChanged
		r.restored.Found, r.restored.Version = true, int(row.Definition)
		r.restored.LastChanged, r.restored.LastWritten, r.restored.Removed = row.LastChanged, row.LastWritten, row.Removed
	}
	if r.store.table.ReadOnly() || found && row.Removed.IsZero() && !r.restored.Migrated && r.restored.Problem == nil {
		return
	}
	change := table.Change{ID: r.id, Row: r.row()}
	if r.restored.Problem != nil {
		change.Aside = aside(row, r.restored.Problem)
	}
	r.ticket = r.store.put(change)
}

func aside(row *table.Row, problem error) *table.Damaged {
	return &table.Damaged{Row: *row, Found: now(), Problem: string(storable([]byte(problem.Error())))}
}

func (s *Store) forget(r *record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.records, r.id)
}

// now is the time as it is stored, in microseconds.
func now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// plain reports whether a copy of a value shares nothing with it. Many entities have few types.
func (s *Store) plain(of reflect.Type) bool {
	if known, found := s.plains.Load(of); found {
		return known == true
	}
	found := plain(of)
	s.plains.Store(of, found)
	return found
}

func plain(of reflect.Type) bool {
	switch of.Kind() { // what is missing refers to something, or JSON cannot express it
	case reflect.Bool, reflect.String, reflect.Float32, reflect.Float64,
		reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64,
		reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return true
	case reflect.Array:
		return plain(of.Elem())
	case reflect.Struct:
		for field := range of.Fields() {
			if !plain(field.Type) {
				return false
			}
		}
		return true
	default:
		return false
	}
}
