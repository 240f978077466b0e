package postgres

import (
	"context"
	"errors"
	"log/slog"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Pool is a pool of connections whose sessions are set up as the Python
// homeserver's are. It is safe for use by several goroutines.
type Pool struct {
	config *Config
	pool   *pgxpool.Pool
}

// Open makes a pool and proves, with a first connection, that the server can
// be reached; the error is then the one of Config.Connect. Notices of the
// server go to the logger, which may be nil.
func Open(ctx context.Context, config *Config, logger *slog.Logger) (*Pool, error) {
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	pool, err := pgxpool.NewWithConfig(ctx, config.poolConfig(logger))
	if err != nil {
		return nil, config.explain(err)
	}
	opened := &Pool{config: config, pool: pool}
	connection, err := opened.Acquire(ctx)
	if err != nil {
		pool.Close()
		return nil, err
	}
	connection.Release()
	return opened, nil
}

func (c *Config) poolConfig(logger *slog.Logger) *pgxpool.Config {
	config := c.pool.Copy()
	config.MinConns, config.MaxConns = int32(c.PoolMin), int32(max(c.PoolMin, c.PoolMax, 1))
	session := c.session()
	config.BeforeConnect = func(_ context.Context, connection *pgx.ConnConfig) error {
		c.prepare(connection)
		return nil
	}
	config.AfterConnect = func(ctx context.Context, connection *pgx.Conn) error {
		return setSession(ctx, connection, session)
	}
	if c.TxnLimit > 0 {
		config.AfterRelease = c.keep
	}
	config.ConnConfig.OnNotice = func(_ *pgconn.PgConn, notice *pgconn.Notice) { logNotice(logger, notice) }
	return config
}

func logNotice(logger *slog.Logger, notice *pgconn.Notice) {
	logger.Log(context.Background(), noticeLevel(notice), "postgres notice", "code", notice.Code, "message", notice.Message)
}

func noticeLevel(notice *pgconn.Notice) slog.Level {
	if strings.EqualFold(notice.SeverityUnlocalized, "WARNING") {
		return slog.LevelWarn
	}
	return slog.LevelDebug
}

// keep counts the uses of a connection and ends it after the last one that
// TxnLimit allows.
func (c *Config) keep(connection *pgx.Conn) bool {
	const uses = "uses"
	data := connection.PgConn().CustomData()
	count, _ := data[uses].(int)
	data[uses] = count + 1
	return count+1 < c.TxnLimit
}

// Config is the configuration of the pool.
func (p *Pool) Config() *Config { return p.config }

// Acquire gives a connection, which the caller has to Release.
func (p *Pool) Acquire(ctx context.Context) (*pgxpool.Conn, error) {
	connection, err := p.pool.Acquire(ctx)
	if err != nil {
		return nil, p.explain(err)
	}
	return connection, nil
}

// BeginTx begins a transaction on a connection of the pool. Transact is the
// better way, since it repeats what PostgreSQL wants repeated.
func (p *Pool) BeginTx(ctx context.Context, options pgx.TxOptions) (pgx.Tx, error) {
	transaction, err := p.pool.BeginTx(ctx, options)
	if err != nil {
		return nil, p.explain(err)
	}
	return transaction, nil
}

// Exec runs a statement on a connection of the pool.
func (p *Pool) Exec(ctx context.Context, sql string, arguments ...any) (pgconn.CommandTag, error) {
	return p.pool.Exec(ctx, sql, arguments...)
}

// Query runs a query on a connection of the pool.
func (p *Pool) Query(ctx context.Context, sql string, arguments ...any) (pgx.Rows, error) {
	return p.pool.Query(ctx, sql, arguments...)
}

// QueryRow runs a query for one row on a connection of the pool.
func (p *Pool) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return p.pool.QueryRow(ctx, sql, arguments...)
}

// Connect opens a connection outside the pool, as Config.Connect does.
func (p *Pool) Connect(ctx context.Context, parameters map[string]string) (*pgx.Conn, error) {
	return p.config.Connect(ctx, parameters)
}

// Stat gives the numbers of the pool's connections.
func (p *Pool) Stat() *pgxpool.Stat { return p.pool.Stat() }

// Close waits until all connections are released, and closes them.
func (p *Pool) Close() { p.pool.Close() }

// explain explains a connection that could not be made, and leaves every other
// error as it is.
func (p *Pool) explain(err error) error {
	if _, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		return p.config.explain(err)
	}
	return err
}
