package sqlite

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"
	"time"
)

const (
	accounts     = 100
	firstBalance = 1000
)

// makeLedger makes a database of accounts, the transfers between them, and a few pages of what takes time to copy.
func makeLedger(tb testing.TB, path, journal string, fillers int) {
	tb.Helper()
	execute(tb, path, "PRAGMA journal_mode = "+journal,
		"CREATE TABLE accounts (id INTEGER PRIMARY KEY, balance INTEGER NOT NULL)",
		"CREATE TABLE transfers (number INTEGER PRIMARY KEY, payer INTEGER NOT NULL, payee INTEGER NOT NULL, amount INTEGER NOT NULL, note TEXT)",
		"CREATE INDEX transfers_payer ON transfers (payer)",
		"CREATE TABLE newest (number INTEGER NOT NULL)", "INSERT INTO newest VALUES (0)",
		"CREATE TABLE fillers (id INTEGER PRIMARY KEY, body BLOB)",
		fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO accounts SELECT i, %d FROM n", accounts-1, firstBalance),
		fmt.Sprintf("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) INSERT INTO fillers SELECT i, randomblob(4000) FROM n", fillers))
}

// keepLedger commits transfers at a rate until its input ends, and answers each line of it with how many it has committed.
func keepLedger(path, perSecond string) error {
	rate, err := strconv.Atoi(perSecond)
	if err != nil {
		return err
	}
	db, err := sql.Open("sqlite", fileURI(path)+"?_pragma=busy_timeout(10000)&_pragma=synchronous(normal)&_txlock=immediate")
	if err != nil {
		return err
	}
	db.SetMaxOpenConns(1)
	var committed atomic.Int64
	var newest int64
	if err := db.QueryRowContext(context.Background(), "SELECT number FROM newest").Scan(&newest); err != nil {
		return err
	}
	committed.Store(newest)
	ended := make(chan struct{})
	go answer(&committed, ended)
	for first, begun := committed.Load(), time.Now(); ; {
		select {
		case <-ended:
			return db.Close()
		default:
		}
		due := begun.Add(time.Duration(committed.Load()-first) * time.Second / time.Duration(rate))
		if early := time.Until(due); early > 0 {
			time.Sleep(early) // keeps to the rate that the test is about
		}
		if err := pay(db, committed.Load()+1); err != nil {
			return err
		}
		committed.Add(1)
	}
}

func answer(committed *atomic.Int64, ended chan<- struct{}) {
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		fmt.Println(committed.Load())
	}
	close(ended)
}

// pay changes every table in one transaction, the fillers in the middle of the file too.
func pay(db *sql.DB, number int64) error {
	payer, payee, amount := number%accounts, number*7%accounts, number%10
	transaction, err := db.Begin()
	if err != nil {
		return err
	}
	for _, change := range []struct {
		statement string
		arguments []any
	}{
		{"UPDATE accounts SET balance = balance - ? WHERE id = ?", []any{amount, payer}},
		{"INSERT INTO transfers VALUES (?, ?, ?, ?, hex(randomblob(50)))", []any{number, payer, payee, amount}},
		{"UPDATE fillers SET body = randomblob(4000) WHERE id = 1 + ? % (SELECT max(id) FROM fillers)", []any{number * 37}},
		{"UPDATE accounts SET balance = balance + ? WHERE id = ?", []any{amount, payee}},
		{"UPDATE newest SET number = ?", []any{number}},
	} {
		if _, err := transaction.Exec(change.statement, change.arguments...); err != nil {
			return err
		}
	}
	return transaction.Commit()
}

// committed asks a process that keeps a ledger how many transfers are committed for certain.
func (p *process) committed(tb testing.TB) int64 {
	tb.Helper()
	if _, err := fmt.Fprintln(p.input); err != nil {
		tb.Fatal(err)
	}
	number, err := strconv.ParseInt(p.line(tb), 10, 64)
	if err != nil {
		tb.Fatal(err)
	}
	return number
}

// ledgerState reads a copy by the plain driver, and returns the newest transfer. A state that existed has the transfers 1 to
// that one, none after it, and the balances that come of exactly these.
func ledgerState(tb testing.TB, path string) int64 {
	tb.Helper()
	db, err := sql.Open("sqlite", fileURI(path)+"?mode=ro")
	if err != nil {
		tb.Fatal(err)
	}
	defer db.Close()
	var newest, count, greatest, indexed, sum, wrong int64
	const query = `SELECT (SELECT number FROM newest), (SELECT count(*) FROM transfers), (SELECT ifnull(max(number), 0) FROM transfers),
		(SELECT count(*) FROM transfers INDEXED BY transfers_payer WHERE payer >= 0), (SELECT sum(balance) FROM accounts),
		(SELECT count(*) FROM accounts AS a WHERE balance != ? + (SELECT ifnull(sum(amount), 0) FROM transfers WHERE payee = a.id)
			- (SELECT ifnull(sum(amount), 0) FROM transfers WHERE payer = a.id))`
	if err := db.QueryRowContext(tb.Context(), query, firstBalance).Scan(&newest, &count, &greatest, &indexed, &sum, &wrong); err != nil {
		tb.Fatal(err)
	}
	if count != newest || greatest != newest || indexed != newest || sum != accounts*firstBalance || wrong != 0 {
		tb.Fatalf("no state that existed: newest %d, %d transfers up to %d, %d in the index, sum %d, %d wrong balances",
			newest, count, greatest, indexed, sum, wrong)
	}
	if beside, _ := filepath.Glob(path + "?*"); len(beside) > 0 {
		tb.Fatalf("beside the copy: %v", beside)
	}
	return newest
}
