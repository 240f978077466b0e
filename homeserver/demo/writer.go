package demo

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"
)

// writer inserts rows, in the order they come. After its first error it does nothing
// more, so that the code that thinks up rows need not look at every one; err keeps
// that error.
type writer struct {
	conn  *sqlite.Conn
	err   error
	rows  int64
	queue *queue
	cache map[string]*sqlite.Stmt
}

// loading is for a file nobody else knows: if anything goes wrong it is thrown away,
// so there is no journal. Foreign keys hold when everything is there; a test checks.
const loading = `PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA foreign_keys = OFF;
PRAGMA cache_size = -8192;`

func newWriter(conn *sqlite.Conn) *writer {
	w := &writer{conn: conn, cache: map[string]*sqlite.Stmt{}}
	w.queue = newQueue(w.apply)
	return w
}

// write works on a database with a connection of its own, in one transaction.
func write(ctx context.Context, path string, work func(w *writer)) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	conn.SetInterrupt(ctx.Done())
	w := newWriter(conn)
	w.script(loading)
	w.script("BEGIN")
	work(w)
	w.script("COMMIT")
	w.queue.close()
	if ctx.Err() != nil {
		w.err = ctx.Err()
	}
	return errors.Join(w.err, conn.Close())
}

// insert adds a row; target is a table and its columns, "rooms (room_id, creator)".
func (w *writer) insert(target string, values ...any) {
	w.rows++
	w.queue.add(insertion{target, values})
}

// apply inserts a row that was handed over.
func (w *writer) apply(row insertion) {
	if w.err != nil {
		return
	}
	statement := w.cache[row.target]
	if statement == nil {
		if statement = w.prepareInsert(row.target, len(row.values)); statement == nil {
			return
		}
	}
	w.step(row.target, statement, row.values)
}

func (w *writer) prepareInsert(target string, values int) *sqlite.Stmt {
	statement, err := w.conn.Prepare("INSERT INTO " + target + " VALUES (" + strings.Repeat("?, ", values-1) + "?)")
	if err != nil {
		w.fail(target, err)
		return nil
	}
	w.cache[target] = statement
	return statement
}

// run executes one statement and returns how many rows it changed.
func (w *writer) run(query string, values ...any) int {
	w.queue.wait()
	if w.err != nil {
		return 0
	}
	statement, err := w.conn.Prepare(query)
	if err != nil {
		w.fail(query, err)
		return 0
	}
	w.step(query, statement, values)
	return w.conn.Changes()
}

// delete executes a DELETE.
func (w *writer) delete(query string, values ...any) {
	w.rows -= int64(w.run(query, values...))
}

func (w *writer) step(what string, statement *sqlite.Stmt, values []any) {
	for i, value := range values {
		w.bind(statement, i+1, value)
	}
	for {
		more, err := statement.Step()
		if err != nil {
			w.fail(what, err)
		}
		if !more || err != nil {
			break
		}
	}
	if err := statement.Reset(); err != nil {
		w.fail(what, err)
	}
}

func (w *writer) bind(statement *sqlite.Stmt, parameter int, value any) {
	switch value := value.(type) {
	case nil:
		statement.BindNull(parameter)
	case string:
		statement.BindText(parameter, value)
	case int64:
		statement.BindInt64(parameter, value)
	case int:
		statement.BindInt64(parameter, int64(value))
	case bool:
		statement.BindBool(parameter, value)
	case float64:
		statement.BindFloat(parameter, value)
	case []byte:
		bindBlob(statement, parameter, value)
	default:
		w.fail("bind a value", fmt.Errorf("no way to store a %T", value))
	}
}

// bindBlob keeps an empty BLOB from becoming NULL.
func bindBlob(statement *sqlite.Stmt, parameter int, value []byte) {
	if len(value) == 0 {
		statement.BindZeroBlob(parameter, 0)
		return
	}
	statement.BindBytes(parameter, value)
}

// script executes statements without parameters, each on its own: in a transaction
// only if one is open.
func (w *writer) script(text string) {
	w.queue.wait()
	for text = strings.TrimSpace(text); text != "" && w.err == nil; {
		statement, rest, err := w.conn.PrepareTransient(text)
		if err != nil {
			w.fail(text, err)
			return
		}
		w.step(text, statement, nil)
		if err := statement.Finalize(); err != nil {
			w.fail(text, err)
		}
		text = strings.TrimSpace(text[len(text)-rest:])
	}
}

// row is a row of a result.
type row = sqlite.Stmt

// query calls each with every row of a result.
func (w *writer) query(query string, each func(row *row)) {
	w.queue.wait()
	if w.err != nil {
		return
	}
	err := sqlitex.ExecuteTransient(w.conn, query, &sqlitex.ExecOptions{ResultFunc: func(row *row) error {
		each(row)
		return nil
	}})
	if err != nil {
		w.fail(query, err)
	}
}

func (w *writer) fail(what string, err error) {
	if w.err == nil {
		w.queue.failed.Store(true)
		w.err = fmt.Errorf("%s: %w", what, err)
	}
}
