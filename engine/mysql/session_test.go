package mysql_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// childVariable makes the test binary behave as a program that holds the schema's lock of the database with this address.
const childVariable = "SYNAPSE_MYSQL_TEST_CHILD"

// runChild reports whether this process is to hold a lock, and does so until it is killed.
func runChild() bool {
	address := os.Getenv(childVariable)
	if address == "" {
		return false
	}
	if err := holdLock(address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	return true
}

func holdLock(address string) error {
	config, err := mysql.ParseURL(address)
	if err != nil {
		return err
	}
	session, err := config.OpenSession(context.Background(), nil)
	if err != nil {
		return err
	}
	if _, err := session.LockSchema(context.Background(), nil); err != nil {
		return err
	}
	fmt.Println("locked")
	select {}
}

func TestSessionSetsItsVariables(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	session, db := openSession(t, config), open(t, config)
	for name, querier := range map[string]engine.Querier{"session": session, "pool": db.Statements()} {
		var database, zone, collation, storage string
		const query = `SELECT DATABASE(), @@time_zone, @@collation_connection, @@default_storage_engine`
		if err := querier.QueryRow(t.Context(), query).Scan(&database, &zone, &collation, &storage); err != nil {
			t.Fatal(err)
		}
		got := []string{database, zone, collation, storage}
		if difference := cmp.Diff([]string{config.Database, "+00:00", "utf8mb4_bin", "InnoDB"}, got); difference != "" {
			t.Errorf("%s: %s", name, difference)
		}
	}
	execute(t, session, `CREATE TABLE short (id int PRIMARY KEY AUTO_INCREMENT, word varchar(3))`, `INSERT INTO short VALUES (0, 'a\'?')`)
	if _, err := session.Exec(t.Context(), `INSERT INTO short VALUES (1, ?)`, "too long"); err == nil {
		t.Error("a text that does not fit was cut")
	}
	affected, err := session.Exec(t.Context(), `UPDATE short SET word = ? WHERE id = ?`, "a'?", 0)
	if err != nil || affected != 1 {
		t.Errorf("an update to the same value affects %d rows, %v; want 1", affected, err)
	}
	if session.Engine() != engine.MySQL || session.TransactionalDDL() {
		t.Error("the session does not say what it is")
	}
	if !strings.Contains(session.Name(), config.Database) || strings.Contains(session.Name(), config.Password) {
		t.Errorf("the session's name is %q", session.Name())
	}
}

func TestOneOfManySessionsHoldsTheLock(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2, 10} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			config := configOf(t, dbtest.NewMySQLDatabase(t))
			var holders, most atomic.Int32
			var group errgroup.Group
			for range count {
				session := openSession(t, config)
				group.Go(func() error {
					unlock, err := session.LockSchema(t.Context(), nil)
					if err != nil {
						return err
					}
					most.Store(max(most.Load(), holders.Add(1)))
					_, err = session.Exec(t.Context(), `DO SLEEP(0.02)`)
					holders.Add(-1)
					return errors.Join(err, unlock(), unlock())
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			if most.Load() != 1 {
				t.Errorf("%d sessions held the lock at the same time", most.Load())
			}
		})
	}
}

func TestLockOfOneDatabaseLeavesOthersAlone(t *testing.T) {
	t.Parallel()
	for range 2 {
		if _, err := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t))).LockSchema(t.Context(), func(holder string) {
			t.Errorf("waits for %s", holder)
		}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestWaitingSessionSaysWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	database := dbtest.NewMySQLDatabase(t)
	config := configOf(t, database)
	holding, waiting := openSession(t, config), openSession(t, config)
	unlock, err := holding.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	var number string
	if err := holding.QueryRow(t.Context(), `SELECT CONNECTION_ID()`).Scan(&number); err != nil {
		t.Fatal(err)
	}
	var told []string
	_, err = waiting.LockSchema(t.Context(), func(holder string) {
		told = append(told, holder)
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(told) != 1 || !strings.Contains(told[0], "connection "+number+" of user "+database.User) {
		t.Errorf("told %q, want connection %s of %s", told, number, database.User)
	}
}

func TestWaitForTheLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	holding, waiting := openSession(t, config), openSession(t, config)
	unlock, err := holding.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	if _, err := waiting.LockSchema(ctx, func(string) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := waiting.LockSchema(t.Context(), nil); err != nil {
		t.Errorf("the session is of no use after a wait that was cancelled: %v", err)
	}
}

func TestLockEndsWithItsProcess(t *testing.T) {
	t.Parallel()
	database := dbtest.NewMySQLDatabase(t)
	command := exec.CommandContext(t.Context(), os.Args[0])
	command.Env = append(os.Environ(), childVariable+"="+database.URL)
	command.Stderr = os.Stderr
	output, err := command.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	if !bufio.NewScanner(output).Scan() {
		t.Fatal("the child took no lock")
	}
	waited := false
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	_, err = openSession(t, configOf(t, database)).LockSchema(ctx, func(string) {
		waited = true
		if err := command.Process.Kill(); err != nil {
			t.Error(err)
		}
		_ = command.Wait() // always "signal: killed"
	})
	if err != nil || !waited {
		t.Errorf("waited: %v, then %v", waited, err)
	}
}

func TestTableThatAnotherSessionHoldsIsGivenUp(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	session, db := openSession(t, config), open(t, config)
	execute(t, session, `CREATE TABLE held (a int)`, `SET SESSION lock_wait_timeout = 1`)
	holding, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holding.Rollback()
	if _, err := holding.ExecContext(t.Context(), `INSERT INTO held VALUES (1)`); err != nil {
		t.Fatal(err)
	}
	err = session.ExecAlone(t.Context(), `ALTER TABLE held ADD COLUMN b int`)
	if _, ok := errors.AsType[*engine.Error](err); !ok || !strings.Contains(err.Error(), "SHOW PROCESSLIST") {
		t.Errorf("got %v, want what to do", err)
	}
	if err := holding.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := session.ExecAlone(t.Context(), `ALTER TABLE held ADD COLUMN b int`); err != nil {
		t.Error(err)
	}
}

func TestOtherSessionsAreThoseThatChangeNoSchema(t *testing.T) {
	t.Parallel()
	database := dbtest.NewMySQLDatabase(t)
	config := configOf(t, database)
	session := openSession(t, config)
	others := func() []string {
		t.Helper()
		described, err := session.OtherSessions(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return described
	}

	locked := openSession(t, config)
	if _, err := locked.LockSchema(t.Context(), nil); err != nil {
		t.Fatal(err)
	}
	ended := openSession(t, config)
	if err := ended.Close(); err != nil {
		t.Fatal(err)
	}
	open(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	if got := others(); len(got) > 0 {
		t.Errorf("before a server came: %q", got)
	}

	server := open(t, config)
	if got := others(); len(got) != 1 || !strings.Contains(got[0], database.User) || !strings.Contains(got[0], "Sleep since") {
		t.Errorf("with a server: %q", got)
	}
	if err := server.Close(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(time.Minute); len(others()) > 0; {
		if time.Now().After(deadline) {
			t.Fatalf("a minute after the server has gone: %q", others())
		}
	}
}

func TestSessionsOfManyProcessesNeverTakeEachOtherForAServer(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	watching := openSession(t, config)
	var group errgroup.Group
	for range 8 {
		group.Go(func() error {
			for i := range 6 {
				session, err := config.OpenSession(t.Context(), nil)
				if err != nil {
					return err
				}
				// Half of them end in the middle of a statement.
				if i%2 == 0 {
					ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
					_, _ = session.Exec(ctx, `DO SLEEP(0.02)`)
					cancel()
				}
				if err := session.Close(); err != nil {
					return err
				}
			}
			return nil
		})
	}
	done := make(chan error, 1)
	go func() { done <- group.Wait() }()
	for looking := true; looking; {
		select {
		case err := <-done:
			if err != nil {
				t.Fatal(err)
			}
			looking = false
		default:
		}
		if others, err := watching.OtherSessions(t.Context()); err != nil || len(others) > 0 {
			t.Fatalf("%q, %v", others, err)
		}
	}
}

func TestSessionsAtWork(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewMySQLDatabase(t))
	session := openSession(t, config)
	if count, err := session.SessionsAtWork(t.Context()); err != nil || count != 0 {
		t.Errorf("%d at work, %v", count, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	for _, query := range []string{"SELECT SLEEP(1000)", "SELECT BENCHMARK(1000000000000, 1 + 1)"} {
		other := openSession(t, config)
		group.Go(func() { _, _ = other.Exec(ctx, query) }) // ends by cancel
	}
	const sleeping = `SELECT count(*) FROM information_schema.PROCESSLIST WHERE state = 'User sleep' AND user = SUBSTRING_INDEX(CURRENT_USER(), '@', 1)`
	for got, asleep := -1, 0; got != 1 || asleep != 1; {
		var err error
		if got, err = session.SessionsAtWork(t.Context()); err != nil || got > 1 {
			t.Fatalf("%d at work, %v", got, err)
		}
		if err := session.QueryRow(t.Context(), sleeping).Scan(&asleep); err != nil {
			t.Fatal(err)
		}
	}
}
