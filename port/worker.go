package port

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// executor is a connection or a transaction.
type executor interface {
	Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error)
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}

// worker is one reader of the source and one connection to the target, for one goroutine.
type worker struct {
	reader  *sqlite.Reader
	conn    *pgx.Conn
	chunks  [2]chunk // one is filled while the other is sent; kept, so that memory does not depend on how much there is
	arrays  [][]byte // of rows of the search index; kept likewise
	counted int64    // rows of the present unit that the progress shows
	table   string   // that it works on, for the log
}

// readers returns workers that only read the source.
func (r *run) readers() []*worker {
	workers := make([]*worker, r.options.Jobs)
	for i := range workers {
		workers[i] = &worker{reader: r.source.snapshot.Reader(i)}
	}
	return workers
}

// minConnections is how many connections the port needs besides the control connection.
const minConnections = 2

// connect gives each worker a connection. When the server has fewer to give, fewer workers do.
func (r *run) connect(ctx context.Context) error {
	for i := range r.options.Jobs {
		conn, err := r.connectWorker(ctx)
		if err != nil && i >= minConnections {
			r.report.warn(fmt.Sprintf("only %d connections could be had: %v", i, err))
			break
		}
		if err != nil {
			return fmt.Errorf("connection %d to the target: %w", i+1, err)
		}
		r.workers = append(r.workers, &worker{reader: r.source.snapshot.Reader(i), conn: conn})
	}
	return nil
}

// connectAnew connects after an attempt that may have been cut off.
func (r *run) connectAnew(ctx context.Context) error {
	r.disconnect()
	return r.connect(ctx)
}

// disconnect closes the workers' connections.
func (r *run) disconnect() {
	for _, w := range r.workers {
		_ = w.conn.Close(context.Background()) // nothing is pending on it
	}
	r.workers = nil
}

// onWorker does work on a worker's connection, and again from its beginning when the connection was lost.
func (r *run) onWorker(ctx context.Context, w *worker, work func(context.Context) error) error {
	log := r.options.Log
	if w.table != "" {
		log = log.With("table", w.table)
	}
	return r.reconnecting(ctx, log, work, func(ctx context.Context) error { return r.mend(ctx, w) })
}
