package connection

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// limits are how many connections there may be; a negative one of the role or the database is none.
type limits struct {
	server, reserved, role, database int
	superuser                        bool
	used                             int
	by                               []string // who uses most
}

// limitsSQL takes the reservation of PostgreSQL 16 only where there is one. What kind of process another role's is may be hidden; only those
// of clients have both a role and a database.
const limitsSQL = `SELECT current_setting('max_connections')::int,
	current_setting('superuser_reserved_connections')::int + coalesce(current_setting('reserved_connections', true), '0')::int,
	rolconnlimit, (SELECT datconnlimit FROM pg_database WHERE datname = current_database()), rolsuper,
	(SELECT count(*) FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL)
FROM pg_roles WHERE rolname = session_user`

const usersSQL = `SELECT format('%s connections of %s to %s', count(*), coalesce(usename, '?'), coalesce(datname, '?'))
FROM pg_stat_activity WHERE usesysid IS NOT NULL AND datid IS NOT NULL GROUP BY usename, datname ORDER BY count(*) DESC, usename, datname`

func readLimits(ctx context.Context, from engine.Querier) (*limits, error) {
	l := &limits{}
	if err := from.QueryRow(ctx, limitsSQL).Scan(&l.server, &l.reserved, &l.role, &l.database, &l.superuser, &l.used); err != nil {
		return nil, err
	}
	rows, err := from.Query(ctx, usersSQL)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var one string
		if err := rows.Scan(&one); err != nil {
			return nil, err
		}
		l.by = append(l.by, one)
	}
	return l, rows.Err()
}

// room is what the homeserver can have on this server at most.
func (l *limits) room() int {
	room := l.server - l.reserved
	for _, own := range []int{l.role, l.database} {
		if own >= 0 && !l.superuser {
			room = min(room, own)
		}
	}
	return room
}

func (l *limits) evidence() []string {
	evidence := []string{fmt.Sprintf("max_connections %d, of which %d are reserved", l.server, l.reserved)}
	if l.role >= 0 {
		evidence = append(evidence, fmt.Sprintf("CONNECTION LIMIT of the role: %d", l.role))
	}
	if l.database >= 0 {
		evidence = append(evidence, fmt.Sprintf("CONNECTION LIMIT of the database: %d", l.database))
	}
	return evidence
}

// fewest is the number of processes of a homeserver below which there is little room for workers.
const fewest = 4

// full is the part of the connections, in percent, at which they are nearly used up.
const full = 80

func checkLimits(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	if subject.Postgres == nil {
		return nil, nil
	}
	l, err := readLimits(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	wanted, room := poolsOn(subject), l.room()
	switch {
	case wanted > room:
		found = append(found, finding.Finding{
			ID: PoolTooLarge, Severity: finding.Warning,
			What:     fmt.Sprintf("one process of the homeserver can want %d connections (cp_max), and gets %d at most", wanted, room),
			Meaning:  "under load its requests fail because the server refuses connections",
			Evidence: l.evidence(), Remedy: raiseLimits(subject.Postgres, l),
		})
	case room < fewest*wanted:
		found = append(found, finding.Finding{
			ID: FewProcesses, Severity: finding.Info,
			What:     fmt.Sprintf("there is room for the connections of %d processes of the homeserver (cp_max %d, %d connections); how many workers there are is not known here", room/wanted, wanted, room),
			Meaning:  "each worker is a process with a pool of its own: more of them than that run out of connections under load",
			Evidence: l.evidence(), Remedy: raiseLimits(subject.Postgres, l),
		})
	}
	if open := l.server - l.reserved; l.used*100 >= open*full {
		found = append(found, finding.Finding{
			ID: ConnectionsUsed, Severity: finding.Warning,
			What:     fmt.Sprintf("%d of the server's %d connections are used", l.used, open),
			Meaning:  "when there are none left the homeserver, or its workers, cannot connect",
			Evidence: slices.Concat(l.evidence(), l.by), Remedy: raiseLimits(subject.Postgres, l),
		})
	}
	return found, nil
}

// poolsOn adds up what one process can want of the same server, for all databases of the homeserver there.
func poolsOn(subject *finding.Subject) int {
	wanted := max(subject.Postgres.PoolMax, subject.Postgres.PoolMin, 1)
	for _, other := range subject.Others {
		if other.Postgres != nil && slices.Equal(other.Postgres.Hosts(), subject.Postgres.Hosts()) {
			wanted += max(other.Postgres.PoolMax, other.Postgres.PoolMin, 1)
		}
	}
	return wanted
}

func raiseLimits(config *postgres.Config, l *limits) finding.Remedy {
	remedy := finding.Remedy{Text: "lower cp_max in database.args, or raise the limit"}
	if l.role >= 0 {
		remedy.Commands = append(remedy.Commands, "ALTER ROLE "+postgres.QuoteIdentifier(config.User())+" CONNECTION LIMIT -1;")
	}
	if l.database >= 0 {
		remedy.Commands = append(remedy.Commands, "ALTER DATABASE "+postgres.QuoteIdentifier(config.Database())+" CONNECTION LIMIT -1;")
	}
	if len(remedy.Commands) == 0 {
		remedy.Text += " (max_connections, by an administrator; it needs a restart of the server, and each connection costs memory)"
		remedy.Commands = []string{fmt.Sprintf("ALTER SYSTEM SET max_connections = %d;", max(2*l.server, 100))}
	}
	return remedy
}
