package postgres_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// accounts makes a table of two rows, and a pool for it.
func accounts(t *testing.T) *postgres.Pool {
	t.Helper()
	pool := open(t, configOf(t, dbtest.NewDatabase(t), nil))
	for _, statement := range []string{"CREATE TABLE accounts (id int PRIMARY KEY, amount int)", "INSERT INTO accounts VALUES (1, 0), (2, 0)"} {
		if _, err := pool.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	return pool
}

func amounts(t *testing.T, pool *postgres.Pool) []int {
	t.Helper()
	rows, err := pool.Query(t.Context(), "SELECT amount FROM accounts ORDER BY id")
	if err != nil {
		t.Fatal(err)
	}
	all, err := pgx.CollectRows(rows, pgx.RowTo[int])
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func add(ctx context.Context, transaction pgx.Tx, id int) error {
	_, err := transaction.Exec(ctx, "UPDATE accounts SET amount = amount + 1 WHERE id = $1", id)
	return err
}

func TestTransactCommits(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	err := postgres.Transact(t.Context(), pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
		return add(t.Context(), transaction, 1)
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]int{1, 0}, amounts(t, pool)); diff != "" {
		t.Error(diff)
	}
}

func TestTransactRepeatsASerializationFailure(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	attempts := 0
	err := postgres.Transact(t.Context(), pool, pgx.TxOptions{IsoLevel: pgx.RepeatableRead}, func(transaction pgx.Tx) error {
		attempts++
		// The snapshot is taken here; then another session changes the row.
		var amount int
		if err := transaction.QueryRow(t.Context(), "SELECT amount FROM accounts WHERE id = 1").Scan(&amount); err != nil {
			return err
		}
		if attempts == 1 {
			if _, err := pool.Exec(t.Context(), "UPDATE accounts SET amount = 10 WHERE id = 1"); err != nil {
				return err
			}
		}
		return add(t.Context(), transaction, 1)
	})
	if err != nil || attempts != 2 {
		t.Fatalf("%d attempts: %v", attempts, err)
	}
	if diff := cmp.Diff([]int{11, 0}, amounts(t, pool)); diff != "" {
		t.Error(diff)
	}
}

func TestTransactRepeatsAFailureOfTheCommit(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	attempts := 0
	err := postgres.Transact(t.Context(), pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(transaction pgx.Tx) error {
		attempts++
		if attempts > 1 {
			return add(t.Context(), transaction, 1)
		}
		return writeSkew(t.Context(), pool, transaction)
	})
	if err != nil || attempts != 2 {
		t.Fatalf("%d attempts: %v", attempts, err)
	}
}

// writeSkew makes a transaction whose commit must fail: each of two reads what
// the other one writes, and the other one has committed first.
func writeSkew(ctx context.Context, pool *postgres.Pool, transaction pgx.Tx) error {
	var sum int
	if err := transaction.QueryRow(ctx, "SELECT sum(amount) FROM accounts").Scan(&sum); err != nil {
		return err
	}
	if err := add(ctx, transaction, 1); err != nil {
		return err
	}
	return postgres.Transact(ctx, pool, pgx.TxOptions{IsoLevel: pgx.Serializable}, func(other pgx.Tx) error {
		if err := other.QueryRow(ctx, "SELECT sum(amount) FROM accounts").Scan(&sum); err != nil {
			return err
		}
		return add(ctx, other, 2)
	})
}

func TestTransactRepeatsADeadlock(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	ready := []chan struct{}{make(chan struct{}), make(chan struct{})}
	results := make(chan int, 2)
	for i := range 2 {
		go func() { results <- crosswise(t, pool, i, ready) }()
	}
	if total := <-results + <-results; total != 3 {
		t.Errorf("%d attempts by both; one of them has to repeat", total)
	}
	if diff := cmp.Diff([]int{2, 2}, amounts(t, pool)); diff != "" {
		t.Error(diff)
	}
}

// crosswise locks both rows in the order that the other one does not, each
// waiting for the other's first lock, and gives the number of its attempts.
func crosswise(t *testing.T, pool *postgres.Pool, i int, ready []chan struct{}) int {
	attempts := 0
	err := postgres.Transact(t.Context(), pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
		attempts++
		if err := add(t.Context(), transaction, 1+i); err != nil {
			return err
		}
		if attempts == 1 {
			close(ready[i])
			<-ready[1-i]
		}
		return add(t.Context(), transaction, 2-i)
	})
	if err != nil {
		t.Error(err)
	}
	return attempts
}

func TestTransactGivesUp(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	attempts := 0
	err := postgres.Transact(t.Context(), pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
		attempts++
		_, err := transaction.Exec(t.Context(), "DO $$ BEGIN RAISE EXCEPTION 'again' USING ERRCODE = '40001'; END $$")
		return err
	})
	var server *pgconn.PgError
	if !errors.As(err, &server) || server.Code != "40001" || attempts != 5 {
		t.Errorf("%d attempts: %v", attempts, err)
	}
}

func TestTransactRepeatsNothingElse(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	for name, work := range map[string]func(context.Context, pgx.Tx) error{
		"own error": func(context.Context, pgx.Tx) error { return io.ErrUnexpectedEOF },
		"timeout": func(ctx context.Context, transaction pgx.Tx) error {
			_, err := transaction.Exec(ctx, "SET LOCAL statement_timeout = 1; SELECT pg_sleep(5)")
			return err
		},
		"constraint": func(ctx context.Context, transaction pgx.Tx) error {
			_, err := transaction.Exec(ctx, "INSERT INTO accounts VALUES (1, 1)")
			return err
		},
	} {
		attempts := 0
		err := postgres.Transact(t.Context(), pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
			attempts++
			return errors.Join(add(t.Context(), transaction, 1), work(t.Context(), transaction))
		})
		if err == nil || attempts != 1 {
			t.Errorf("%s: %d attempts: %v", name, attempts, err)
		}
	}
	if diff := cmp.Diff([]int{0, 0}, amounts(t, pool)); diff != "" {
		t.Error("not rolled back: " + diff)
	}
}

func TestTransactRollsBackAPanicAndACancelledContext(t *testing.T) {
	t.Parallel()
	pool := accounts(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic is swallowed")
			}
		}()
		_ = postgres.Transact(t.Context(), pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
			if err := add(t.Context(), transaction, 1); err != nil {
				return err
			}
			panic("no")
		})
	}()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	err := postgres.Transact(ctx, pool, pgx.TxOptions{}, func(transaction pgx.Tx) error {
		if err := add(ctx, transaction, 1); err != nil {
			return err
		}
		cancel()
		return ctx.Err()
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	if diff := cmp.Diff([]int{0, 0}, amounts(t, pool)); diff != "" {
		t.Error("not rolled back: " + diff)
	}
	// A connection that was not given back would keep the pool from closing.
	pool.Close()
}
