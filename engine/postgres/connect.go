package postgres

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5"
)

// setSessionSQL sets the run-time parameters of a session. It takes their
// names and their values.
const setSessionSQL = `SELECT set_config(name, value, false)
FROM unnest($1::text[], $2::text[]) AS setting(name, value)`

// Connect opens a connection of its own, outside any pool. Its session is set
// up as in a pool, with the given run-time parameters on top: for example
// "statement_timeout": "0", "synchronous_commit": "off",
// "maintenance_work_mem": "1GB". The caller closes it. The error is an
// *engine.Error that says what to do.
func (c *Config) Connect(ctx context.Context, parameters map[string]string) (*pgx.Conn, error) {
	connection, err := pgx.ConnectConfig(ctx, c.connection())
	if err != nil {
		return nil, c.explain(err)
	}
	session := c.session()
	maps.Copy(session, parameters)
	if err := setSession(ctx, connection, session); err != nil {
		_ = connection.Close(ctx) // the first error is what matters
		return nil, c.explain(err)
	}
	return connection, nil
}

// session gives the run-time parameters of every session, as the Python
// homeserver sets them.
func (c *Config) session() map[string]string {
	parameters := map[string]string{"default_transaction_isolation": "repeatable read"}
	if c.StatementTimeout != nil {
		parameters["statement_timeout"] = strconv.FormatInt(c.StatementTimeout.Milliseconds(), 10)
	}
	if !c.SynchronousCommit {
		parameters["synchronous_commit"] = "off"
	}
	return parameters
}

// setSession uses no prepared statement: behind a pooler, the next statement
// may reach another session.
func setSession(ctx context.Context, connection *pgx.Conn, parameters map[string]string) error {
	names := slices.Sorted(maps.Keys(parameters))
	values := make([]string, len(names))
	for i, name := range names {
		values[i] = parameters[name]
	}
	if _, err := connection.Exec(ctx, setSessionSQL, pgx.QueryExecModeExec, names, values); err != nil {
		return fmt.Errorf("set up the session: %w", err)
	}
	return nil
}
