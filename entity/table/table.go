package table

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// Table is an application's entities in a database, on one connection, which also holds the application's lock. Its methods wait for each other.
type Table struct {
	database    synapse.Database
	application Application
	log         *slog.Logger
	name        string
	readOnly    bool
	release     func() // ends what keep began; nil when it did not

	mu      sync.Mutex
	session engine.Session // nil when it was closed
	epoch   int64          // of this opening
	doubted bool           // whether the connection and the lock are still there
	ended   error          // why nothing can be done any more
}

// Name is the database in words. It holds no secret.
func (t *Table) Name() string { return t.name }

// Engine is the product behind it.
func (t *Table) Engine() engine.Kind { return t.database.Engine }

// ReadOnly reports whether the database was opened with mode=ro, so that Write refuses.
func (t *Table) ReadOnly() bool { return t.readOnly }

// Close ends the session, and with it the lock. It waits for a Write that is under way.
func (t *Table) Close() error {
	if t.release != nil {
		t.release()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended == nil {
		t.ended = &ClosedError{Application: t.application.ID, Database: t.name}
	}
	return t.closeSession()
}

func (t *Table) closeSession() error {
	if t.session == nil {
		return nil
	}
	session := t.session
	t.session = nil
	return session.Close()
}

// lookTimeout is how long a connection that failed gets to prove that it is still there.
const lookTimeout = 5 * time.Second

// ready makes sure, after an error, that connection and lock are still there: the lock lasts as long as the connection, and the epoch tells whether
// another process had it in between.
func (t *Table) ready(ctx context.Context) error {
	if t.ended != nil {
		return t.ended
	}
	if !t.doubted {
		return nil
	}
	if ctx.Err() != nil {
		return fmt.Errorf("look for the connection to %s: %w", t.name, context.Cause(ctx))
	}
	if t.session != nil {
		err := t.look(ctx)
		if err == nil || t.ended != nil || ctx.Err() != nil || t.inMemory() {
			return err // that ctx ended tells nothing about the connection, and a database in memory is gone with its own
		}
		t.log.WarnContext(ctx, "the connection to the entities was lost", "database", t.name, "error", err)
		if err := t.closeSession(); err != nil {
			t.log.DebugContext(ctx, "closing a lost connection", "database", t.name, "error", err)
		}
	}
	return t.reopen(ctx)
}

func (t *Table) inMemory() bool {
	return t.database.Engine == engine.SQLite && t.database.SQLite.InMemory()
}

func (t *Table) look(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, lookTimeout)
	defer cancel()
	if err := t.judge(ctx); err != nil {
		return err
	}
	t.doubted = false
	return nil
}

// reopen gets another session. The database has to be there: an empty one in its place would not be this application's.
func (t *Table) reopen(ctx context.Context) (err error) {
	database := t.database
	database.SQLite.MustExist = true
	if t.session, err = database.OpenSession(ctx, t.log); err != nil {
		return err
	}
	if err := t.regain(ctx); err != nil {
		if closed := t.closeSession(); closed != nil {
			t.log.DebugContext(ctx, "closing a new connection", "database", t.name, "error", closed)
		}
		return err
	}
	t.doubted = false
	t.log.InfoContext(ctx, "connected to the entities again", "database", t.name)
	return nil
}

// regain asks for the epoch before the lock too, since another process that has taken over holds it.
func (t *Table) regain(ctx context.Context) error {
	if err := t.prepare(ctx, schema.Options{NoUpgrade: true, Log: t.log}); err != nil {
		return err
	}
	if t.readOnly {
		return nil
	}
	if err := t.configure(ctx); err != nil {
		return err
	}
	if err := t.judge(ctx); err != nil {
		return err
	}
	if err := t.lock(ctx); err != nil {
		return err
	}
	return t.judge(ctx)
}

// judge ends the Table by a *SupersededError when the application was opened again since.
func (t *Table) judge(ctx context.Context) error {
	found, err := t.record(ctx, t.session)
	if err != nil || found.epoch == t.epoch {
		return err
	}
	t.ended = &SupersededError{Application: t.application.ID, Database: t.name, Epoch: t.epoch, Found: found.epoch, Holder: found.holder}
	if err := t.closeSession(); err != nil {
		t.log.DebugContext(ctx, "closing the connection to the entities", "database", t.name, "error", err)
	}
	return t.ended
}

// read has work read from the database. In shared memory readers are refused while somebody else writes; a transaction waits for that.
func (t *Table) read(ctx context.Context, what string, work func(engine.Querier) error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := t.ready(ctx); err != nil {
		return err
	}
	var err error
	if t.inMemory() {
		err = t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return work(tx) })
	} else {
		err = work(t.session)
	}
	t.doubted = err != nil && !t.readOnly
	if err != nil {
		return fmt.Errorf("read %s from %s: %w", what, t.name, err)
	}
	return nil
}
