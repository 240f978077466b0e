package backup

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// defaultLockWait is how long pg_dump and our own session wait for the locks of the tables. Whoever waits for longer holds up those who come behind.
const defaultLockWait = 30 * time.Second

// lockWait is in PostgreSQL's words.
func (o CreateOptions) lockWait() string {
	return strconv.FormatInt(o.LockWait.Milliseconds(), 10) + "ms"
}

// What is said when a lock was not had in that time, and when a session of pg_dump does not get at once what its first one has, since
// somebody is waiting for the table.
var lockMessage = regexp.MustCompile(`LOCK TABLE .* IN ACCESS SHARE MODE|could not obtain lock on relation|canceling statement due to lock timeout`)

const holdersSQL = `SELECT DISTINCT format('%s: %s of %s (pid %s): %s', l.relation::regclass, coalesce(nullif(a.application_name, ''), 'a session'), a.usename, a.pid,
    left(regexp_replace(a.query, '\s+', ' ', 'g'), 100))
FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.relation >= 16384 AND a.pid <> pg_backend_pid() ORDER BY 1 LIMIT 5`

// lock keeps tables as they are until they are dumped and counted: neither sees what TRUNCATE has left of a table that it has not read yet.
func (s *postgresSource) lock(ctx context.Context, tables []Table) error {
	if len(tables) == 0 {
		return nil
	}
	var names []string
	for _, table := range tables {
		names = append(names, quoteTable(table))
	}
	_, err := s.session.Exec(ctx, "LOCK TABLE "+strings.Join(names, ", ")+" IN ACCESS SHARE MODE")
	return err
}

// explainLock says who has a table for itself.
func (s *postgresSource) explainLock(ctx context.Context, err error) error {
	if err == nil || context.Cause(ctx) != nil || !lockMessage.MatchString(err.Error()) {
		return err
	}
	what := fmt.Sprintf("a table of the database %s cannot be read: another session has it for itself, or waits for it", s.database.Label)
	if holders := s.holders(ctx); len(holders) > 0 {
		what += ": " + strings.Join(holders, "; ")
	}
	return refuse(DatabaseBusy, what, "begin again when that has ended, such as an upgrade of the homeserver, VACUUM FULL or REINDEX")
}

// holders need a session of their own: that with the snapshot is in a transaction that may have failed. Without one, only the names are missing.
func (s *postgresSource) holders(ctx context.Context) (holders []string) {
	session, err := s.database.Postgres.OpenSession(ctx, nil)
	if err != nil {
		return nil
	}
	err = engine.Each(ctx, session, holdersSQL, nil, func(scan func(...any) error) error {
		var one string
		err := scan(&one)
		holders = append(holders, one)
		return err
	})
	if err := errors.Join(err, session.Close()); err != nil {
		return nil
	}
	return holders
}
