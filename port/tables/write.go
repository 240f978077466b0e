package tables

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
)

// writer writes rows into an engine's tables.
type writer interface {
	// begin empties the tables and takes aside what would hinder.
	begin(ctx context.Context) error
	// table copies a table.
	table(ctx context.Context, table *pair) error
	// end has the counters go on, and proves the foreign keys.
	end(ctx context.Context, counters []CounterReport) error
	close() error
}

func newWriter(ctx context.Context, f *filling) (writer, error) {
	switch f.options.To.Engine {
	case engine.Postgres:
		return newCopyWriter(ctx, f)
	case engine.MySQL:
		return &batchWriter{filling: f, how: mysqlBatches{mysqlDialect{}}, most: min(statementBytes, f.most/2)}, nil //nolint:mnd // room for what stands around the values
	case engine.SQLite:
	}
	return &batchWriter{filling: f, how: sqliteBatches{sqliteDialect{}}, most: statementBytes}, nil
}

// Limits of one transaction and of one statement.
const (
	batchRows      = 10_000
	batchBytes     = 8 << 20
	statementBytes = 1 << 20
	statementRows  = 250
	statementMost  = 30_000 // values
)

// batches is what differs between the engines that get rows by INSERT.
type batches interface {
	dialect
	unchecked() string // the statement by which foreign keys are not looked at
	setCounter(ctx context.Context, session engine.Session, counter CounterReport) error
	brokenKeys(ctx context.Context, session engine.Querier) ([]string, error)
}

// batchWriter inserts several rows by one statement and several statements in one transaction.
type batchWriter struct {
	*filling

	how  batches
	most int // bytes of a statement, unless one row has more
}

func (w *batchWriter) begin(ctx context.Context) error {
	if _, err := w.session.Exec(ctx, w.how.unchecked()); err != nil {
		return err
	}
	for _, table := range w.pairs {
		if _, err := w.session.Exec(ctx, "DELETE FROM "+w.how.quote(table.name)); err != nil {
			return err
		}
	}
	return nil
}

// batch are rows that wait to be written.
type batch struct {
	rows  [][]any
	sizes []int
	bytes int
}

// table reads the next batch while one is written.
func (w *batchWriter) table(ctx context.Context, table *pair) error {
	group, ctx := errgroup.WithContext(ctx)
	ready := make(chan *batch)
	group.Go(func() error {
		defer close(ready)
		return w.gather(ctx, table, ready)
	})
	group.Go(func() error {
		for waiting := range ready {
			if err := w.flush(ctx, table, waiting); err != nil {
				return err
			}
		}
		return nil
	})
	return group.Wait()
}

// gather reads the source.
func (w *batchWriter) gather(ctx context.Context, table *pair, ready chan<- *batch) error {
	waiting := &batch{}
	hand := func() error {
		select {
		case ready <- waiting:
			waiting = &batch{}
			return nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	err := w.rows(ctx, table, func(values [][]byte) error {
		waiting.add(table, values)
		if len(waiting.rows) < batchRows && waiting.bytes < batchBytes {
			return nil
		}
		return hand()
	})
	if err != nil || len(waiting.rows) == 0 {
		return err
	}
	return hand()
}

func (b *batch) add(table *pair, values [][]byte) {
	row, size := make([]any, len(values)), 0
	for i, value := range values {
		row[i] = bind(table.columns[i].kind, value)
		size += len(value)
	}
	b.rows, b.sizes, b.bytes = append(b.rows, row), append(b.sizes, size), b.bytes+size
}

func (w *batchWriter) flush(ctx context.Context, table *pair, waiting *batch) error {
	return w.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		for first := 0; first < len(waiting.rows); {
			last := waiting.next(first, w.most)
			if _, err := tx.Exec(ctx, w.insert(table, last-first), waiting.values(first, last)...); err != nil {
				return err
			}
			first = last
		}
		return nil
	})
}

// next is where the statement ends that begins with a row.
func (b *batch) next(first, most int) int {
	size, last := b.sizes[first], first+1
	rows := max(1, min(statementRows, statementMost/max(1, len(b.rows[first]))))
	for last < len(b.rows) && last-first < rows && size+b.sizes[last] < most {
		size += b.sizes[last]
		last++
	}
	return last
}

func (b *batch) values(first, last int) (values []any) {
	for _, row := range b.rows[first:last] {
		values = append(values, row...)
	}
	return values
}

func (w *batchWriter) insert(table *pair, rows int) string {
	one := "(" + strings.TrimSuffix(strings.Repeat("?, ", len(table.columns)), ", ") + ")"
	return "INSERT INTO " + w.how.quote(table.name) + " (" + strings.Join(columnNames(w.how, table), ", ") + ") VALUES " +
		strings.TrimSuffix(strings.Repeat(one+", ", rows), ", ")
}

func columnNames(in dialect, table *pair) (names []string) {
	for i := range table.columns {
		names = append(names, in.quote(table.columns[i].target.name))
	}
	return names
}

func (w *batchWriter) end(ctx context.Context, counters []CounterReport) error {
	for _, counter := range counters {
		if err := w.how.setCounter(ctx, w.session, counter); err != nil {
			return fmt.Errorf("set the counter of table %s: %w", counter.Table, err)
		}
	}
	broken, err := w.how.brokenKeys(ctx, w.session)
	if err != nil {
		return fmt.Errorf("prove the foreign keys: %w", err)
	}
	return foreignKeysError(broken)
}

// foreignKeysError says which foreign keys rows break.
func foreignKeysError(broken []string) error {
	if len(broken) == 0 {
		return nil
	}
	return &MismatchError{Differences: []string{"rows refer to rows that are not there: " + engine.List(broken)}}
}

func (*batchWriter) close() error { return nil }

// bind gives a value as the driver takes it.
func bind(of kind, value []byte) any {
	if value == nil {
		return nil
	}
	switch of { //nolint:exhaustive // the others are texts
	case anything:
		return bindAnything(value)
	case boolean, integer:
		if number, err := strconv.ParseInt(string(value), 10, 64); err == nil {
			return number
		}
	case real32, real64:
		bits := 64
		if of == real32 {
			bits = 32
		}
		if number, err := strconv.ParseFloat(string(value), bits); err == nil {
			return number
		}
	case bytea:
		return value
	}
	return string(value)
}

func bindAnything(value []byte) any {
	held := value[1:]
	switch value[0] {
	case integerClass:
		number, _ := strconv.ParseInt(string(held), 10, 64)
		return number
	case realClass:
		bits, _ := strconv.ParseUint(string(held), 16, 64)
		return math.Float64frombits(bits)
	case blobClass:
		return held
	}
	return string(held)
}
