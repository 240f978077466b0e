package table

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

const loadSQL = `SELECT id, state, attributes, locals, definition, last_changed, last_written, removed FROM entities WHERE application = ?`

// Load gives take every row of the application, those of removed entities too, in no certain order. take may keep the bytes; its error ends
// the loading. It is called by this goroutine, while another one reads on.
func (t *Table) Load(ctx context.Context, take func(Row) error) error {
	return t.read(ctx, "the entities", func(from engine.Querier) error {
		batches := batches{sent: make(chan []Row, readAhead), stop: make(chan struct{})}
		var reading errgroup.Group
		reading.Go(func() error {
			defer close(batches.sent)
			if t.database.Engine == engine.SQLite && !t.inMemory() {
				return t.readFile(ctx, &batches)
			}
			return t.readRows(ctx, from, &batches)
		})
		taken := batches.take(take)
		if err := reading.Wait(); taken == nil {
			return err
		}
		return taken
	})
}

const (
	// batchRows is how many rows go from the goroutine that reads to the one that takes at once.
	batchRows = 256
	// readAhead is how many batches may wait to be taken.
	readAhead = 8
)

// batches are rows on their way from one goroutine to another.
type batches struct {
	sent chan []Row
	stop chan struct{} // closed when no more are wanted
	next []Row
}

// add reports whether more are wanted.
func (b *batches) add(row Row) bool {
	if b.next == nil {
		b.next = make([]Row, 0, batchRows)
	}
	b.next = append(b.next, row)
	return len(b.next) < batchRows || b.flush()
}

func (b *batches) flush() bool {
	select {
	case b.sent <- b.next:
		b.next = nil
		return true
	case <-b.stop:
		return false
	}
}

func (b *batches) take(take func(Row) error) error {
	defer close(b.stop)
	for batch := range b.sent {
		for _, row := range batch {
			if err := take(row); err != nil {
				return err
			}
		}
	}
	return nil
}

// readRows reads by the session.
func (t *Table) readRows(ctx context.Context, from engine.Querier, to *batches) error {
	rows, err := from.Query(ctx, loadSQL, t.application.ID)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		row, err := scanRow(rows.Scan)
		if err != nil {
			return err
		}
		if !to.add(row) {
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	to.flush()
	return nil
}

// scanRow reads the columns of loadSQL, after others.
func scanRow(scan func(...any) error, others ...any) (row Row, err error) {
	var changed, written int64
	var removed *int64
	err = scan(append(others, &row.ID, &row.State, &row.Attributes, &row.Locals, &row.Definition, &changed, &written, &removed)...)
	if err != nil {
		return Row{}, fmt.Errorf("read an entity: %w", err)
	}
	row.LastChanged, row.LastWritten = moment(changed), moment(written)
	if removed != nil {
		row.Removed = moment(*removed)
	}
	return row, nil
}

// readFile reads a file of SQLite, which takes a third of the time that readRows does: programs wait for it at every start.
func (t *Table) readFile(ctx context.Context, to *batches) error {
	return t.database.SQLite.WithReader(ctx, func(reader *sqlite.Reader) (err error) {
		rows, err := reader.Query(ctx, loadSQL, t.application.ID)
		if err != nil {
			return err
		}
		defer func() { _ = rows.Close() }() // what it could tell, Next has told
		for {
			more, err := rows.Next()
			if err != nil {
				return err
			}
			if !more {
				to.flush()
				return nil
			}
			if !to.add(fileRow(rows)) {
				return nil
			}
		}
	})
}

// fileRow copies a row; its JSON lies together in memory.
func fileRow(rows *sqlite.Rows) Row {
	state, attributes, locals := rows.Len(1), rows.Len(2), rows.Len(3)
	all := make([]byte, 0, state+attributes+locals)
	for column := 1; column <= 3; column++ {
		all = rows.Append(column, all)
	}
	row := Row{
		ID:    string(rows.Append(0, make([]byte, 0, maxID))),
		State: all[:state:state], Attributes: all[state : state+attributes : state+attributes], Locals: all[state+attributes:],
		Definition: rows.Int64(4), LastChanged: moment(rows.Int64(5)), LastWritten: moment(rows.Int64(6)),
	}
	if rows.Type(7) != sqlite.Null {
		row.Removed = moment(rows.Int64(7))
	}
	return row
}
