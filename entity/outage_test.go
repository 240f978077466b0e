package entity_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// lockingVariable holds the work of a process that locks an SQLite database.
const lockingVariable = "SYNAPSE_TEST_ENTITY_LOCKING"

// locking is a process that takes the write lock and keeps it until it is stopped.
type locking struct {
	Path string `json:"path"`
}

// Run says when it has the lock.
func (l locking) Run(ctx context.Context) error {
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: l.Path}, nil)
	if err != nil {
		return err
	}
	defer session.Close()
	if _, err := session.Exec(ctx, "BEGIN IMMEDIATE"); err != nil {
		return err
	}
	fmt.Println("locked") // it is read by the test
	<-ctx.Done()
	_, err = session.Exec(context.WithoutCancel(ctx), "ROLLBACK")
	return errors.Join(err, ctx.Err())
}

// outage takes a place's database away and gives it back.
type outage struct {
	begin, end func(t *testing.T)
}

// newOutage puts something between the place and its server, or prepares to lock the file.
func newOutage(t *testing.T, at *place) outage {
	t.Helper()
	if at.opened.Engine == engine.SQLite {
		return lockOutage(at)
	}
	relay := dbtest.NewRelay(t, "tcp", at.address())
	if at.opened.Engine == engine.Postgres {
		changed := maps.Clone(at.database.Args)
		changed["host"], changed["port"] = relay.Host, relay.Port
		config, _, err := postgres.ParseArgs(changed)
		must(t, err)
		at.opened.Postgres = config
	} else {
		at.opened.MySQL.Host, at.opened.MySQL.Port = relay.Host, relay.Port
	}
	return outage{begin: func(*testing.T) { relay.Cut() }, end: func(t *testing.T) { relay.Restore(t) }}
}

func (p *place) address() string {
	if p.opened.Engine == engine.Postgres {
		return net.JoinHostPort(fmt.Sprint(p.database.Args["host"]), fmt.Sprint(p.database.Args["port"]))
	}
	return net.JoinHostPort(p.opened.MySQL.Host, strconv.Itoa(p.opened.MySQL.Port))
}

func lockOutage(at *place) outage {
	var stop func()
	return outage{
		begin: func(t *testing.T) {
			var output logged
			command := dbtest.Process{Variable: lockingVariable, Work: locking{at.database.Path}}.Start(t, &output)
			dbtest.Await(t, func() bool { return output.Len() > 0 })
			if output.String() != "locked\n" {
				t.Fatal(output.String())
			}
			stop = func() {
				must(t, command.Process.Kill())
				_ = command.Wait() // it was killed
			}
		},
		end: func(*testing.T) { stop() },
	}
}

// TestDatabaseAwayUnderLoad takes the database away while programs write. Nobody waits for it, nothing grows, and in the end
// it has the last value of every entity. It runs alone, since it looks at the goroutines and the memory of the process.
func TestDatabaseAwayUnderLoad(t *testing.T) { //nolint:paralleltest // see above
	for _, kind := range anyengine.Engines() {
		t.Run(string(kind), func(t *testing.T) { databaseAway(t, newPlace(t, kind)) }) //nolint:paralleltest // see above
	}
}

func databaseAway(t *testing.T, at *place) {
	away := newOutage(t, at)
	store := at.open(t)
	load := newLoad(t, store, 500)
	load.start(8)
	defer load.stop()
	dbtest.Await(t, func() bool { return store.Status().Queue.Written > 500 })

	away.begin(t)
	dbtest.Await(t, func() bool { return store.Status().Queue.Attempts > 0 })
	before := load.measure()
	ended := time.NewTimer(time.Duration(min(dbtest.Rounds(t, 1), 10)) * time.Second) // the length of the outage: what is tried, not what is waited for
	<-ended.C
	after := load.measure()
	for writer, reports := range after.reports {
		if reports <= before.reports[writer] {
			t.Errorf("writer %d was kept waiting: %d reports before, %d after", writer, before.reports[writer], reports)
		}
	}
	if after.goroutines > before.goroutines+3 || after.heap > before.heap+8<<20 {
		t.Errorf("from %d goroutines and %d bytes to %d and %d", before.goroutines, before.heap, after.goroutines, after.heap)
	}
	status := store.Status().Queue
	if status.Pending > 500 || status.LastError == nil || status.FailingSince.IsZero() {
		t.Errorf("status %+v", status)
	}
	away.end(t)
	load.stop()
	flush(t, store)
	closed(t, store)
	load.check(t, at)
}

// load are entities that goroutines report of all the time.
type load struct {
	entities []*entity.Entity[int64, struct{}]
	last     []atomic.Int64
	reports  []atomic.Int64
	end      context.CancelFunc
	ctx      context.Context //nolint:containedctx // it is the life of the load
	work     sync.WaitGroup
	failures chan error
}

func newLoad(t *testing.T, store *entity.Store, entities int) *load {
	t.Helper()
	made := &load{last: make([]atomic.Int64, entities)}
	for i := range entities {
		made.entities = append(made.entities, define(t, store, entity.Definition[int64, struct{}]{ID: countedID(i)}))
	}
	made.ctx, made.end = context.WithCancel(t.Context())
	return made
}

// start begins the writers. Each has entities of its own, so that it knows their last values.
func (l *load) start(writers int) {
	l.reports, l.failures = make([]atomic.Int64, writers), make(chan error, writers)
	for writer := range writers {
		l.work.Go(func() { l.write(writer, writers) })
	}
}

func (l *load) write(writer, writers int) {
	pace := time.NewTicker(time.Millisecond) // what is measured is not how much the processors can do
	defer pace.Stop()
	for n := int64(1); l.ctx.Err() == nil; n++ {
		i := writer + writers*rand.IntN((len(l.entities)-writer+writers-1)/writers)
		if err := l.entities[i].Set(context.WithoutCancel(l.ctx), n); err != nil {
			l.failures <- err
			return
		}
		l.last[i].Store(n)
		l.reports[writer].Add(1)
		<-pace.C
	}
}

func (l *load) stop() {
	l.end()
	l.work.Wait()
}

type measured struct {
	reports    []int64
	goroutines int
	heap       uint64
}

func (l *load) measure() measured {
	var memory runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&memory)
	found := measured{goroutines: runtime.NumGoroutine(), heap: memory.HeapAlloc}
	for i := range l.reports {
		found.reports = append(found.reports, l.reports[i].Load())
	}
	return found
}

// check compares what the database has with the last reports.
func (l *load) check(t *testing.T, at *place) {
	t.Helper()
	select {
	case err := <-l.failures:
		t.Error(err)
	default:
	}
	rows := at.rows(t)
	for i := range l.last {
		if got, want := string(rows[countedID(i)].State), strconv.FormatInt(l.last[i].Load(), 10); got != want {
			t.Errorf("entity %d is %s in the database, and %s was reported last", i, got, want)
		}
	}
}

// TestManyEntitiesAndWriters is for the race detector: 10,000 entities, 100 writers, for a minute in the long form.
func TestManyEntitiesAndWriters(t *testing.T) {
	t.Parallel()
	at := newPlace(t, engine.SQLite)
	store := at.open(t)
	load := newLoad(t, store, 10_000)
	load.start(100)
	defer load.stop()
	ended := time.NewTimer(time.Duration(min(dbtest.Rounds(t, 1), 60)) * time.Second)
	<-ended.C
	load.stop()
	closed(t, store)
	load.check(t, at)
	t.Logf("%+v", store.Status().Queue)
}
