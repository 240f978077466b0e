package table_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// refused is a write on a connection that is lost.
func refused(t testing.TB, opened *table.Table) {
	t.Helper()
	err := opened.Write(t.Context(), changeTo(row("a", -1)))
	if err == nil || table.Rejects(err) {
		t.Fatalf("written without a connection: %v", err)
	}
}

func mustBeSuperseded(t testing.TB, opened *table.Table) {
	t.Helper()
	for range 2 {
		err := opened.Write(t.Context(), changeTo(row("a", -2), row("late", -2)))
		superseded, is := errors.AsType[*table.SupersededError](err)
		if !is || table.Rejects(err) || superseded.Application != app {
			t.Fatalf("written by who was superseded: %v", err)
		}
	}
}

// A lock that nobody took meanwhile is taken again.
func TestLostConnection(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		write(t, opened, changeTo(row("a", 1))...)
		endSessions(t, at.Session(t))
		refused(t, opened)
		write(t, opened, changeTo(row("a", 2), row("b", 3))...)
		mustHold(t, opened, row("a", 2), row("b", 3))
		endSessions(t, at.Session(t))
		if err := opened.Load(t.Context(), func(table.Row) error { return nil }); err == nil {
			t.Error("loaded without a connection")
		}
		mustHold(t, opened, row("a", 2), row("b", 3))
		if _, isRunning := errors.AsType[*table.RunningError](openError(t, at.database, app)); !isRunning {
			t.Error("the lock was not taken again")
		}
	})
}

// Of a transaction whose connection ends in the middle nothing is there.
func TestLostInTheMiddle(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, at place) {
		opened, blocker, watcher := open(t, at.database, app), at.Session(t), at.Session(t)
		connection := connectionOf(t, opened)
		write(t, opened, changeTo(row("a", 1), row("b", 1))...)
		written := make(chan error, 1)
		err := blocker.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			var state string
			if err := tx.QueryRow(t.Context(), `SELECT state FROM entities WHERE application = ? AND id = ? FOR UPDATE`, app, "b").Scan(&state); err != nil {
				return err
			}
			go func() { written <- opened.Write(t.Context(), changeTo(row("a", 2), row("b", 2), row("c", 2))) }()
			awaitWaiting(t, watcher, connection)
			endSession(t, watcher, connection)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := <-written; err == nil || table.Rejects(err) {
			t.Errorf("the write: %v", err)
		}
		mustHold(t, opened, row("a", 1), row("b", 1))
		write(t, opened, changeTo(row("a", 2), row("b", 2), row("c", 2))...)
		mustHold(t, opened, row("a", 2), row("b", 2), row("c", 2))
	})
}

// waitingSQL counts the sessions of this number that wait for a row of somebody else, or are about to.
var waitingSQL = map[engine.Kind]string{
	engine.Postgres: `SELECT count(*) FROM pg_stat_activity WHERE pid = ? AND wait_event_type = 'Lock'`,
	engine.MySQL:    `SELECT count(*) FROM information_schema.PROCESSLIST WHERE id = ? AND command = 'Execute' AND info LIKE 'INSERT%'`,
}

// connectionOf is the number of a Table's session on the server.
func connectionOf(t testing.TB, opened *table.Table) int {
	t.Helper()
	text, err := opened.Ask(t.Context(), map[engine.Kind]string{engine.Postgres: `SELECT pg_backend_pid()`, engine.MySQL: `SELECT CONNECTION_ID()`}[opened.Engine()])
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return number
}

func awaitWaiting(t testing.TB, watcher engine.Session, connection int) {
	t.Helper()
	dbtest.Await(t, func() bool { return one[int](t, watcher, waitingSQL[watcher.Engine()], connection) == 1 })
}

// endSession ends one of them.
func endSession(t testing.TB, from engine.Session, connection int) {
	t.Helper()
	if from.Engine() == engine.Postgres {
		execute(t, from, fmt.Sprintf("SELECT pg_terminate_backend(%d)", connection))
		return
	}
	execute(t, from, fmt.Sprintf("KILL %d", connection))
}

// A process that has lost its lock to another one never writes again.
func TestLockTakenByAnother(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, at place) {
		first := open(t, at.database, app)
		write(t, first, changeTo(row("a", 1))...)
		endSessions(t, at.Session(t))
		second := open(t, at.database, app)
		write(t, second, changeTo(row("a", 10))...)
		refused(t, first)
		mustBeSuperseded(t, first)
		mustHold(t, second, row("a", 10))
		write(t, second, changeTo(row("a", 11))...)
		closeTable(t, second)
		mustBeSuperseded(t, first)
		mustHold(t, open(t, at.database, app), row("a", 11))
	})
}

// Every engine compares the epoch after an error. What is in the way here is only the end of a context.
func TestEpochIsComparedAfterAnError(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]string{
		"another opening": `UPDATE applications SET epoch = epoch + 1`, "an older copy": `UPDATE applications SET epoch = epoch - 1`, "emptied": `DELETE FROM applications`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			onEveryEngine(t, func(t *testing.T, at place) {
				closeTable(t, open(t, at.database, app))
				opened := open(t, at.database, app)
				write(t, opened, changeTo(row("a", 1))...)
				execute(t, at.Session(t), change)
				if err := opened.Write(cancelled(t), changeTo(row("a", -1))); !errors.Is(err, context.Canceled) || table.Rejects(err) {
					t.Errorf("a write whose context has ended: %v", err)
				}
				mustBeSuperseded(t, opened)
				mustHold(t, open(t, at.database, app), row("a", 1))
			})
		})
	}
}

// A write that fails without losing anything is followed by others.
func TestWriteAfterACancelledOne(t *testing.T) {
	t.Parallel()
	onEveryEngine(t, func(t *testing.T, at place) {
		opened, blocker, watcher := open(t, at.database, app), at.Session(t), at.Session(t)
		write(t, opened, changeTo(row("a", 1))...)
		connection := 0
		if at.Engine != engine.SQLite {
			connection = connectionOf(t, opened)
		}
		ctx, cancel := context.WithCancel(t.Context())
		err := blocker.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			if _, err := tx.Exec(t.Context(), `UPDATE entities SET definition = 5`); err != nil {
				return err
			}
			written := make(chan error, 1)
			go func() { written <- opened.Write(ctx, changeTo(row("a", -1))) }()
			if at.Engine != engine.SQLite {
				awaitWaiting(t, watcher, connection)
			}
			cancel()
			if err := <-written; !errors.Is(err, context.Canceled) || table.Rejects(err) {
				t.Errorf("the write: %v", err)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		write(t, opened, changeTo(row("a", 2))...)
		mustHold(t, opened, row("a", 2))
	})
}

// A program that has nothing to write keeps its lock too.
func TestIdleProgramKeepsItsLock(t *testing.T) {
	t.Parallel()
	onServers(t, func(t *testing.T, at place) {
		opened := open(t, at.database, app)
		write(t, opened, changeTo(row("a", 1))...)
		opened.Beat(t.Context())
		endSessions(t, at.Session(t))
		opened.Beat(t.Context())
		if _, isRunning := errors.AsType[*table.RunningError](openError(t, at.database, app)); !isRunning {
			t.Error("the lock was not taken again")
		}
		write(t, opened, changeTo(row("a", 2))...)
		mustHold(t, opened, row("a", 2))
		endSessions(t, at.Session(t))
		second := open(t, at.database, app)
		opened.Beat(t.Context())
		mustBeSuperseded(t, opened)
		mustHold(t, second, row("a", 2))
	})
}

// A server ends the session of a host that is gone, by itself.
func TestServerIsToldWhenToEndTheSession(t *testing.T) {
	t.Parallel()
	queries := map[engine.Kind]map[string]string{
		engine.MySQL: {`SELECT @@wait_timeout`: "60"},
		// Over the local socket, by which tests connect, there is nothing to keep alive, and the settings are 0.
		engine.Postgres: {`SELECT current_setting('synchronous_commit')`: "local"},
	}
	onServers(t, func(t *testing.T, at place) {
		if at.Engine == engine.Postgres {
			execute(t, at.Session(t), `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET synchronous_commit = off', current_database()); END $$`)
		}
		opened := open(t, at.database, app)
		for query, want := range queries[at.Engine] {
			if got, err := opened.Ask(t.Context(), query); err != nil || got != want {
				t.Errorf("%s: %q, %v; want %q", query, got, err, want)
			}
		}
	})
}
