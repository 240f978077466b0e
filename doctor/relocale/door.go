package relocale

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

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
		err = refuse(SourceInUse, "others are connected to "+r.source.name+":\n      "+strings.Join(sessions, "\n      "), stopServer)
	}
	return err
}

const stopServer = "stop the homeserver, its workers and whatever else uses the database, and keep them stopped"

const dumpersSQL = `SELECT count(*) FROM pg_stat_activity WHERE datid = $1 AND application_name = $2`

// letIn opens the door for pg_dump, which needs sessions of its own, until all of them are in or it has ended.
func (r *run) letIn(ctx context.Context, sessions int, ended <-chan struct{}) error {
	err := r.awaitSessions(ctx, sessions, ended)
	if closed := setDoor(ctx, r.control, r.source.name, false); closed != nil || err != nil {
		if err == nil {
			err = closed
		}
		return err
	}
	return r.mustBeAlone(ctx)
}

func (r *run) awaitSessions(ctx context.Context, sessions int, ended <-chan struct{}) error {
	for {
		var there int
		if err := r.control.QueryRow(ctx, dumpersSQL, r.source.oid, r.dumpName()).Scan(&there); err != nil {
			return err
		}
		if there >= sessions {
			return nil
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
