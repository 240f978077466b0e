package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/port/convert"
)

// chunkBytes is how many bytes of rows one COPY carries at most, if not one row alone is longer.
const chunkBytes = 1 << 20

// chunk is a number of encoded rows of one table, sent by one COPY in a transaction of its own.
type chunk struct {
	table  *tablePlan
	rows   []byte
	ends   []int   // where each row ends
	rowids []int64 // of each row
}

func (c *chunk) reset(table *tablePlan) {
	c.table, c.rows, c.ends, c.rowids = table, c.rows[:0], c.ends[:0], c.rowids[:0]
	if cap(c.rows) > 4*chunkBytes { // a huge row went through; do not keep its room
		c.rows = nil
	}
}

func (c *chunk) count() int { return len(c.ends) }

// part returns the rows from first up to, without, last.
func (c *chunk) part(first, last int) []byte {
	begin := 0
	if first > 0 {
		begin = c.ends[first-1]
	}
	return c.rows[begin:c.ends[last-1]]
}

// copyRows sends encoded rows to a table by COPY.
func copyRows(ctx context.Context, conn *pgconn.PgConn, table string, columns []convert.Column, rows []byte) error {
	stream := io.MultiReader(
		bytes.NewReader(copybinary.AppendHeader(nil)), bytes.NewReader(rows), bytes.NewReader(copybinary.AppendTrailer(nil)))
	_, err := conn.CopyFrom(ctx, stream, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", table, quotedColumns(columns)))
	return err
}

// send copies part of a chunk in one transaction.
func (r *run) send(ctx context.Context, w *worker, c *chunk, first, last int) error {
	if c.table.search != nil {
		return r.sendSearch(ctx, w, c, first, last)
	}
	return copyRows(ctx, w.conn.PgConn(), r.target.quote(c.table.name), c.table.columns, c.part(first, last))
}

func (r *run) sendSearch(ctx context.Context, w *worker, c *chunk, first, last int) error {
	if !w.staged {
		if err := createSearchStage(ctx, w.conn, r.target.schema.Name, c.table); err != nil {
			return err
		}
		w.staged = true
	}
	tx, err := w.conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback(context.WithoutCancel(ctx)) }() // does nothing after the commit
	if err := copyRows(ctx, w.conn.PgConn(), searchStage, c.table.columns, c.part(first, last)); err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, fillFromStage(r.target.schema.Name, c.table)); err != nil {
		return err
	}
	return tx.Commit(ctx)
}

// deliver sends a chunk. When the server refuses a row, halves are tried until that row stands alone; it is then set
// aside, or ends the port.
func (r *run) deliver(ctx context.Context, w *worker, c *chunk, first, last int) ([]refusal, error) {
	err := r.send(ctx, w, c, first, last)
	if err == nil || !isRefusal(err) {
		return nil, err
	}
	if last-first == 1 {
		return []refusal{{rowid: c.rowids[first], err: err}}, nil
	}
	middle := (first + last) / 2
	left, err := r.deliver(ctx, w, c, first, middle)
	if err != nil || (len(left) > 0 && r.options.OnBadValue == Fail) {
		return left, err
	}
	right, err := r.deliver(ctx, w, c, middle, last)
	return append(left, right...), err
}

// refusal is a row that the server did not take.
type refusal struct {
	rowid int64
	err   error
}

// isRefusal reports whether an error is about the data: classes 22 (data exception), 23 (integrity constraint),
// 54 (program limit) and what a function raised (P0001).
func isRefusal(err error) bool {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return false
	}
	return strings.HasPrefix(refused.Code, "22") || strings.HasPrefix(refused.Code, "23") ||
		strings.HasPrefix(refused.Code, "54") || refused.Code == "P0001"
}

// sender sends the chunks of one worker while the worker fills the next one.
type sender struct {
	full    chan *chunk
	free    chan *chunk
	refused []refusal
	err     error
	failed  atomic.Bool // tells the reading side early that err is set
}

// startSender makes a sender; stop ends it.
func (r *run) startSender(ctx context.Context, w *worker) *sender {
	s := &sender{full: make(chan *chunk), free: make(chan *chunk, 2)}
	s.free <- &w.chunks[0]
	s.free <- &w.chunks[1]
	go func() {
		for c := range s.full {
			if s.err == nil && c.count() > 0 {
				var refused []refusal
				refused, s.err = r.deliver(ctx, w, c, 0, c.count())
				s.refused = append(s.refused, refused...)
				s.failed.Store(s.err != nil || (len(refused) > 0 && r.options.OnBadValue == Fail))
			}
			s.free <- c
		}
		close(s.free)
	}()
	return s
}

// exchange hands a full chunk to the sender and takes one that is free.
func (s *sender) exchange(c *chunk) *chunk {
	s.full <- c
	return <-s.free
}

// stop waits until everything is sent. Only then may refused and err be read.
func (s *sender) stop() {
	close(s.full)
	for range s.free {
	}
}
