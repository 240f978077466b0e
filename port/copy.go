package port

import (
	"context"
	"errors"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// copy fills the tables, builds their indexes and constraints as soon as each is full, and analyzes them.
func (r *run) copy(ctx context.Context) error {
	r.options.Progress.enter(PhaseCopy)
	graph := &rebuild{run: r}
	for _, table := range r.plan.tables {
		graph.table(table, r.options.Progress.table(table.name, table.work()))
	}
	if !r.idle {
		graph.foreignKeys()
	}
	if err := runTasks(ctx, r.workers, graph.tasks); err != nil {
		return err
	}
	return r.collectSetAside(ctx)
}

// work is how many rows have to be moved.
func (t *tablePlan) work() int64 {
	if t.way == wayCompare {
		return t.changes.inserted() + t.changes.deleted()
	}
	return t.rows
}

// copyUnit copies a range of one table's rows. After the connection was lost it goes on behind what is recorded.
func (r *run) copyUnit(ctx context.Context, w *worker, part unit, progress *TableProgress) error {
	again := false
	return r.onWorker(ctx, w, func(ctx context.Context) error {
		if again {
			left, err := r.remaining(ctx, w, part, progress)
			if err != nil || left == nil {
				return err
			}
			part = *left
		}
		again = true
		return r.copyRange(ctx, w, part, progress)
	})
}

const lastRecorded = `SELECT last_rowid, rows FROM synapse_port.progress WHERE table_name = $1 AND first_rowid = $2`

// remaining returns what is left of a unit whose copying was interrupted; nil when nothing is.
func (r *run) remaining(ctx context.Context, w *worker, part unit, progress *TableProgress) (*unit, error) {
	last, rows := part.low-1, int64(0)
	err := w.conn.QueryRow(ctx, lastRecorded, part.table.name, part.low).Scan(&last, &rows)
	unknown := errors.Is(err, pgx.ErrNoRows)
	if err != nil && !unknown {
		return nil, err
	}
	for i := range w.chunks {
		if c := &w.chunks[i]; c.part == part {
			if err := r.flush(c, last); err != nil {
				return nil, err
			}
		}
	}
	progress.add(rows - w.counted)
	switch {
	case unknown && part.whole: // what came in was not recorded, but is there
		_, err := w.conn.Exec(ctx, "TRUNCATE "+r.target.quote(part.table.name))
		return &part, err
	case unknown:
		return &part, nil
	case part.whole, last >= part.high:
		return nil, nil //nolint:nilnil // nothing is left
	}
	return &unit{table: part.table, low: last + 1, high: part.high}, nil
}

func (r *run) copyRange(ctx context.Context, w *worker, part unit, progress *TableProgress) error {
	s := r.startSender(ctx, w)
	w.counted = 0
	read := r.readUnit(ctx, w, s, part, progress)
	s.stop()
	if errors.Is(read, errStopped) {
		read = nil // the sender knows why
	}
	if s.refused != nil {
		return errors.Join(read, r.refuse(ctx, w.reader, part.table, *s.refused))
	}
	return errors.Join(read, s.err)
}

// errStopped ends the reading of rows that can no longer be sent.
var errStopped = errors.New("the rows cannot be sent")

// readUnit encodes the rows of a range into chunks and hands them to the sender.
func (r *run) readUnit(ctx context.Context, w *worker, s *sender, part unit, progress *TableProgress) error {
	encoder := convert.NewEncoder(part.table.columns, 1)
	hashes := r.hasher(part.table)
	count := func(c *chunk) {
		w.counted += int64(c.count())
		progress.add(int64(c.count()))
		progress.carry(len(c.rows))
	}
	c := <-s.free
	c.reset(part, part.low)
	err := each(ctx, w.reader, func(row *sqlite.Rows) error {
		if err := r.addRow(ctx, w.reader, encoder, hashes, c, row); err != nil || !c.full(r.options.BatchSize) {
			return err
		}
		c.last = row.Int64(0)
		count(c)
		next := c.last + 1
		c = s.exchange(c)
		c.reset(part, next)
		if s.failed.Load() {
			return errStopped
		}
		return nil
	}, part.query(), part.arguments()...)
	if err == nil {
		c.last, c.records = part.end(), true
		count(c)
		s.full <- c
	}
	return err
}

// end is the last rowid of a unit.
func (u unit) end() int64 {
	if u.whole {
		return math.MaxInt64
	}
	return u.high
}

// addRow encodes a row into a chunk, or notes why it does not go over.
func (r *run) addRow(
	ctx context.Context, reader *sqlite.Reader, encoder *convert.Encoder, hashes *hasher, c *chunk, row *sqlite.Rows,
) error {
	table, rowid := c.part.table, row.Int64(0)
	if table.drops(rowid) {
		return nil
	}
	before := len(c.rows)
	encoded, findings := encoder.Encode(c.rows, row)
	c.rows = encoded
	decided := r.decided(table)[rowid]
	if len(findings) > 0 || decided != "" {
		keep, notes, err := r.treat(ctx, reader, table, rowid, findings, decided)
		c.notes = append(c.notes, notes...)
		for _, n := range notes {
			c.noted += n.size()
		}
		if err != nil || !keep {
			c.rows = c.rows[:before]
			return err
		}
	}
	fields := encoded[before+2:]
	c.hashes = append(c.hashes, hashes.row(fields))
	if table.search != nil {
		c.texts = append(c.texts, hashes.text(fields))
	}
	c.ends, c.rowids = append(c.ends, len(c.rows)), append(c.rowids, rowid)
	return nil
}

// note is what a row of the source loses on its way.
type note struct {
	rowid     int64
	deviation *Deviation
	line      *asideLine
}

// size is about how many bytes it takes.
func (n note) size() int {
	size := 200
	if n.line != nil {
		for _, value := range n.line.Row {
			size += len(value)
		}
	}
	return size
}

// putDown enters a note into the report and the file.
func (r *run) putDown(n note) error {
	if n.deviation != nil {
		r.found.add(*n.deviation)
	}
	if n.line != nil {
		return r.aside.write(*n.line)
	}
	return nil
}

// treat says what a row loses, and whether the row goes over.
func (r *run) treat(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64,
	findings []convert.Finding, decided convert.Class,
) (bool, []note, error) {
	notes := make([]note, 0, len(findings)+2)
	describe := func(deviation Deviation) error {
		err := r.describe(ctx, reader, table, &deviation)
		notes = append(notes, note{rowid: rowid, deviation: &deviation})
		return err
	}
	for _, finding := range findings {
		if err := describe(deviationOf(table, rowid, finding)); err != nil {
			return false, notes, err
		}
	}
	if decided != "" {
		if err := describe(Deviation{Table: table.name, RowID: rowid, Class: decided, Action: ActionSetAside}); err != nil {
			return false, notes, err
		}
	}
	sendable := convert.Sendable(findings) && decided == ""
	if sendable && convert.Clean(findings) {
		return true, notes, nil
	}
	line, err := r.original(ctx, reader, table, rowid, findings, decided)
	return sendable, append(notes, note{rowid: rowid, line: line}), err
}

// refuse is about a row that the server did not take, and that therefore ends the port.
func (r *run) refuse(ctx context.Context, reader *sqlite.Reader, table *tablePlan, refused refusal) error {
	deviation := Deviation{
		Table: table.name, RowID: refused.rowid, Class: classOfRefusal(refused.err), Action: ActionSetAside,
		Detail: serverMessage(refused.err),
	}
	if err := describe(ctx, reader, table, &deviation); err != nil {
		return err
	}
	return &BadValuesError{First: deviation, Count: 1, Late: true}
}

// classOfRefusal says what is the matter with a row that the server did not take.
func classOfRefusal(err error) convert.Class {
	if refused, ok := errors.AsType[*pgconn.PgError](err); ok && refused.Code == uniqueViolation {
		return convert.ClassDuplicate
	}
	return convert.ClassRejected
}

// uniqueViolation is PostgreSQL's code for a second row for a unique key.
const uniqueViolation = "23505"

// serverMessage is what the server said, without what only its developers need.
func serverMessage(err error) string {
	var refused *pgconn.PgError
	if !errors.As(err, &refused) {
		return err.Error()
	}
	return fmt.Sprintf("%s, SQLSTATE %s", refused.Message, refused.Code)
}
