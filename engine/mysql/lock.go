package mysql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// lockSlice is how long one statement waits for the lock, in seconds: a context that ends is noticed after that. Breaking
// the statement off would end the connection. MySQL knows no parts of a second here.
const lockSlice = 1

// releaseTimeout is how long giving the lock back may take.
const releaseTimeout = 10 * time.Second

// LockSchema takes the lock of this database.
func (s *session) LockSchema(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lock(ctx, "synapse.schema."+s.mark, waiting)
}

// LockUpdates takes another lock, and gives up the one by which others know the session for one that changes the schema.
func (s *session) LockUpdates(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockForWork(ctx, "synapse.updates."+s.mark, waiting)
}

// LockNamed does the same; in the lock's name a mark stands for the name.
func (s *session) LockNamed(ctx context.Context, kind, name string, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockForWork(ctx, "synapse."+kind+"."+s.mark+"."+markOf(name), waiting)
}

func (s *session) lockForWork(ctx context.Context, name string, waiting func(holder string)) (unlock func() error, err error) {
	unlock, err = s.lock(ctx, name, waiting)
	if err != nil {
		return nil, err
	}
	if err := s.unlock(s.presencePrefix() + strconv.FormatUint(s.id, 10)); err != nil {
		return nil, errors.Join(err, unlock())
	}
	return unlock, nil
}

// lock waits for a lock by its name.
func (s *session) lock(ctx context.Context, name string, waiting func(holder string)) (unlock func() error, err error) {
	for told := false; ; told = true {
		if err := context.Cause(ctx); err != nil {
			return nil, fmt.Errorf("wait for the lock %s of %s: %w", name, s.Name(), err)
		}
		locked, err := s.tryLock(context.WithoutCancel(ctx), name)
		if err != nil {
			return nil, fmt.Errorf("take the lock %s of %s: %w", name, s.Name(), err)
		}
		if locked {
			return s.locked(context.WithoutCancel(ctx), name)
		}
		if !told && waiting != nil {
			waiting(s.holder(context.WithoutCancel(ctx), name))
		}
	}
}

// locked gives the way to give a lock back that has just been taken.
func (s *session) locked(ctx context.Context, name string) (unlock func() error, err error) {
	if err := s.proveLock(ctx, name); err != nil {
		return nil, errors.Join(err, s.unlock(name))
	}
	return sync.OnceValue(func() error { return s.unlock(name) }), nil
}

// tryLock waits a moment for a lock.
func (s *session) tryLock(ctx context.Context, name string) (bool, error) {
	var locked sql.NullInt64
	if err := s.QueryRow(ctx, `SELECT GET_LOCK(?, ?)`, name, lockSlice).Scan(&locked); err != nil {
		return false, err
	}
	if !locked.Valid {
		return false, errors.New("the server could not take it: look at its log")
	}
	return locked.Int64 == 1, nil
}

// proveLock looks at the lock in a statement of its own: a proxy that gives each statement to another connection would
// make it worthless.
func (s *session) proveLock(ctx context.Context, name string) error {
	var holder, id sql.Null[uint64]
	if err := s.QueryRow(ctx, `SELECT IS_USED_LOCK(?), CONNECTION_ID()`, name).Scan(&holder, &id); err != nil {
		return fmt.Errorf("look at the lock %s of %s: %w", name, s.Name(), err)
	}
	if holder.V == s.id && id.V == s.id {
		return nil
	}
	return &engine.Error{
		Op: "take the lock " + name + " of", Object: s.Name(),
		Err:  fmt.Errorf("it is held by connection %d, and this is connection %d, which began as %d", holder.V, id.V, s.id),
		Hint: "connect to the server itself, not to a proxy that shares its connections between statements",
	}
}

// unlock gives a lock back. One whose connection has ended is given back.
func (s *session) unlock(name string) error {
	ctx, cancel := context.WithTimeout(context.Background(), releaseTimeout)
	defer cancel()
	var released sql.NullInt64
	err := s.QueryRow(ctx, `SELECT RELEASE_LOCK(?)`, name).Scan(&released)
	if err != nil && !isGone(err) {
		return fmt.Errorf("give the lock %s of %s back: %w", name, s.Name(), err)
	}
	return nil
}

const holderSQL = `SELECT p.id, p.user, p.host, p.time FROM information_schema.PROCESSLIST AS p WHERE p.id = IS_USED_LOCK(?)`

// holder says who holds a lock. It is for a message, so an error only makes it shorter.
func (s *session) holder(ctx context.Context, name string) string {
	var found sessionRow
	if err := s.QueryRow(ctx, holderSQL, name).Scan(&found.id, &found.user, &found.host, &found.seconds); err == nil {
		return found.String()
	}
	var id sql.Null[uint64]
	if err := s.QueryRow(ctx, `SELECT IS_USED_LOCK(?)`, name).Scan(&id); err == nil && id.Valid {
		return fmt.Sprintf("connection %d", id.V)
	}
	return "another session"
}

// sessionRow is a row of the server's list of sessions.
type sessionRow struct {
	id         uint64
	user, host string
	seconds    float64
	command    string
}

// String describes the session for an operator.
func (r sessionRow) String() string {
	text := fmt.Sprintf("connection %d of user %s from %s", r.id, r.user, r.host)
	if r.command != "" {
		text += fmt.Sprintf(", %s since %.0f s", r.command, r.seconds)
	}
	return text
}

// otherSessionsSQL takes the beginning of the names of the locks that sessions introduce themselves by. The event scheduler
// and other parts of the server are no sessions, and one that is just ending (Killed, Quit) has given its locks back. BINARY where names differ in case, as the column's collation would take a for A.
const otherSessionsSQL = `SELECT p.id, p.user, p.host, p.time, p.command FROM information_schema.PROCESSLIST AS p
	WHERE IF(@@lower_case_table_names = 0, CAST(p.db AS BINARY) = CAST(DATABASE() AS BINARY), p.db = DATABASE())
		AND p.id <> CONNECTION_ID() AND p.command NOT IN ('Daemon', 'Binlog Dump', 'Killed', 'Quit')
		AND COALESCE(IS_USED_LOCK(CONCAT(?, p.id)), 0) <> p.id
	ORDER BY p.id`

// OtherSessions lists the sessions that use the database. A user without the privilege PROCESS sees only its own user's.
func (s *session) OtherSessions(ctx context.Context) (described []string, err error) {
	// The server lists the sessions first and then looks at the locks. One that has introduced itself and ends in between
	// seems not to have; it is gone when the server is asked again.
	first, err := s.others(ctx)
	if err != nil || len(first) == 0 {
		return nil, err
	}
	second, err := s.others(ctx)
	for _, found := range second {
		if slices.ContainsFunc(first, func(before sessionRow) bool { return before.id == found.id }) {
			described = append(described, found.String())
		}
	}
	return described, err
}

// others asks once.
func (s *session) others(ctx context.Context) (found []sessionRow, err error) {
	rows, err := s.Query(ctx, otherSessionsSQL, s.presencePrefix())
	if err != nil {
		return nil, fmt.Errorf("list the sessions of %s: %w", s.Name(), err)
	}
	defer rows.Close()
	for rows.Next() {
		var row sessionRow
		if err := rows.Scan(&row.id, &row.user, &row.host, &row.seconds, &row.command); err != nil {
			return nil, fmt.Errorf("list the sessions of %s: %w", s.Name(), err)
		}
		found = append(found, row)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list the sessions of %s: %w", s.Name(), err)
	}
	return found, nil
}

// sessionsAtWorkSQL leaves out what is no client, and sessions that wait for a lock or sleep.
const sessionsAtWorkSQL = `SELECT count(*) FROM information_schema.PROCESSLIST AS p
	WHERE p.id <> CONNECTION_ID() AND p.command IN ('Query', 'Execute', 'Prepare', 'Fetch')
		AND COALESCE(p.state, '') NOT LIKE '%lock%' AND COALESCE(p.state, '') <> 'User sleep'`

// SessionsAtWork counts the other sessions of the server that are running a statement. A user without the privilege PROCESS
// sees only its own user's.
func (s *session) SessionsAtWork(ctx context.Context) (count int, err error) {
	if err := s.QueryRow(ctx, sessionsAtWorkSQL).Scan(&count); err != nil {
		return 0, fmt.Errorf("count the sessions at work on the server of %s: %w", s.Name(), err)
	}
	return count, nil
}
