package entity

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/synapsedb/synapse/entity/queue"
	"github.com/synapsedb/synapse/entity/table"
)

// Store keeps the entities of one application. It is used by any number of goroutines.
type Store struct {
	config      Config
	application string
	table       *table.Table
	queue       *queue.Queue[table.Change]
	log         *slog.Logger
	opened      time.Time
	loaded      int

	plains sync.Map // of types: whether they refer to nothing, see plain

	// gate is held for reading by whatever may put something into the queue, so that Close knows when there is no more of it.
	// It is taken before all other locks, but after those named updating, and never twice: no subscriber is told with it.
	gate   sync.RWMutex
	closed bool

	mu       sync.Mutex
	held     map[*record]bool // those with a report that waits for the end of an interval
	records  map[string]*record
	unknown  map[string]*table.Row // rows of entities that nobody has defined
	problems []Problem
}

// Open prepares the database (creates its tables, or upgrades them), takes the application's lock and reads all of its
// entities. A process that runs the same application on this database makes it fail, with a *table.RunningError that
// names it. A database of the TypeScript library is a *LegacyError. The other errors are those of package setting, of
// schema.Prepare and of the engines: nothing is opened by halves.
func Open(ctx context.Context, config Config) (*Store, error) {
	config = config.complete()
	settings, err := config.resolve(ctx)
	if err != nil {
		return nil, fmt.Errorf("open the entities: %w", err)
	}
	opened, err := table.Open(ctx, settings.Database, settings.Application, config.Log)
	if err != nil {
		return nil, fmt.Errorf("open the entities: %w", config.explain(settings, orLegacy(err)))
	}
	store := &Store{
		config: config, application: settings.Application.ID, table: opened, log: config.Log, opened: now(),
		unknown: map[string]*table.Row{}, held: map[*record]bool{},
	}
	if err := opened.Load(ctx, store.take); err != nil {
		return nil, errors.Join(fmt.Errorf("read the entities: %w", err), opened.Close())
	}
	store.loaded = len(store.unknown)
	store.records = make(map[string]*record, store.loaded)
	store.queue = queue.New(store.writer())
	return store, nil
}

func (s *Store) take(row table.Row) error {
	makeStorable(&row)
	s.unknown[row.ID] = &row
	return nil
}

func (s *Store) writer() queue.Config[table.Change] {
	return queue.Config[table.Change]{
		Write: s.table.Write, Rejects: table.Rejects, Fatal: fatal, Merge: merge, Size: size,
		Delay: s.config.Delay, WriteTimeout: s.config.WriteTimeout, Log: s.log,
	}
}

// fatal reports whether writing would fail for good.
func fatal(err error) bool {
	_, superseded := errors.AsType[*table.SupersededError](err)
	_, readOnly := errors.AsType[*table.ReadOnlyError](err)
	return superseded || readOnly
}

// merge keeps a row that is to be set aside when a newer value takes the place of the change it came with. Of two such rows the first
// is the one that was stored, the other has lost a part already.
func merge(pending, next table.Change) table.Change {
	if pending.Aside == nil {
		return next
	}
	both := *pending.Aside
	if next.Aside != nil {
		both.Problem += "; " + next.Aside.Problem
	}
	next.Aside = &both
	return next
}

// size is about how many bytes of a statement a change takes.
func size(change table.Change) int {
	bytes := len(change.ID)
	if change.Row != nil {
		bytes += len(change.Row.State) + len(change.Row.Attributes) + len(change.Row.Locals)
	}
	if change.Aside != nil {
		bytes += len(change.Aside.State) + len(change.Aside.Attributes) + len(change.Aside.Locals)
	}
	return bytes
}

// enter opens the gate for what changes something, until leave, or refuses it: nothing is taken that could only be lost.
func (s *Store) enter() error {
	if s.table.ReadOnly() {
		return &table.ReadOnlyError{Database: s.table.Name()}
	}
	return s.enterOpen()
}

// enterOpen is enter for what may have nothing to write.
func (s *Store) enterOpen() error {
	s.gate.RLock()
	if !s.closed {
		return nil
	}
	s.gate.RUnlock()
	return &ClosedError{Application: s.application}
}

func (s *Store) leave() { s.gate.RUnlock() }

// put queues a change. Whoever calls it has entered, or is Close.
func (s *Store) put(change table.Change) queue.Ticket { return s.queue.Put(change.ID, change) }

// Flush waits until all that was set before is durable, what waits for the end of a minimum interval included. The error is
// why ctx ended, or a *queue.RejectedError for values that the database refuses.
func (s *Store) Flush(ctx context.Context) error {
	if err := s.enterOpen(); err == nil {
		released := s.release()
		s.leave()
		deliver(released)
	}
	return s.queue.Flush(ctx)
}

// release makes changes of all reports that wait for the end of an interval. Subscribers are to be told when the gate is left.
func (s *Store) release() (released []*record) {
	s.mu.Lock()
	released = slices.Collect(maps.Keys(s.held))
	s.mu.Unlock()
	for _, found := range released {
		found.release()
	}
	return released
}

func deliver(to []*record) {
	for _, one := range to {
		one.changes.deliver()
	}
}

// Close writes what is not written yet, for as long as ctx lets it, and ends. When ctx ends first the error is a
// *queue.UnwrittenError with the ids of what is lost. Values that are set afterwards are refused with a *ClosedError;
// reading goes on. Closing again gives the same, and may give up sooner.
func (s *Store) Close(ctx context.Context) error {
	deliver(s.shut())
	err := s.queue.Close(ctx)
	if lost, is := errors.AsType[*queue.UnwrittenError](err); is && lost.Writing {
		go s.closeTable() // it waits for the write
		return err
	}
	return errors.Join(err, s.table.Close())
}

// shut closes the gate, when the last reports have come through it.
func (s *Store) shut() (released []*record) {
	s.gate.Lock()
	defer s.gate.Unlock()
	s.closed = true
	return s.release()
}

func (s *Store) closeTable() {
	if err := s.table.Close(); err != nil {
		s.log.Warn("closing the connection to the entities", "application", s.application, "error", err)
	}
}

// Ready says that all entities are defined. Those which the database has and the program does not are marked as removed
// from then on; their rows stay, for Config.Retention when that is set. One that is defined again is as it was. Without
// Ready nothing is taken for removed.
func (s *Store) Ready() error {
	if s.table.ReadOnly() {
		return nil
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	moment := now()
	for _, id := range sortedKeys(s.unknown) {
		if table.CheckID(id) == nil { // somebody has made another by hand: it could not be written
			s.removed(s.unknown[id], moment)
		}
	}
	return nil
}

// removed marks a row, or deletes it when it has been marked for long enough.
func (s *Store) removed(row *table.Row, moment time.Time) {
	switch {
	case row.Removed.IsZero():
		marked := *row
		marked.Removed, marked.LastWritten = moment, moment
		s.unknown[row.ID] = &marked
		s.put(table.Change{ID: row.ID, Row: &marked})
	case s.config.Retention > 0 && moment.Sub(row.Removed) >= s.config.Retention:
		delete(s.unknown, row.ID)
		s.put(table.Change{ID: row.ID, Delete: true})
	}
}

// Removed is an entity of the database that the program does not define.
type Removed struct {
	ID string
	// Since is when a program was Ready without it; zero before that.
	Since time.Time
}

// Removed lists, sorted by id, what the database has and nobody has defined so far.
func (s *Store) Removed() []Removed {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Removed, 0, len(s.unknown))
	for id, row := range s.unknown {
		list = append(list, Removed{ID: id, Since: row.Removed})
	}
	slices.SortFunc(list, func(a, b Removed) int { return strings.Compare(a.ID, b.ID) })
	return list
}

// Forget deletes the row of an entity that nobody has defined. One that is not there is no error. Errors: *table.IDError, *ClosedError,
// *table.ReadOnlyError.
func (s *Store) Forget(id string) error {
	if err := table.CheckID(id); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.leave()
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, found := s.unknown[id]; found {
		s.put(table.Change{ID: id, Delete: true})
		delete(s.unknown, id)
	}
	return nil
}

// all is every entity that is defined, sorted by id.
func (s *Store) all() []*record {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]*record, 0, len(s.records))
	for _, id := range sortedKeys(s.records) {
		list = append(list, s.records[id])
	}
	return list
}

func sortedKeys[V any](of map[string]V) []string { return slices.Sorted(maps.Keys(of)) }

// hold notes which entities have a report that waits.
func (s *Store) hold(r *record, waits bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if waits {
		s.held[r] = true
	} else {
		delete(s.held, r)
	}
}
