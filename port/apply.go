package port

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// apply makes the task that makes a table equal to the source by writing only what differs.
func (b *rebuild) apply(table *tablePlan, progress *TableProgress) {
	if !table.differs() {
		progress.end()
		return
	}
	apply := b.task(table.name, "update "+table.name, table.rows, func(ctx context.Context, w *worker) error {
		return b.run.applyChanges(ctx, w, table, progress)
	})
	apply.before(b.analyze(table, progress))
	b.attached = append(b.attached, apply)
}

const tableIsReady = `SELECT EXISTS (SELECT FROM synapse_port.table_state WHERE table_name = $1 AND state = 'ready')`

// applyChanges deletes and inserts rows of one table in one transaction: the rows' places in the target are those of the
// comparison, and nothing else moves rows while the port has the target for itself.
func (r *run) applyChanges(ctx context.Context, w *worker, table *tablePlan, progress *TableProgress) error {
	done, err := holds(ctx, w.conn, tableIsReady, table.name) // by an attempt whose answer was lost with the connection
	if err != nil || done {
		return err
	}
	err = pgx.BeginFunc(ctx, w.conn, func(tx pgx.Tx) error {
		a := &applying{run: r, w: w, tx: tx, table: table, progress: progress}
		return a.all(ctx)
	})
	if err == nil || !isRefusal(err) {
		return err
	}
	if r.options.OnBadValue == Repair {
		return fmt.Errorf("%w: %w", errStartAnew, err)
	}
	return r.lateRefusal(table.name, err)
}

// applying is the transaction that changes one table.
type applying struct {
	run      *run
	w        *worker
	tx       pgx.Tx
	table    *tablePlan
	progress *TableProgress
	dropped  []*catalog.Index
}

func (a *applying) all(ctx context.Context) error {
	steps := []func(context.Context) error{a.dropIndexes, a.deleteRows, a.insertRows, a.recordTexts, a.buildIndexes, a.record}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// heavyShare is from which share of new rows on it costs less to build the indexes again than to keep them: one in so many.
const heavyShare = 5

func (a *applying) dropIndexes(ctx context.Context) error {
	inserted := a.table.changes.inserted()
	if inserted < heavyRows || inserted < a.table.rows/heavyShare {
		return nil
	}
	for _, index := range a.table.target.Indexes {
		if !index.Valid || !index.Plain {
			continue
		}
		if _, err := a.tx.Exec(ctx, a.run.indexRemoval(a.table.name, index)); err != nil { // they come back in the same transaction
			return err
		}
		a.dropped = append(a.dropped, index)
	}
	return nil
}

func (a *applying) buildIndexes(ctx context.Context) error {
	for _, index := range a.dropped {
		if index.Constraint != nil && index.Constraint.Exclusion {
			continue // comes with its constraint
		}
		a.progress.say("index " + index.Name)
		if _, err := a.tx.Exec(ctx, index.Definition); err != nil {
			return err
		}
		if err := a.run.comment(ctx, a.tx, "INDEX "+a.run.target.quote(index.Name), index.Comment); err != nil {
			return err
		}
	}
	return a.run.attachIn(ctx, a.tx, a.table, a.dropped)
}

// deleteBatch is how many rows one DELETE names.
const deleteBatch = 5000

// errMoved says that rows are not where the comparison saw them.
var errMoved = errors.New("rows of the target are not where they were when it was compared: something else is writing to it")

func (a *applying) deleteRows(ctx context.Context) error {
	statement := "DELETE FROM " + a.run.target.quote(a.table.name) + " WHERE ctid = ANY($1::text[]::tid[])"
	var places []string
	flush := func() error {
		tag, err := a.tx.Exec(ctx, statement, places)
		if err == nil && tag.RowsAffected() != int64(len(places)) {
			err = errMoved
		}
		a.progress.add(int64(len(places)))
		places = places[:0]
		return err
	}
	err := a.table.changes.rows.EachTarget(func(at int64) error {
		places = append(places, "("+strconv.FormatInt(at>>placeBits, 10)+","+strconv.FormatInt(at&(1<<placeBits-1), 10)+")")
		if len(places) < deleteBatch {
			return nil
		}
		return flush()
	})
	if err != nil || len(places) == 0 {
		return err
	}
	return flush()
}

// lists are the rows of the source that have to go over. A row of the search index may have the same columns as before, and
// another text; one that was taken out of the target is missing whatever its text.
func (a *applying) insertRows(ctx context.Context) error {
	changes := a.table.changes
	if changes.texts == nil {
		return a.insertEach(ctx, changes.rows.EachSource)
	}
	if a.run.discards {
		if err := a.insertEach(ctx, changes.rows.EachSource); err != nil {
			return err
		}
	}
	return a.insertEach(ctx, changes.texts.EachSource)
}

// insertBatch is how many rows of the source are looked up at a time.
const insertBatch = 1000

func (a *applying) insertEach(ctx context.Context, each func(func(int64) error) error) error {
	c := &a.w.chunks[0]
	c.reset(unit{table: a.table}, 0)
	var rowids []int64
	err := each(func(rowid int64) error {
		rowids = append(rowids, rowid)
		if len(rowids) < insertBatch {
			return nil
		}
		err := a.insertThese(ctx, c, rowids)
		rowids = rowids[:0]
		return err
	})
	if err == nil && len(rowids) > 0 {
		err = a.insertThese(ctx, c, rowids)
	}
	if err != nil {
		return err
	}
	return a.send(ctx, c)
}

// insertThese encodes rows, and sends them whenever there are enough.
func (a *applying) insertThese(ctx context.Context, c *chunk, rowids []int64) error {
	wanted, err := json.Marshal(rowids)
	if err != nil {
		return err
	}
	encoder := convert.NewEncoder(a.table.columns, 1)
	query := fmt.Sprintf("%s WHERE %s IN (SELECT value FROM json_each(?1))", a.table.query(false), a.table.rowid)
	return each(ctx, a.w.reader, func(row *sqlite.Rows) error {
		encoded, _ := encoder.Encode(c.rows, row)
		c.rows = encoded
		c.ends, c.rowids = append(c.ends, len(c.rows)), append(c.rowids, row.Int64(0))
		if !c.full(a.run.options.BatchSize) {
			return nil
		}
		return a.send(ctx, c)
	}, query, string(wanted))
}

func (a *applying) send(ctx context.Context, c *chunk) error {
	if c.count() == 0 {
		return nil
	}
	if a.table.search != nil {
		if err := a.clearSearch(ctx, c); err != nil {
			return err
		}
	}
	err := a.run.insert(ctx, a.w, a.table, c.bytes(0, c.count()))
	a.progress.add(int64(c.count()))
	a.progress.carry(len(c.rows))
	c.reset(unit{table: a.table}, 0)
	return err
}

// clearSearch removes what the search index holds of the events of a chunk.
func (a *applying) clearSearch(ctx context.Context, c *chunk) error {
	wanted, err := json.Marshal(c.rowids)
	if err != nil {
		return err
	}
	var events []string
	err = each(ctx, a.w.reader, func(row *sqlite.Rows) error {
		events = append(events, strings.ToValidUTF8(string(row.Append(0, nil)), "\uFFFD"))
		return nil
	}, fmt.Sprintf("SELECT %s FROM %s AS c WHERE c.rowid IN (SELECT value FROM json_each(?1))",
		a.table.search.eventID, a.table.search.content), string(wanted))
	if err != nil {
		return err
	}
	_, err = a.tx.Exec(ctx, "DELETE FROM "+a.run.target.quote(a.table.name)+" WHERE event_id = ANY($1)", events)
	return err
}

// recordTexts records anew which texts the search index is made of.
func (a *applying) recordTexts(ctx context.Context) error {
	if a.table.search == nil {
		return nil
	}
	if _, err := a.tx.Exec(ctx, "TRUNCATE synapse_port.search_text"); err != nil {
		return err
	}
	c := &a.w.chunks[0]
	part := unit{table: a.table, low: a.table.low, high: a.table.high}
	c.reset(part, part.low)
	encoder, hashes := convert.NewEncoder(a.table.columns, 1), a.run.hasher(a.table)
	record := func() error {
		if c.count() == 0 {
			return nil
		}
		err := recordTexts(ctx, a.tx, c, 0, c.count())
		c.reset(part, part.low)
		return err
	}
	err := each(ctx, a.w.reader, func(row *sqlite.Rows) error {
		if err := a.run.addRow(ctx, a.w.reader, encoder, hashes, c, row); err != nil || !c.full(DefaultBatchSize) {
			return err
		}
		return record()
	}, part.query(), part.arguments()...)
	if err != nil {
		return err
	}
	return record()
}

const (
	forgetRanges = `DELETE FROM synapse_port.progress WHERE table_name = $1`
	recordEqual  = `UPDATE synapse_port.table_state SET state = 'ready', rows = $2, high = $3, low = $4
WHERE table_name = $1 AND EXISTS (SELECT FROM synapse_port.run WHERE attempt = $5)`
)

// record records that the table is equal to the source.
func (a *applying) record(ctx context.Context) error {
	if _, err := a.tx.Exec(ctx, forgetRanges, a.table.name); err != nil {
		return err
	}
	sum := a.table.changes.source
	tag, err := a.tx.Exec(ctx, recordEqual, a.table.name, sum.Rows, int64(sum.High), int64(sum.Low), a.run.attempt)
	if err == nil && tag.RowsAffected() != 1 {
		err = errTakenOver
	}
	return err
}
