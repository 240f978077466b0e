package postgres

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// activityColumns describe a session. To a role that is not a member of the session's role, and may not read all
// statistics, the server shows the first three only (https://www.postgresql.org/docs/current/monitoring-stats.html).
const activityColumns = `a.pid, coalesce(a.usename::text, ''), coalesce(a.application_name, ''),
	CASE WHEN a.client_addr IS NOT NULL THEN host(a.client_addr) WHEN a.client_port = -1 THEN 'the local socket' ELSE '' END,
	coalesce(a.state, ''), coalesce(to_char(a.state_change AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS "UTC"'), '')`

// activity is a session as pg_stat_activity shows it; what is not shown is empty.
type activity struct {
	pid                                      int
	user, application, address, state, since string
}

func (a activity) String() string {
	parts := []string{fmt.Sprintf("pid %d", a.pid)}
	for _, part := range [][2]string{{"user", a.user}, {"application", a.application}, {"from", a.address}} {
		if part[1] != "" {
			parts = append(parts, part[0]+" "+part[1])
		}
	}
	if a.state != "" {
		parts = append(parts, a.state+" since "+a.since)
	}
	return strings.Join(parts, ", ")
}

// activities runs a query for activityColumns and describes each session.
func (s *session) activities(ctx context.Context, query string, values ...any) ([]string, error) {
	rows, err := s.connection.QueryContext(ctx, query, values...)
	if err != nil {
		return nil, err
	}
	return engine.Collect(rows, func(rows *sql.Rows) (string, error) {
		var a activity
		err := rows.Scan(&a.pid, &a.user, &a.application, &a.address, &a.state, &a.since)
		return a.String(), err
	})
}

// otherSessionsSQL leaves out background workers, as far as it is told what is one: the kind of a session is not shown to
// everybody either. What has no user, such as autovacuum, is none of the clients.
const otherSessionsSQL = `SELECT ` + activityColumns + ` FROM pg_stat_activity AS a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.usename IS NOT NULL
	AND coalesce(a.backend_type, 'client backend') = 'client backend' AND coalesce(a.application_name, '') <> $1
ORDER BY a.pid`

// OtherSessions describes the other clients of the database, by what this session's role may see of them.
func (s *session) OtherSessions(ctx context.Context) ([]string, error) {
	others, err := s.activities(ctx, otherSessionsSQL, UpgradeApplication)
	if err != nil {
		return nil, fmt.Errorf("list the sessions of %s: %w", s.name, err)
	}
	return others, nil
}

// sessionsAtWorkSQL leaves out sessions that wait for a lock, for their client, or sleep: they keep no processor and no disk
// busy (https://www.postgresql.org/docs/current/monitoring-stats.html, "Wait Event Types").
const sessionsAtWorkSQL = `SELECT count(*) FROM pg_stat_activity AS a
WHERE a.pid <> pg_backend_pid() AND a.state = 'active' AND a.backend_type = 'client backend'
	AND coalesce(a.wait_event_type, '') NOT IN ('Lock', 'Client', 'Timeout')`

// SessionsAtWork counts the other clients of the server that are running a statement.
func (s *session) SessionsAtWork(ctx context.Context) (count int, err error) {
	if err = s.connection.QueryRowContext(ctx, sessionsAtWorkSQL).Scan(&count); err != nil {
		return 0, fmt.Errorf("count the sessions at work on the server of %s: %w", s.name, err)
	}
	return count, nil
}
