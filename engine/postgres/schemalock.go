package postgres

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"strconv"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// How often the lock is asked for, and after what time the caller is told who holds it.
const (
	lockInterval = 50 * time.Millisecond
	lockPatience = time.Second
)

// unlockTimeout is how long giving the lock back may take.
const unlockTimeout = 10 * time.Second

const (
	tryLockSQL = `SELECT pg_try_advisory_lock($1::bigint)`
	unlockSQL  = `SELECT pg_advisory_unlock($1::bigint)`
)

// advisoryLock is a session's lock on one schema of the database. Keys belong to a database.
type advisoryLock struct {
	name string // in messages
	key  int64
}

func newAdvisoryLock(name, schema string) advisoryLock {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("github.com/synapsedb/synapse " + name + "\x00" + schema)) // it never fails
	return advisoryLock{name: name, key: int64(hash.Sum64())}
}

// LockSchema takes a session's advisory lock.
func (s *session) LockSchema(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lock(ctx, newAdvisoryLock("schema lock", s.schema), waiting)
}

// LockUpdates takes another one, and has the session bear UpdatesApplication from then on.
func (s *session) LockUpdates(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockForWork(ctx, newAdvisoryLock("updates lock", s.schema), UpdatesApplication, waiting)
}

// LockNamed does the same with "synapse KIND" for the application_name.
func (s *session) LockNamed(ctx context.Context, kind, name string, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockForWork(ctx, newAdvisoryLock(kind+" lock "+strconv.Quote(name), s.schema), "synapse "+kind, waiting)
}

// lockForWork takes a lock for work beside servers, and gives the session another application_name, so that it shows.
func (s *session) lockForWork(ctx context.Context, wanted advisoryLock, application string, waiting func(holder string)) (unlock func() error, err error) {
	unlock, err = s.lock(ctx, wanted, waiting)
	if err != nil {
		return nil, err
	}
	if err := setSession(ctx, s.driver, map[string]string{"application_name": application}); err != nil {
		return nil, errors.Join(s.explain(ctx, err), unlock())
	}
	return unlock, nil
}

// lock asks again and again instead of waiting in the server: a session that waits holds a snapshot, for which a CREATE
// INDEX CONCURRENTLY of the holder would wait in turn.
func (s *session) lock(ctx context.Context, wanted advisoryLock, waiting func(holder string)) (unlock func() error, err error) {
	told, begun := false, time.Now()
	for {
		locked, err := s.tryLock(ctx, wanted)
		if err != nil {
			return nil, err
		}
		if locked {
			return func() error { return s.unlock(wanted) }, nil
		}
		if !told && time.Since(begun) >= lockPatience {
			if told, err = s.tell(ctx, wanted, waiting); err != nil {
				return nil, err
			}
		}
		if err := engine.Wait(ctx, lockInterval); err != nil {
			return nil, fmt.Errorf("wait for the %s of %s: %w", wanted.name, s.name, err)
		}
	}
}

func (s *session) tryLock(ctx context.Context, wanted advisoryLock) (locked bool, err error) {
	if err := s.connection.QueryRowContext(ctx, tryLockSQL, wanted.key).Scan(&locked); err != nil {
		return false, s.explain(ctx, fmt.Errorf("take the %s of %s: %w", wanted.name, s.name, err))
	}
	return locked, nil
}

// holderSQL finds who holds a lock whose key is one bigint
// (https://www.postgresql.org/docs/current/view-pg-locks.html).
const holderSQL = `SELECT ` + activityColumns + ` FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint`

// tell reports false when the holder has ended meanwhile.
func (s *session) tell(ctx context.Context, wanted advisoryLock, waiting func(holder string)) (bool, error) {
	holders, err := s.activities(ctx, holderSQL, wanted.key)
	if err != nil {
		return false, s.explain(ctx, fmt.Errorf("ask who holds the %s of %s: %w", wanted.name, s.name, err))
	}
	if len(holders) == 0 {
		return false, nil
	}
	if waiting != nil {
		waiting(holders[0])
	}
	return true, nil
}

// unlock works after the end of the context under which the lock was taken. The server has given back the locks of a
// connection that is gone.
func (s *session) unlock(held advisoryLock) error {
	if s.driver.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	var released bool
	if err := s.connection.QueryRowContext(ctx, unlockSQL, held.key).Scan(&released); err != nil {
		return fmt.Errorf("give back the %s of %s: %w", held.name, s.name, err)
	}
	if !released {
		return fmt.Errorf("give back the %s of %s: it was lost", held.name, s.name)
	}
	return nil
}
