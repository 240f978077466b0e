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
