package back

import (
	"context"
	"errors"
	"fmt"
	"strings"

	lite "zombiezen.com/go/sqlite"
	"zombiezen.com/go/sqlite/sqlitex"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// loading is for a file that nobody else knows: if anything goes wrong it is thrown away, so there is no journal. The mode has to leave
// WAL first. Foreign keys are checked at the end, all at once.
const loading = `PRAGMA journal_mode = DELETE;
PRAGMA journal_mode = OFF;
PRAGMA synchronous = OFF;
PRAGMA locking_mode = EXCLUSIVE;
PRAGMA foreign_keys = OFF;
PRAGMA cache_size = -32768;`

// writer is the connection that fills the file.
type writer struct {
	conn  *lite.Conn
	aside []object // indexes and triggers that are made again after the load
}

// object is an index or a trigger.
type object struct{ kind, name, table, sql string }

func openWriter(ctx context.Context, path string) (*writer, error) {
	conn, err := lite.OpenConn(path, lite.OpenReadWrite)
	if err != nil {
		return nil, err
	}
	conn.SetInterrupt(ctx.Done())
	w := &writer{conn: conn}
	for statement := range strings.SplitSeq(loading, "\n") {
		if err := w.run(statement); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
	}
	return w, nil
}

// run executes one statement.
func (w *writer) run(statement string, values ...any) error {
	if err := sqlitex.ExecuteTransient(w.conn, statement, &sqlitex.ExecOptions{Args: values}); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// each calls take for every row of a result.
func (w *writer) each(query string, take func(row *lite.Stmt), values ...any) error {
	return sqlitex.ExecuteTransient(w.conn, query, &sqlitex.ExecOptions{Args: values, ResultFunc: func(row *lite.Stmt) error {
		take(row)
		return nil
	}})
}

const objectsSQL = `SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid`

// setAside drops the indexes and triggers of tables that are filled: an index is built faster in one go, and triggers judge rows by
// others that may come later.
func (w *writer) setAside(filled map[string]bool) error {
	err := w.each(objectsSQL, func(row *lite.Stmt) {
		if made := (object{row.ColumnText(0), row.ColumnText(1), row.ColumnText(2), row.ColumnText(3)}); filled[made.table] {
			w.aside = append(w.aside, made)
		}
	})
	if err != nil {
		return err
	}
	for _, made := range w.aside {
		if err := w.run("DROP " + made.kind + " " + sqlite.QuoteIdentifier(made.name)); err != nil {
			return err
		}
	}
	return nil
}

// restore makes them again, from the text that SQLite has kept of each.
func (w *writer) restore(progress *Progress) error {
	for _, made := range w.aside {
		progress.at(made.name)
		if err := w.run(made.sql); err != nil {
			return err
		}
	}
	return nil
}

// examine runs SQLite's own checks.
func (w *writer) examine() error {
	var messages, broken []string
	err := w.each("PRAGMA integrity_check(10)", func(row *lite.Stmt) {
		if text := row.ColumnText(0); text != "ok" {
			messages = append(messages, text)
		}
	})
	if err != nil {
		return fmt.Errorf("integrity_check: %w", err)
	}
	if len(messages) > 0 {
		return &DamagedError{messages}
	}
	const most = 10
	err = w.each("PRAGMA foreign_key_check", func(row *lite.Stmt) {
		if len(broken) < most {
			broken = append(broken, fmt.Sprintf("a row of %s has no parent in %s", row.ColumnText(0), row.ColumnText(2)))
		}
	})
	if err != nil {
		return fmt.Errorf("foreign_key_check: %w", err)
	}
	if len(broken) > 0 {
		return &KeysError{broken}
	}
	return nil
}

// isFull reports whether the disk was full, by the error of either way to write to the file.
func isFull(err error) bool {
	if code, found := sqlite.ResultCode(err); found && lite.ResultCode(code).ToPrimary() == lite.ResultFull {
		return true
	}
	return lite.ErrCode(err).ToPrimary() == lite.ResultFull
}
