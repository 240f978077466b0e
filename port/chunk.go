package port

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
)

// chunkBytes is how many bytes of rows one COPY carries at most, if not one row alone is longer.
const chunkBytes = 1 << 20

// chunk is a number of encoded rows of one table, sent by one COPY in a transaction of its own, together with the record that
// all rows of the source's range are in.
type chunk struct {
	part        unit
	first, last int64 // rowids: the range that is done with these rows
	records     bool  // the range can be recorded: always, but for a table without rowids only at its end
	rows        []byte
	ends        []int   // where each row ends
	rowids      []int64 // of each row
	hashes      []xxh3.Uint128
	texts       []xxh3.Uint128 // of rows of the search index, with their texts
	notes       []note
	noted       int // bytes
}

func (c *chunk) reset(part unit, first int64) {
	*c = chunk{part: part, first: first, records: !part.whole, rows: c.rows[:0], ends: c.ends[:0], rowids: c.rowids[:0],
		hashes: c.hashes[:0], texts: c.texts[:0], notes: c.notes[:0]}
	if cap(c.rows) > 4*chunkBytes { // a huge row went through; do not keep its room
		c.rows = nil
	}
}

func (c *chunk) count() int { return len(c.ends) }

// full reports whether it is time to send it.
func (c *chunk) full(most int) bool { return c.count() >= most || len(c.rows)+c.noted >= chunkBytes }

// bytes returns the rows from first up to, without, last.
func (c *chunk) bytes(first, last int) []byte {
	begin := 0
	if first > 0 {
		begin = c.ends[first-1]
	}
	return c.rows[begin:c.ends[last-1]]
}

// end returns the rowid up to which everything is done when the rows before last are.
func (c *chunk) end(last int) int64 {
	if last == c.count() {
		return c.last
	}
	return c.rowids[last] - 1
}

// sum returns the checksum of the rows from first up to, without, last.
func (c *chunk) sum(first, last int) checksum.Sum {
	var sum checksum.Sum
	for _, hash := range c.hashes[first:last] {
		sum.Add(hash)
	}
	return sum
}

// copyRows sends encoded rows to a table by COPY.
func copyRows(ctx context.Context, conn *pgconn.PgConn, table string, columns []convert.Column, rows []byte) error {
	stream := io.MultiReader(
		bytes.NewReader(copybinary.AppendHeader(nil)), bytes.NewReader(rows), bytes.NewReader(copybinary.AppendTrailer(nil)))
	_, err := conn.CopyFrom(ctx, stream, fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", table, quotedColumns(columns)))
	return err
}

// send copies part of a chunk, and records that, in one transaction. A refused row is recorded instead of being copied.
func (r *run) send(ctx context.Context, w *worker, s *sender, c *chunk, first, last int, refused *refusal) error {
	sum := s.sum
	err := pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		if refused != nil {
			if err := r.recordRefusal(ctx, tx, c.part.table, *refused); err != nil {
				return err
			}
		} else if last > first {
			sum.Merge(c.sum(first, last))
			if err := r.insert(ctx, w, c.part.table, c.bytes(first, last)); err != nil {
				return err
			}
			if err := recordTexts(ctx, tx, c, first, last); err != nil {
				return err
			}
		}
		if !c.records || c.part.whole && last < c.count() {
			return nil
		}
		return r.recordRange(ctx, tx, c.part, c.end(last), sum)
	})
	if err != nil {
		return err
	}
	s.sum = sum
	return r.flush(c, c.end(last))
}

// insert copies encoded rows into a table, in the transaction that the worker is in.
func (r *run) insert(ctx context.Context, w *worker, table *tablePlan, rows []byte) error {
	if table.search != nil {
		return r.insertSearch(ctx, w, table, rows)
	}
	return copyRows(ctx, w.conn.PgConn(), r.target.quote(table.name), table.columns, rows)
}

const (
	recordRange = `
INSERT INTO synapse_port.progress (table_name, first_rowid, last_rowid, rows, high, low)
SELECT $1, $2, $3, $4, $5, $6 FROM synapse_port.run WHERE attempt = $7
ON CONFLICT (table_name, first_rowid) DO UPDATE
SET last_rowid = excluded.last_rowid, rows = excluded.rows, high = excluded.high, low = excluded.low`
	recordText = `INSERT INTO synapse_port.search_text (first_rowid, hashes) VALUES ($1, $2)`
)

// recordRange records that all rows of a unit up to a rowid are in. One row of the record grows with the unit.
func (r *run) recordRange(ctx context.Context, tx pgx.Tx, part unit, last int64, sum checksum.Sum) error {
	tag, err := tx.Exec(ctx, recordRange, part.table.name, part.low, last, sum.Rows, int64(sum.High), int64(sum.Low), r.attempt)
	if err == nil && tag.RowsAffected() != 1 {
		err = errTakenOver
	}
	return err
}

// recordTexts records what the search index cannot be asked for later.
func recordTexts(ctx context.Context, tx pgx.Tx, c *chunk, first, last int) error {
	if c.part.table.search == nil {
		return nil
	}
	packed := make([]byte, 0, 16*(last-first))
	for _, hash := range c.texts[first:last] {
		bytes := hash.Bytes()
		packed = append(packed, bytes[:]...)
	}
	_, err := tx.Exec(ctx, recordText, c.rowids[first], packed)
	return err
}

// flush puts down what was noted about rows up to a rowid, now that it is certain what became of them.
func (r *run) flush(c *chunk, last int64) error {
	var err error
	c.notes = slices.DeleteFunc(c.notes, func(n note) bool {
		due := c.part.whole || n.rowid <= last
		if due {
			err = errors.Join(err, r.putDown(n))
		}
		return due
	})
	return err
}

// deliver sends a chunk. When the server refuses a row, halves are tried until that row stands alone; it is then set
// aside, or ends the port.
func (r *run) deliver(ctx context.Context, w *worker, s *sender, c *chunk, first, last int) error {
	err := r.send(ctx, w, s, c, first, last, nil)
	if err == nil || !isRefusal(err) || last == first {
		return err
	}
	if last-first == 1 {
		refused := refusal{rowid: c.rowids[first], err: err}
		if r.options.OnBadValue == Fail {
			s.refused = &refused
			return errStopped
		}
		return r.send(ctx, w, s, c, first, last, &refused)
	}
	middle := (first + last) / 2
	if err := r.deliver(ctx, w, s, c, first, middle); err != nil {
		return err
	}
	return r.deliver(ctx, w, s, c, middle, last)
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
	sum     checksum.Sum // of what the unit has brought in
	refused *refusal     // that ends the port
	err     error
	failed  atomic.Bool // tells the reading side early that err is set
	panics  string      // the worker raises it again
}

// startSender makes a sender; stop ends it.
func (r *run) startSender(ctx context.Context, w *worker) *sender {
	s := &sender{full: make(chan *chunk), free: make(chan *chunk, 2)}
	s.free <- &w.chunks[0]
	s.free <- &w.chunks[1]
	go func() {
		for c := range s.full {
			if s.err == nil && (c.count() > 0 || c.records) {
				s.err = r.deliverSafely(ctx, w, s, c)
				s.failed.Store(s.err != nil)
			}
			s.free <- c
		}
		close(s.free)
	}()
	return s
}

// deliverSafely keeps a panic for the worker's own goroutine.
func (r *run) deliverSafely(ctx context.Context, w *worker, s *sender, c *chunk) (err error) {
	defer func() {
		if value := recover(); value != nil {
			s.panics, err = fmt.Sprintf("%v\n\nwhile rows were sent:\n%s", value, debug.Stack()), errPanic
		}
	}()
	return r.deliver(ctx, w, s, c, 0, c.count())
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
	if s.panics != "" {
		panic(s.panics)
	}
}
