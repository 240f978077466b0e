package mysql_test

import (
	"context"
	"database/sql"
	"errors"
	"strings"
	"sync"
	"testing"

	driver "github.com/go-sql-driver/mysql"
	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// counters opens a database with a table of two rows.
func counters(t *testing.T) *mysql.DB {
	t.Helper()
	db := open(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	execute(t, db.Statements(), `CREATE TABLE counters (id int PRIMARY KEY, value int NOT NULL)`, `INSERT INTO counters VALUES (1, 0), (2, 0)`)
	return db
}

// total adds up the rows.
func total(t *testing.T, db *mysql.DB) (sum int) {
	t.Helper()
	if err := db.QueryRowContext(t.Context(), `SELECT SUM(value) FROM counters`).Scan(&sum); err != nil {
		t.Fatal(err)
	}
	return sum
}

const countSQL = `UPDATE counters SET value = value + 1 WHERE id = ?`

func TestDeadlockIsRepeated(t *testing.T) {
	t.Parallel()
	db := counters(t)
	// Both transactions have their first row before either asks for its second one.
	var met sync.WaitGroup
	met.Add(2)
	var attempts [2]int
	var group errgroup.Group
	for i, order := range [][]int{{1, 2}, {2, 1}} {
		group.Go(func() error {
			return mysql.Transact(t.Context(), db, sql.TxOptions{}, func(tx engine.Tx) error {
				attempts[i]++
				if _, err := tx.Exec(t.Context(), countSQL, order[0]); err != nil {
					return err
				}
				if attempts[i] == 1 {
					met.Done()
					met.Wait()
				}
				_, err := tx.Exec(t.Context(), countSQL, order[1])
				return err
			})
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	if attempts[0]+attempts[1] != 3 || total(t, db) != 4 {
		t.Errorf("%v attempts make a total of %d, want 3 and 4", attempts, total(t, db))
	}
}

func TestLockThatIsNotToBeHadIsGivenUpAfterFiveAttempts(t *testing.T) {
	t.Parallel()
	db := counters(t)
	holding, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer holding.Rollback()
	if _, err := holding.ExecContext(t.Context(), countSQL, 1); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	err = mysql.Transact(t.Context(), db, sql.TxOptions{}, func(tx engine.Tx) error {
		attempts++
		if _, err := tx.Exec(t.Context(), `SET SESSION innodb_lock_wait_timeout = 0`); err != nil {
			return err
		}
		if _, err := tx.Exec(t.Context(), countSQL, 2); err != nil {
			return err
		}
		_, err := tx.Exec(t.Context(), countSQL, 1)
		return err
	})
	refusal, ok := errors.AsType[*driver.MySQLError](err)
	if !ok || refusal.Number != 1205 || attempts != 5 || !strings.Contains(err.Error(), "5 times") {
		t.Errorf("after %d attempts: %v; want the server's error 1205 after 5", attempts, err)
	}
	if err := holding.Rollback(); err != nil {
		t.Fatal(err)
	}
	if got := total(t, db); got != 0 {
		t.Errorf("a total of %d is left of what was rolled back", got)
	}
}

func TestFailedWorkIsRolledBackOnce(t *testing.T) {
	t.Parallel()
	db := counters(t)
	failure := errors.New("enough")
	for name, end := range map[string]func(){"error": func() {}, "panic": func() { panic(failure) }} {
		attempts := 0
		err := func() (err error) {
			defer func() {
				if recovered := recover(); recovered != nil {
					err = failure
				}
			}()
			return mysql.Transact(t.Context(), db, sql.TxOptions{}, func(tx engine.Tx) error {
				attempts++
				if _, err := tx.Exec(t.Context(), countSQL, 1); err != nil {
					return err
				}
				end()
				return failure
			})
		}()
		if !errors.Is(err, failure) || attempts != 1 || total(t, db) != 0 {
			t.Errorf("%s: %d attempts, a total of %d, %v", name, attempts, total(t, db), err)
		}
	}
}

func TestTransactionEndsWithItsContext(t *testing.T) {
	t.Parallel()
	db := counters(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := mysql.Transact(ctx, db, sql.TxOptions{}, func(tx engine.Tx) error {
		if _, err := tx.Exec(ctx, countSQL, 1); err != nil {
			return err
		}
		cancel()
		_, err := tx.Exec(ctx, countSQL, 2)
		return err
	})
	if !errors.Is(err, context.Canceled) || total(t, db) != 0 {
		t.Errorf("a total of %d, %v; want the context's error", total(t, db), err)
	}
}

func TestSessionTransacts(t *testing.T) {
	t.Parallel()
	session := openSession(t, configOf(t, dbtest.NewMySQLDatabase(t)))
	execute(t, session, `CREATE TABLE t (a int PRIMARY KEY)`)
	failure := errors.New("enough")
	for _, want := range []error{failure, nil} {
		err := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			if _, err := tx.Exec(t.Context(), `INSERT INTO t VALUES (?)`, 1); err != nil {
				return err
			}
			return want
		})
		if !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
	}
	var count int
	if err := session.QueryRow(t.Context(), `SELECT COUNT(*) FROM t`).Scan(&count); err != nil || count != 1 {
		t.Errorf("%d rows, %v", count, err)
	}
}
