package table

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// A host that loses its power says nothing to the server, where the session, and with it the lock, would last for hours. So servers are told to end
// a session that they hear nothing from for about a minute, and the Table lets them hear from it.
const (
	beatEvery = 20 * time.Second
	// beatTimeout is how long a Write may have to wait for a beat.
	beatTimeout = 10 * time.Second

	// PostgreSQL's server asks by itself whether the other end is there. It also has commits wait for its own disk, where they wait for nothing.
	keepPostgresSQL = `SELECT set_config('tcp_keepalives_idle', '20', false), set_config('tcp_keepalives_interval', '10', false),
	set_config('tcp_keepalives_count', '3', false),
	set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'local' ELSE current_setting('synchronous_commit') END, false)`

	// MySQL's server ends a session after so many seconds without a statement. What its commits wait for is a setting of the whole server
	// (innodb_flush_log_at_trx_commit).
	keepMySQLSQL = `SET SESSION wait_timeout = 60`
)

// configure tells the server when to end the session, and what commits wait for.
func (t *Table) configure(ctx context.Context) error {
	statement := map[engine.Kind]string{engine.Postgres: keepPostgresSQL, engine.MySQL: keepMySQLSQL}[t.database.Engine]
	if statement == "" {
		return nil
	}
	if _, err := t.session.Exec(ctx, statement); err != nil {
		return fmt.Errorf("set up the session on %s: %w", t.name, err)
	}
	return nil
}

// keep begins to beat, until Close. A file is kept by the process itself.
func (t *Table) keep() {
	if t.database.Engine == engine.SQLite {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	var beating sync.WaitGroup
	beating.Go(func() {
		ticker := time.NewTicker(beatEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				t.beat(ctx)
			case <-ctx.Done():
				return
			}
		}
	})
	t.release = func() {
		cancel()
		beating.Wait()
	}
}

// beat looks whether connection and lock are still there, and gets them again where not: a program that has nothing to write keeps its lock
// too. Of errors, Write tells.
func (t *Table) beat(ctx context.Context) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, beatTimeout)
	defer cancel()
	if t.ended != nil {
		return
	}
	t.doubted = true
	if err := t.ready(ctx); err != nil {
		t.log.DebugContext(ctx, "no connection to the entities", "database", t.name, "error", err)
	}
}
