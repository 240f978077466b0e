package tables

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
)

// copyWriter fills PostgreSQL by COPY, all tables in one transaction: the foreign keys are dropped in it and made again at its end,
// so that a move that ends before leaves nothing.
type copyWriter struct {
	*filling

	connection  *pgx.Conn
	transaction pgx.Tx
	foreign     []foreignKey
}

type foreignKey struct{ table, name, definition string }

func newCopyWriter(ctx context.Context, f *filling) (*copyWriter, error) {
	connection, err := f.options.To.Postgres.Connect(ctx, map[string]string{
		"statement_timeout": "0", "lock_timeout": "30s", "idle_in_transaction_session_timeout": "0",
		"synchronous_commit": "on", "timezone": "UTC", "datestyle": "ISO, YMD", "default_transaction_isolation": "read committed", "application_name": postgres.UpgradeApplication,
	})
	if err != nil {
		return nil, err
	}
	return &copyWriter{filling: f, connection: connection}, nil
}

const foreignKeysQuery = `SELECT c.relname::text, k.conname::text, pg_get_constraintdef(k.oid)
FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
WHERE k.contype = 'f' AND k.conparentid = 0 AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY c.relname, k.conname`

func (w *copyWriter) begin(ctx context.Context) (err error) {
	if w.transaction, err = w.connection.Begin(ctx); err != nil {
		return err
	}
	rows, err := w.transaction.Query(ctx, foreignKeysQuery)
	if err != nil {
		return err
	}
	w.foreign, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (key foreignKey, err error) {
		err = row.Scan(&key.table, &key.name, &key.definition)
		return key, err
	})
	if err != nil {
		return fmt.Errorf("read the foreign keys: %w", err)
	}
	for _, key := range w.foreign {
		if err := w.exec(ctx, "ALTER TABLE "+w.target.quote(key.table)+" DROP CONSTRAINT "+w.target.quote(key.name)); err != nil {
			return err
		}
	}
	var names []string
	for _, table := range w.pairs {
		names = append(names, w.target.quote(table.name))
	}
	if len(names) == 0 {
		return nil
	}
	return w.exec(ctx, "TRUNCATE "+strings.Join(names, ", "))
}

func (w *copyWriter) exec(ctx context.Context, statement string) error {
	_, err := w.transaction.Exec(ctx, statement)
	return err
}

// copyBuffer is how much is sent at once, in bytes.
const copyBuffer = 64 << 10

func (w *copyWriter) table(ctx context.Context, table *pair) error {
	reader, writer := io.Pipe()
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	read := make(chan error, 1)
	go func() {
		err := w.send(ctx, table, writer)
		writer.CloseWithError(err)
		read <- err
	}()
	columns := strings.Join(columnNames(w.target.dialect, table), ", ")
	_, err := w.connection.PgConn().CopyFrom(ctx, reader, "COPY "+w.target.quote(table.name)+" ("+columns+") FROM STDIN")
	_ = reader.Close() // the source is no longer read
	if sent := <-read; sent != nil && !errors.Is(sent, io.ErrClosedPipe) {
		return sent
	}
	return err
}

func (w *copyWriter) send(ctx context.Context, table *pair, to io.Writer) error {
	buffer := make([]byte, 0, 2*copyBuffer)
	err := w.rows(ctx, table, func(values [][]byte) error {
		buffer = appendCopied(buffer, table, values)
		if len(buffer) < copyBuffer {
			return nil
		}
		_, err := to.Write(buffer)
		buffer = buffer[:0]
		return err
	})
	if err != nil {
		return err
	}
	_, err = to.Write(buffer)
	return err
}

// appendCopied appends a row in COPY's text form (https://www.postgresql.org/docs/current/sql-copy.html).
func appendCopied(dst []byte, table *pair, values [][]byte) []byte {
	for i, value := range values {
		if i > 0 {
			dst = append(dst, '\t')
		}
		switch {
		case value == nil:
			dst = append(dst, `\N`...)
		case table.columns[i].kind == bytea:
			dst = hex.AppendEncode(append(dst, `\\x`...), value)
		default:
			dst = appendEscaped(dst, value)
		}
	}
	return append(dst, '\n')
}

func appendEscaped(dst, value []byte) []byte {
	for _, letter := range value {
		switch letter {
		case '\\':
			dst = append(dst, `\\`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, letter)
		}
	}
	return dst
}

// closeTimeout is how long the end of a connection may take.
const closeTimeout = 10 * time.Second

const setCounter = "SELECT setval(pg_get_serial_sequence($1, $2), $3, true)"

func (w *copyWriter) end(ctx context.Context, counters []CounterReport) error {
	for _, counter := range counters {
		if counter.Last < 1 {
			continue
		}
		if _, err := w.transaction.Exec(ctx, setCounter, w.target.quote(counter.Table), counter.Column, counter.Last); err != nil {
			return fmt.Errorf("set the counter of table %s: %w", counter.Table, err)
		}
	}
	if err := w.setSequences(ctx); err != nil {
		return err
	}
	for _, key := range w.foreign {
		statement := "ALTER TABLE " + w.target.quote(key.table) + " ADD CONSTRAINT " + w.target.quote(key.name) + " " + key.definition
		if err := w.exec(ctx, statement); err != nil {
			return fmt.Errorf("prove the foreign key %s of table %s: %w", key.name, key.table, err)
		}
	}
	return w.transaction.Commit(ctx)
}

// setSequences has the sequences of no column go on where those of the source are, which is PostgreSQL then.
func (w *copyWriter) setSequences(ctx context.Context) error {
	for _, name := range w.target.sequences {
		var last int64
		var called bool
		query := "SELECT last_value, is_called FROM " + w.source.quote(name)
		if err := w.source.session.QueryRow(ctx, query).Scan(&last, &called); err != nil {
			return fmt.Errorf("look how far the sequence %s is: %w", name, err)
		}
		if _, err := w.transaction.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", w.target.quote(name), last, called); err != nil {
			return fmt.Errorf("set the sequence %s: %w", name, err)
		}
	}
	return nil
}

func (w *copyWriter) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return w.connection.Close(ctx)
}
