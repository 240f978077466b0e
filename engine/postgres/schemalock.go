package postgres

import (
	"context"
	"fmt"
	"hash/fnv"
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

// schemaKey is the key of the advisory lock for the upgrades of one schema. Keys belong to a database.
func schemaKey(schema string) int64 {
	hash := fnv.New64a()
	_, _ = hash.Write([]byte("github.com/synapsedb/synapse schema lock\x00" + schema)) // it never fails
	return int64(hash.Sum64())
}

// LockSchema takes a session's advisory lock. It asks again and again instead of waiting in the server: a session that
// waits holds a snapshot, for which a CREATE INDEX CONCURRENTLY of the holder would wait in turn.
func (s *session) LockSchema(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	key := schemaKey(s.schema)
	told, begun := false, time.Now()
	for {
		locked, err := s.tryLock(ctx, key)
		if err != nil {
			return nil, err
		}
		if locked {
			return func() error { return s.unlock(key) }, nil
		}
		if !told && time.Since(begun) >= lockPatience {
			if told, err = s.tell(ctx, key, waiting); err != nil {
				return nil, err
			}
		}
		if err := engine.Wait(ctx, lockInterval); err != nil {
			return nil, fmt.Errorf("wait for the schema lock of %s: %w", s.name, err)
		}
	}
}

func (s *session) tryLock(ctx context.Context, key int64) (locked bool, err error) {
	if err := s.connection.QueryRowContext(ctx, tryLockSQL, key).Scan(&locked); err != nil {
		return false, s.explain(ctx, fmt.Errorf("lock the schema of %s: %w", s.name, err))
	}
	return locked, nil
}

// holderSQL finds who holds a lock whose key is one bigint
// (https://www.postgresql.org/docs/current/view-pg-locks.html).
const holderSQL = `SELECT ` + activityColumns + ` FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (l.classid::bigint << 32 | l.objid::bigint) = $1::bigint`

// tell reports false when the holder has ended meanwhile.
func (s *session) tell(ctx context.Context, key int64, waiting func(holder string)) (bool, error) {
	holders, err := s.activities(ctx, holderSQL, key)
	if err != nil {
		return false, s.explain(ctx, fmt.Errorf("ask who holds the schema lock of %s: %w", s.name, err))
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
func (s *session) unlock(key int64) error {
	if s.driver.IsClosed() {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), unlockTimeout)
	defer cancel()
	var held bool
	if err := s.connection.QueryRowContext(ctx, unlockSQL, key).Scan(&held); err != nil {
		return fmt.Errorf("unlock the schema of %s: %w", s.name, err)
	}
	if !held {
		return fmt.Errorf("unlock the schema of %s: the lock was lost", s.name)
	}
	return nil
}
