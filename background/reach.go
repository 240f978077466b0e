package background

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// Sessions that have just ended may still be listed for a moment.
const (
	sessionsPatience = 2 * time.Second
	sessionsInterval = 100 * time.Millisecond
	lockInterval     = time.Second // between two looks whether another process has ended
)

// reach opens the session and takes the lock, unless it has both. While it waits for another process it keeps no session,
// which that process would take for a server's.
func (r *run) reach(ctx context.Context) error {
	config := &r.updater.config
	for told := false; ; told = true {
		err := r.tryToReach(ctx)
		running, isRunning := errors.AsType[*RunningError](err)
		if !isRunning || !config.Wait {
			return err
		}
		if !told {
			config.Log.WarnContext(ctx, "another process runs the background updates; waiting for it", "holder", running.Holder)
		}
		if err := config.Clock.Sleep(ctx, lockInterval); err != nil {
			return err
		}
	}
}

func (r *run) tryToReach(ctx context.Context) error {
	if r.session != nil {
		return nil
	}
	session, err := r.updater.config.Open(ctx)
	if err != nil {
		return err
	}
	if err := r.take(ctx, session); err != nil {
		return errors.Join(err, session.Close())
	}
	r.session, r.connected = session, true
	if !r.updater.config.Brief {
		r.since = time.Time{} // the time without a connection does not count
	}
	return nil
}

func (r *run) take(ctx context.Context, session engine.Session) error {
	unlock, err := r.lock(ctx, session)
	if err != nil {
		return err
	}
	tables, err := tablesOf(ctx, session)
	if err == nil && !tables.updates {
		err = fmt.Errorf("%s has no table background_updates: it has to be created first, by the server or by `synapse upgrade`", session.Name())
	}
	if err == nil && !r.connected {
		err = r.checkSessions(ctx, session)
	}
	if err != nil {
		return errors.Join(err, unlock())
	}
	r.unlock, r.withErrors, r.withRates = unlock, tables.errors, tables.rates
	return nil
}

// lock takes the lock. After the first connection it waits: the server may not yet have noticed that the connection before
// is gone.
func (r *run) lock(ctx context.Context, session engine.Session) (unlock func() error, err error) {
	config := &r.updater.config
	waiting, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	unlock, err = session.LockUpdates(waiting, func(holder string) {
		if r.connected {
			config.Log.WarnContext(ctx, "another session runs the background updates; waiting for it", "holder", holder)
			return
		}
		stop(&RunningError{Database: session.Name(), Holder: holder})
	})
	if running, isRunning := errors.AsType[*RunningError](err); isRunning {
		return nil, running
	}
	return unlock, err
}

// checkSessions refuses to work beside a server that might run the same updates.
func (r *run) checkSessions(ctx context.Context, session engine.Session) error {
	config := &r.updater.config
	if config.SessionsKnown {
		return nil
	}
	for begun := config.Clock.Now(); ; {
		others, err := session.OtherSessions(ctx)
		if err != nil || len(others) == 0 {
			return err
		}
		if config.Clock.Now().Sub(begun) >= sessionsPatience {
			return &SessionsError{Database: session.Name(), Sessions: others}
		}
		if err := config.Clock.Sleep(ctx, sessionsInterval); err != nil {
			return err
		}
	}
}

// tables are those of the bookkeeping that a database may have or not.
type tables struct{ updates, errors, rates bool }

func tablesOf(ctx context.Context, session engine.Session) (found tables, err error) {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return found, fmt.Errorf("read the catalog of %s: %w", session.Name(), err)
	}
	has := func(table string) bool { return catalog.Table(table) != nil }
	return tables{has(schema.UpdatesTable), has(schema.UpdateErrorsTable), has(schema.UpdateRatesTable)}, nil
}
