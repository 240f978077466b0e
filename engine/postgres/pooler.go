package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

const backendSQL = `SELECT pg_backend_pid()`

// BehindPooler tells whether something stands between this connection and the
// server: the process that answers is then not the one that said hello. Behind
// a pooler in transaction mode, session locks and session settings reach the
// wrong session.
func BehindPooler(ctx context.Context, connection *pgx.Conn) (bool, error) {
	var answering uint32
	err := connection.QueryRow(ctx, backendSQL, pgx.QueryExecModeExec).Scan(&answering)
	if err != nil {
		return false, fmt.Errorf("ask which process serves the connection: %w", err)
	}
	return answering != connection.PgConn().PID(), nil
}

// SharesSessions tells whether a pooler hands one session of the server to two clients by turns, each of which keeps its connection: that is
// what transaction mode does, and session mode never. It leaves nothing set in any session.
func (c *Config) SharesSessions(ctx context.Context) (bool, error) {
	var answering [2]uint32
	for i := range answering {
		connection, err := pgx.ConnectConfig(ctx, c.connection())
		if err != nil {
			return false, c.explain(err)
		}
		defer func() { _ = connection.Close(context.WithoutCancel(ctx)) }() // nothing is pending on it
		if err := connection.QueryRow(ctx, backendSQL, pgx.QueryExecModeExec).Scan(&answering[i]); err != nil {
			return false, fmt.Errorf("ask which process serves the connection: %w", err)
		}
	}
	return answering[0] == answering[1], nil
}
