package port

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DefaultReconnect is for how long a port tries to connect again after it lost the server.
const DefaultReconnect = time.Minute

// firstDelay is how long it waits before the second attempt to connect; the delay doubles up to mostDelay.
const (
	firstDelay = 250 * time.Millisecond
	mostDelay  = 16 * time.Second
)

// errTakenOver says that another port has begun on the target while this one had lost its lock.
var errTakenOver = errors.New("another port has begun on the target while this one had lost its connection; this one ends")

// isLost reports whether an error is about the connection or the server, not about the work: what was under way may be tried
// again on another connection.
func isLost(err error) bool {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(refused.Code, "08") || strings.HasPrefix(refused.Code, "57P0")
	}
	var network net.Error
	var connecting *pgconn.ConnectError
	return errors.As(err, &connecting) || errors.As(err, &network) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || err != nil && strings.Contains(err.Error(), "conn closed")
}

// reconnecting does work on a connection. When the connection is lost, mend makes another one, and the work is done again.
func (r *run) reconnecting(ctx context.Context, log *slog.Logger, work, mend func(context.Context) error) error {
	err := work(ctx)
	for isLost(err) && ctx.Err() == nil && r.options.Reconnect > 0 {
		log.WarnContext(ctx, "the connection to the target is lost; trying to connect again", "error", err)
		if mendErr := r.backOff(ctx, mend); mendErr != nil {
			return fmt.Errorf("%w\nand no connection could be had again within %v: %w", err, r.options.Reconnect, mendErr)
		}
		err = work(ctx)
	}
	return err
}

// backOff tries until it succeeds, or the time for it is over.
func (r *run) backOff(ctx context.Context, try func(context.Context) error) error {
	end := time.Now().Add(r.options.Reconnect)
	for delay := firstDelay; ; delay = min(2*delay, mostDelay) {
		err := try(ctx)
		if err == nil || errors.Is(err, errTakenOver) || time.Now().Add(delay).After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(delay):
		}
	}
}

// onControl does work in a transaction of the control connection. done reports whether an attempt, whose answer was lost with
// the connection, had been committed.
func (r *run) onControl(ctx context.Context, work func(context.Context, pgx.Tx) error, done func(context.Context) (bool, error)) error {
	again := false
	return r.reconnecting(ctx, r.options.Log, func(ctx context.Context) error {
		if again {
			if is, err := done(ctx); is || err != nil {
				return err
			}
		}
		again = true
		return pgx.BeginFunc(ctx, r.target.conn, func(tx pgx.Tx) error { return work(ctx, tx) })
	}, r.mendControl)
}

// withControl does work on the control connection that may be done twice.
func (r *run) withControl(ctx context.Context, work func(context.Context) error) error {
	return r.reconnecting(ctx, r.options.Log, work, r.mendControl)
}

// mendControl sees to it that the control connection is there and holds the lock.
func (r *run) mendControl(ctx context.Context) error {
	r.probing.mutex.Lock()
	defer r.probing.mutex.Unlock()
	if r.target.conn.Ping(ctx) == nil {
		return nil
	}
	_ = r.target.conn.Close(ctx) // it is lost
	conn, err := r.target.config.Connect(ctx, settings)
	if err != nil {
		return err
	}
	r.target.conn = conn
	if err := r.takeBack(ctx); err != nil {
		_ = conn.Close(ctx) // of no use without the lock
		return err
	}
	return nil
}

// takeBack takes the lock again, and makes sure that nobody else had it meanwhile.
func (r *run) takeBack(ctx context.Context) error {
	problem, err := r.target.lock(ctx)
	if err != nil {
		return err
	}
	if problem != nil {
		return errors.New(problem.What) // most likely our own session, which the server has not buried yet
	}
	if r.wrote {
		return r.checkOurs(ctx)
	}
	return nil
}

func (r *run) checkOurs(ctx context.Context) error {
	ours, err := r.isOurs(ctx)
	if err == nil && !ours {
		err = errTakenOver
	}
	return err
}

const attemptIs = `SELECT attempt = $1 FROM synapse_port.run`

// isOurs reports whether the state in the target is this run's. When the first transaction of a port was lost with the
// connection there is no state.
func (r *run) isOurs(ctx context.Context) (ours bool, err error) {
	if err := r.target.conn.QueryRow(ctx, stateExists).Scan(&ours); err != nil || !ours {
		return false, err
	}
	err = r.target.conn.QueryRow(ctx, attemptIs, r.attempt).Scan(&ours)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	return ours, err
}

// mend gives a worker another connection, once the server has ended what was under way on the one before.
func (r *run) mend(ctx context.Context, w *worker) error {
	if err := r.mendControl(ctx); err != nil {
		return err
	}
	old := w.conn.PgConn().PID()
	_ = w.conn.Close(ctx) // it is lost
	if err := r.bury(ctx, old); err != nil {
		return err
	}
	conn, err := r.connectWorker(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	return nil
}

const (
	endSession   = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid = $1 AND application_name = $2`
	sessionEnded = `SELECT NOT EXISTS (SELECT FROM pg_stat_activity WHERE pid = $1 AND application_name = $2)`
)

// bury ends a session whose connection is lost: the server may still be building an index for it.
func (r *run) bury(ctx context.Context, pid uint32) error {
	r.probing.mutex.Lock()
	defer r.probing.mutex.Unlock()
	if _, err := r.target.conn.Exec(ctx, endSession, int64(pid), workerApplication); err != nil {
		return err
	}
	return patiently(ctx, sessionPatience, func() (ended bool, err error) {
		err = r.target.conn.QueryRow(ctx, sessionEnded, int64(pid), workerApplication).Scan(&ended)
		return ended, err
	})
}

// The names by which sessions of a port are known in pg_stat_activity.
const (
	controlApplication = "synapse port"
	workerApplication  = "synapse port worker"
)

func (r *run) connectWorker(ctx context.Context) (*pgx.Conn, error) {
	patient := maps.Clone(settings)
	// Unlike the first transaction, which may as well be tried again, these have hours of work behind them.
	patient["lock_timeout"] = "10min"
	patient["application_name"] = workerApplication
	return r.target.config.Connect(ctx, patient)
}
