package port

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// copy fills the tables, builds their indexes and constraints as soon as each is full, and analyzes them.
func (r *run) copy(ctx context.Context) error {
	r.options.Progress.enter(PhaseCopy)
	graph := &rebuild{run: r}
	for _, table := range r.plan.tables {
		graph.table(table, r.options.Progress.table(table.name, table.rows))
	}
	graph.foreignKeys()
	return runTasks(ctx, r.workers, graph.tasks)
}

// copyUnit copies a range of one table's rows.
func (r *run) copyUnit(ctx context.Context, w *worker, part unit, progress *TableProgress) error {
	s := r.startSender(ctx, w)
	read := r.readUnit(ctx, w.reader, s, part, progress)
	s.stop()
	if errors.Is(read, errStopped) {
		read = nil // the sender knows why
	}
	if err := errors.Join(read, s.err); err != nil {
		return err
	}
	for _, refused := range s.refused {
		if err := r.refuse(ctx, w.reader, part.table, refused); err != nil {
			return err
		}
		progress.add(-1)
	}
	return nil
}

// errStopped ends the reading of rows that can no longer be sent.
var errStopped = errors.New("the rows cannot be sent")

// readUnit encodes the rows of a range into chunks and hands them to the sender.
func (r *run) readUnit(
	ctx context.Context, reader *sqlite.Reader, s *sender, part unit, progress *TableProgress,
) error {
	encoder := convert.NewEncoder(part.table.columns, 1)
	decided := r.decided(part.table)
	c := <-s.free
	c.reset(part.table)
	err := each(ctx, reader, func(row *sqlite.Rows) error {
		rowid := row.Int64(0)
		if part.table.drops(rowid) {
			return nil
		}
		before := len(c.rows)
		encoded, findings := encoder.Encode(c.rows, row)
		c.rows = encoded
		if len(findings) > 0 || decided != nil {
			keep, err := r.treat(ctx, reader, part.table, rowid, findings, decided[rowid])
			if err != nil {
				return err
			}
			if !keep {
				c.rows = c.rows[:before]
				return nil
			}
		}
		c.ends, c.rowids = append(c.ends, len(c.rows)), append(c.rowids, rowid)
		if c.count() < r.options.BatchSize && len(c.rows) < chunkBytes {
			return nil
		}
		progress.add(int64(c.count()))
		c = s.exchange(c)
		c.reset(part.table)
		if s.failed.Load() {
			return errStopped
		}
		return nil
	}, part.query(), part.arguments()...)
	progress.add(int64(c.count()))
	s.full <- c
	return err
}

// treat records what a row loses, and reports whether the row goes over.
func (r *run) treat(
	ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64,
	findings []convert.Finding, decided convert.Class,
) (bool, error) {
	for _, finding := range findings {
		if err := r.note(ctx, reader, table, rowid, finding); err != nil {
			return false, err
		}
	}
	sendable := convert.Sendable(findings) && decided == ""
	if decided != "" {
		deviation := Deviation{Table: table.name, RowID: rowid, Class: decided, Action: ActionSetAside}
		if err := r.add(ctx, reader, table, deviation); err != nil {
			return false, err
		}
	}
	if sendable && convert.Clean(findings) {
		return true, nil
	}
	return sendable, r.keepOriginal(ctx, reader, table, rowid, findings, decided)
}

// refuse is about a row that the server did not take: it ends the port, or is set aside.
func (r *run) refuse(ctx context.Context, reader *sqlite.Reader, table *tablePlan, refused refusal) error {
	deviation := Deviation{
		Table: table.name, RowID: refused.rowid, Class: classOfRefusal(refused.err), Action: ActionSetAside,
		Detail: serverMessage(refused.err),
	}
	if err := describe(ctx, reader, table, &deviation); err != nil {
		return err
	}
	if r.options.OnBadValue == Fail {
		return &BadValuesError{First: deviation, Count: 1, Late: true}
	}
	r.found.add(deviation)
	if err := r.keepOriginal(ctx, reader, table, refused.rowid, nil, deviation.Class); err != nil {
		return err
	}
	return r.subtractSource(ctx, reader, table, refused.rowid)
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
