package relocale

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// openReaders connects to the old database as long as it accepts connections. These sessions stay.
func (r *run) openReaders(ctx context.Context) error {
	for len(r.readers) < r.options.Jobs {
		config, err := r.options.As.In(r.source.name)
		if err != nil {
			return err
		}
		reader, err := connect(ctx, config, map[string]string{"default_transaction_read_only": "on"})
		if err != nil {
			return err
		}
		r.readers = append(r.readers, reader)
	}
	return nil
}

// setDoor has a database accept connections or not. A role needs to own the database for that, and to be in another one; sessions
// that are there stay. Nobody gets in by a closed door, not even a superuser.
func setDoor(ctx context.Context, control *pgx.Conn, name string, open bool) error {
	return execute(ctx, control, doorStatement(name, open))
}

func doorStatement(name string, open bool) string {
	return fmt.Sprintf("ALTER DATABASE %s ALLOW_CONNECTIONS %t", postgres.QuoteIdentifier(name), open)
}

// closeDoor closes the old database, and looks that nobody has come in before.
func (r *run) closeDoor(ctx context.Context) error {
	if err := setDoor(ctx, r.control, r.source.name, false); err != nil {
		return err
	}
	return r.mustBeAlone(ctx)
}

func (r *run) mustBeAlone(ctx context.Context) error {
	sessions, err := r.others(ctx)
	if err == nil && len(sessions) > 0 {
		err = engine.Refuse(SourceInUse, "others are connected to "+r.source.name+":\n      "+strings.Join(sessions, "\n      "), stopServer)
	}
	return err
}

const stopServer = "stop the homeserver, its workers and whatever else uses the database, and keep them stopped"

// dumpersSQL counts the sessions of this run's pg_dump, and finds one that keeps a new session waiting while it waits for pg_dump itself. A
// session that begins has no database yet. The functions behind the views are asked, since the views read catalogs that may be what
// others wait for.
const dumpersSQL = `WITH known AS (SELECT pid, datid, application_name FROM pg_stat_get_activity(NULL)),
dump AS (SELECT coalesce(array_agg(pid), '{}') AS pids FROM known WHERE datid = $1 AND application_name = $2),
late AS (SELECT DISTINCT pid FROM pg_lock_status() WHERE NOT granted AND pid NOT IN (SELECT pid FROM known WHERE datid IS NOT NULL))
SELECT cardinality(dump.pids), coalesce((SELECT min(b.pid) FROM late, unnest(pg_blocking_pids(late.pid)) AS b(pid) WHERE pg_blocking_pids(b.pid) && dump.pids), 0)
FROM dump`

// waitError says that pg_dump waits for itself: its first session has read a catalog of the whole server, a session of another database
// waits to have that catalog alone, as REINDEX SYSTEM and VACUUM FULL do, and pg_dump's other sessions, as all that begin, wait for that
// one. The server takes it for no deadlock, since what the first session waits for is pg_dump.
type waitError struct{ pid int32 }

func (e *waitError) Error() string {
	return fmt.Sprintf("the session with pid %d waits for pg_dump, and pg_dump's other sessions for that one: let end what it does (REINDEX SYSTEM, "+
		"VACUUM FULL) before the database is moved", e.pid)
}

// letIn has the door open for pg_dump, which needs sessions of its own, until all of them are in or it has ended. After an error it stays
// open: the dump is begun anew then, or everything is put back.
func (r *run) letIn(ctx context.Context, sessions int, ended <-chan struct{}) error {
	if err := r.awaitSessions(ctx, sessions, ended); err != nil {
		return err
	}
	return r.closeDoor(ctx)
}

func (r *run) awaitSessions(ctx context.Context, sessions int, ended <-chan struct{}) error {
	for {
		var there int
		var between int32
		if err := r.control.QueryRow(ctx, dumpersSQL, r.source.oid, r.dumpName()).Scan(&there, &between); err != nil {
			return err
		}
		if there >= sessions {
			return nil
		}
		if between != 0 {
			return &waitError{between}
		}
		select {
		case <-ended:
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(20 * time.Millisecond):
		}
	}
}
