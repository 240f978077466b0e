package port

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
	"github.com/synapsedb/synapse/port/difference"
)

// changes are what a comparison of both sides of a table found.
type changes struct {
	rows   *difference.Result // the source's by rowid, the target's by ctid
	texts  *difference.Result // of the search index: the source's rows with their texts, against those that were ported
	source checksum.Sum       // of what the target has to hold
	target checksum.Sum       // of what it holds
}

// inserted is how many rows of the source the target lacks.
func (c *changes) inserted() int64 {
	if c.texts != nil {
		return max(c.texts.OnlySource, c.rows.OnlySource)
	}
	return c.rows.OnlySource
}

// deleted is how many rows of the target have to go.
func (c *changes) deleted() int64 {
	if c.texts != nil { // a text that changed replaces its row
		return c.target.Rows + c.inserted() - c.source.Rows
	}
	return c.rows.OnlyTarget
}

func (c *changes) close() error {
	if c.texts == nil {
		return c.rows.Close()
	}
	return errors.Join(c.rows.Close(), c.texts.Close())
}

// differs reports whether a comparison found anything.
func (t *tablePlan) differs() bool {
	return t.changes != nil && (t.changes.inserted() > 0 || t.changes.deleted() > 0)
}

// comparesAny reports whether a table is to be compared.
func (r *run) comparesAny() bool {
	return slices.ContainsFunc(r.plan.tables, func(table *tablePlan) bool { return table.way == wayCompare })
}

// comparison compares a table. Its source is scanned at the same time.
type comparison struct {
	run      *run
	table    *tablePlan
	progress *TableProgress
	rows     *difference.Finder
	texts    *difference.Finder // nil but for the search index
	changes  changes
}

// compareTasks makes the tasks that compare a table. Both sides should be read at about the same time: rows that have met their
// equal take no memory.
func (r *run) compareTasks(table *tablePlan, progress *TableProgress) []*task {
	options := difference.Options{MemoryLimit: difference.DefaultMemoryLimit / int64(r.options.Jobs)}
	c := &comparison{run: r, table: table, progress: progress, rows: difference.New(options)}
	r.finders = append(r.finders, c.rows)
	if table.search != nil {
		c.texts = difference.New(options)
		r.finders = append(r.finders, c.texts)
	}
	name, weight := "compare "+table.name, table.rowsAtMost()
	source := &task{name: name, weight: weight, run: c.readSource}
	target := &task{name: name, weight: weight, run: c.readTarget}
	end := &task{name: name, weight: weight, run: c.finish}
	source.before(end)
	target.before(end)
	tasks := []*task{source, target, end}
	if table.search != nil {
		inspect := &task{name: name, weight: weight, run: func(ctx context.Context, w *worker) error {
			return inspectSearch(ctx, w.reader, table)
		}}
		inspect.before(source)
		inspect.before(target)
		tasks = append(tasks, inspect)
	}
	return tasks
}

// entryBatch is how many rows are handed to a finder at a time.
const entryBatch = 1024

// entries collects rows for one side of a finder.
type entries struct {
	hand func([]difference.Entry) error
	rows []difference.Entry
}

func (e *entries) add(hash xxh3.Uint128, at int64) error {
	e.rows = append(e.rows, difference.Entry{Hash: hash, At: at})
	if len(e.rows) < entryBatch {
		return nil
	}
	return e.flush()
}

func (e *entries) flush() error {
	err := e.hand(e.rows)
	e.rows = e.rows[:0]
	return err
}

// sourceReader hashes the rows of the source.
type sourceReader struct {
	comparison  *comparison
	encoder     *convert.Encoder
	hashes      *hasher
	inspector   *inspector
	rows, texts entries
	buffer      []byte
	read        int64
	bytes       int // that the progress does not count yet
}

func (c *comparison) readSource(ctx context.Context, w *worker) error {
	s := &sourceReader{comparison: c, encoder: convert.NewEncoder(c.table.columns, 1), hashes: c.run.hasher(c.table),
		inspector: c.run.inspector(c.table), rows: entries{hand: c.rows.Source}}
	if c.texts != nil {
		s.texts.hand = c.texts.Source
	}
	err := each(ctx, w.reader, func(row *sqlite.Rows) error {
		if c.table.drops(row.Int64(0)) {
			return nil
		}
		if s.read++; s.read%1024 == 0 {
			c.progress.add(1024)
			c.progress.carry(s.bytes)
			s.bytes = 0
		}
		return s.row(ctx, w.reader, row)
	}, c.table.query(false))
	c.progress.add(s.read % 1024)
	c.progress.carry(s.bytes)
	if err == nil {
		err = s.rows.flush()
	}
	if err == nil && c.texts != nil {
		err = s.texts.flush()
	}
	return err
}

func (s *sourceReader) row(ctx context.Context, reader *sqlite.Reader, row *sqlite.Rows) error {
	c, rowid := s.comparison, row.Int64(0)
	encoded, findings := s.encoder.Encode(s.buffer[:0], row)
	s.buffer = encoded
	s.bytes += len(encoded)
	goes := convert.Sendable(findings)
	if len(findings) > 0 || len(encoded) >= s.inspector.least {
		if err := c.run.examine(ctx, reader, c.table, rowid, encoded, findings, s.inspector); err != nil {
			return err
		}
		goes = goes && c.run.decision(c.table, rowid) == ""
	}
	if !goes {
		return nil
	}
	hash := s.hashes.row(encoded[2:])
	c.changes.source.Add(hash)
	if err := s.rows.add(hash, rowid); err != nil || c.texts == nil {
		return err
	}
	return s.texts.add(s.hashes.text(encoded[2:]), rowid)
}

// tidBytes is how long PostgreSQL's binary form of a ctid is: the block's number and the place in it.
const (
	tidBytes  = 6
	blockEnd  = 4
	placeBits = 16
)

func (c *comparison) readTarget(ctx context.Context, w *worker) error {
	hashes, rows := c.run.hasher(c.table), entries{hand: c.rows.Target}
	query := fmt.Sprintf("COPY (SELECT ctid, %s FROM %s) TO STDOUT (FORMAT binary)",
		quotedColumns(c.table.stored()), c.run.target.quote(c.table.name))
	err := copyOut(ctx, w.conn.PgConn(), query, func(fields []byte) error {
		place, rest := copybinary.NextField(fields)
		if len(place) != tidBytes {
			return fmt.Errorf("the server's place of a row has %d bytes", len(place))
		}
		hash := hashes.row(rest)
		c.changes.target.Add(hash)
		return rows.add(hash, int64(binary.BigEndian.Uint32(place))<<placeBits|int64(binary.BigEndian.Uint16(place[blockEnd:])))
	})
	if err == nil {
		err = rows.flush()
	}
	if err == nil && c.texts != nil {
		err = c.readTexts(ctx, w)
	}
	return err
}

const selectTexts = `COPY (SELECT hashes FROM synapse_port.search_text) TO STDOUT (FORMAT binary)`

// hashBytes is how many bytes a hash takes in the state.
const hashBytes = 16

// readTexts reads what is recorded of the texts that the search index was made of.
func (c *comparison) readTexts(ctx context.Context, w *worker) error {
	texts := entries{hand: c.texts.Target}
	err := copyOut(ctx, w.conn.PgConn(), selectTexts, func(fields []byte) error {
		packed, _ := copybinary.NextField(fields)
		for ; len(packed) >= hashBytes; packed = packed[hashBytes:] {
			hash := xxh3.Uint128{Hi: binary.BigEndian.Uint64(packed), Lo: binary.BigEndian.Uint64(packed[8:])}
			if err := texts.add(hash, 0); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		err = texts.flush()
	}
	return err
}

// finish says what differs, and looks for rows that a unique key of the target would refuse when anything does.
func (c *comparison) finish(ctx context.Context, w *worker) (err error) {
	c.progress.end()
	table := c.table
	table.rows, table.deviates = c.changes.source.Rows, c.run.found.has(table.name)
	if c.changes.rows, err = c.rows.Finish(); err != nil {
		return err
	}
	if c.texts != nil {
		if c.changes.texts, err = c.texts.Finish(); err != nil {
			return errors.Join(err, c.changes.rows.Close())
		}
	}
	table.changes = &c.changes
	if table.search != nil || table.differs() && !c.run.resumed {
		return c.run.scanKeys(ctx, w.reader, table)
	}
	return nil
}
