package port

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"sort"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/zeebo/xxh3"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
)

// verify reads both sides again and compares them.
func (r *run) verify(ctx context.Context) error {
	if r.options.NoVerify {
		if err := r.sumUp(ctx); err != nil {
			return err
		}
		return r.source.snapshot.Unchanged()
	}
	r.options.Progress.enter(PhaseVerify)
	sums := map[*tablePlan]*[2]checksum.Sum{}
	var tasks []*task
	for _, table := range r.plan.tables {
		sums[table] = &[2]checksum.Sum{}
		if table.changes != nil && table.way == wayCompare { // the source is the one that was compared
			*sums[table] = [2]checksum.Sum{table.changes.source, table.changes.target}
		}
		tasks = append(tasks, r.verifyTasks(table, sums[table])...)
	}
	if err := runTasks(ctx, r.workers, tasks); err != nil {
		return err
	}
	var problems []string
	err := r.withControl(ctx, func(ctx context.Context) (err error) {
		problems, err = r.verifySequences(ctx)
		return err
	})
	if err != nil {
		return err
	}
	for _, table := range r.plan.tables {
		source, target := sums[table][0], sums[table][1]
		source.Take(r.removed[table.name])
		table.sum = &target
		r.report.verified(table, source, target)
		if source != target {
			problems = append(problems, fmt.Sprintf("table %s: source %d rows, checksum %s; target %d rows, checksum %s",
				table.name, source.Rows, source, target.Rows, target))
		}
	}
	if len(problems) > 0 {
		return &MismatchError{Tables: problems}
	}
	return r.source.snapshot.Unchanged()
}

// sumUp takes the checksums from what was recorded while the rows went over.
func (r *run) sumUp(ctx context.Context) error {
	return r.withControl(ctx, func(ctx context.Context) error {
		recorded := &earlier{tables: map[string]recordedTable{}, ranges: map[string][]span{}}
		if err := recorded.readTables(ctx, r.target.conn); err != nil {
			return err
		}
		for _, table := range r.plan.tables {
			sum := recorded.tables[table.name].sum
			if table.way == wayCompare {
				sum = table.changes.source
			}
			if ranges := recorded.ranges[table.name]; len(ranges) > 0 {
				sum = checksum.Sum{}
				for _, in := range ranges {
					sum.Merge(in.sum)
				}
			}
			gone, err := r.goneFromTarget(ctx, table)
			if err != nil {
				return err
			}
			sum.Take(gone)
			table.sum = &sum
		}
		return nil
	})
}

func (r *run) verifyTasks(table *tablePlan, sums *[2]checksum.Sum) []*task {
	progress := r.options.Progress.table(table.name, table.rows)
	end := &task{name: "verify " + table.name, run: func(context.Context, *worker) error {
		progress.end()
		return nil
	}}
	target := &task{name: end.name, table: table.name, weight: table.rows * 2, run: func(ctx context.Context, w *worker) (err error) {
		sums[1], err = r.targetSum(ctx, w, table, progress)
		return err
	}}
	source := &task{name: end.name, weight: table.rows, run: func(ctx context.Context, w *worker) (err error) {
		sums[0], err = r.sourceSum(ctx, w.reader, table)
		return err
	}}
	target.before(end)
	switch {
	case table.way != wayCompare:
		source.before(end)
		return []*task{target, source, end}
	case table.differs():
		return []*task{target, end}
	}
	progress.add(table.rows)
	progress.end()
	return nil
}

// sourceSum reads the whole table in one go, not in the ranges in which it was copied.
func (r *run) sourceSum(ctx context.Context, reader *sqlite.Reader, table *tablePlan) (checksum.Sum, error) {
	var sum checksum.Sum
	hashes := r.hasher(table)
	encoder := convert.NewEncoder(table.columns, 1)
	decided := r.decided(table)
	var buffer []byte
	err := each(ctx, reader, func(row *sqlite.Rows) error {
		rowid := row.Int64(0)
		if table.drops(rowid) {
			return nil
		}
		encoded, findings := encoder.Encode(buffer[:0], row)
		buffer = encoded
		if decided[rowid] == "" && (len(findings) == 0 || convert.Sendable(findings)) {
			sum.Add(hashes.row(encoded[2:]))
		}
		return nil
	}, table.query(false))
	return sum, err
}

func (r *run) targetSum(ctx context.Context, w *worker, table *tablePlan, progress *TableProgress) (checksum.Sum, error) {
	var sum checksum.Sum
	hashes := r.hasher(table)
	bytes := 0
	err := r.onWorker(ctx, w, func(ctx context.Context) error {
		progress.add(-(sum.Rows - sum.Rows%1024)) // of an attempt whose connection was lost
		sum = checksum.Sum{}
		query := fmt.Sprintf("COPY (SELECT %s FROM %s) TO STDOUT (FORMAT binary)",
			quotedColumns(table.stored()), r.target.quote(table.name))
		return copyOut(ctx, w.conn.PgConn(), query, func(fields []byte) error {
			sum.Add(hashes.row(fields))
			bytes += len(fields)
			if sum.Rows%1024 == 0 {
				progress.add(1024)
				progress.carry(bytes)
				bytes = 0
			}
			return nil
		})
	})
	progress.add(sum.Rows % 1024)
	progress.carry(bytes)
	return sum, err
}

// copyOut calls row with the fields of each row that a COPY in binary form gives.
func copyOut(ctx context.Context, conn *pgconn.PgConn, query string, row func(fields []byte) error) error {
	splitter := &copybinary.Splitter{Row: row}
	_, err := conn.CopyTo(ctx, splitter, query)
	if err == nil && !splitter.Complete() {
		err = errors.New("the server ended its COPY early")
	}
	return err
}

// hasher hashes rows of one table. Values that the server may spell otherwise are brought to one form. It is not safe for
// concurrent use.
type hasher struct {
	seed   uint64
	stored []convert.Column
	plain  bool
	buffer []byte
}

func (r *run) hasher(table *tablePlan) *hasher {
	stored := table.stored()
	plain := len(stored) == len(table.columns)
	for _, column := range stored {
		plain = plain && column.Kind != convert.JSONB && !column.Padded
	}
	return &hasher{seed: r.seed, stored: stored, plain: plain}
}

// row hashes what the target keeps of a row.
func (h *hasher) row(fields []byte) xxh3.Uint128 {
	if h.plain {
		return xxh3.Hash128Seed(fields, h.seed)
	}
	h.form(fields)
	return xxh3.Hash128Seed(h.buffer, h.seed)
}

// text hashes a row of the search index with its text.
func (h *hasher) text(fields []byte) xxh3.Uint128 {
	rest := h.form(fields)
	h.buffer = append(h.buffer, rest...)
	return xxh3.Hash128Seed(h.buffer, h.seed)
}

// form writes the stored columns of a row in one form, and returns the rest.
func (h *hasher) form(fields []byte) []byte {
	h.buffer = h.buffer[:0]
	for _, column := range h.stored {
		var value []byte
		value, fields = copybinary.NextField(fields)
		if value == nil {
			h.buffer = copybinary.AppendNull(h.buffer)
			continue
		}
		h.buffer = copybinary.AppendField(h.buffer, oneForm(column, value))
	}
	return fields
}

func oneForm(column convert.Column, value []byte) []byte {
	switch {
	case column.Kind == convert.JSONB:
		return canonicalJSON(value[1:])
	case column.Padded:
		return []byte(strings.TrimRight(string(value), " "))
	}
	return value
}

// canonicalJSON writes JSON with sorted keys and without the freedom in writing numbers that jsonb takes.
func canonicalJSON(text []byte) []byte {
	decoder := json.NewDecoder(strings.NewReader(string(text)))
	decoder.UseNumber()
	var value any
	if err := decoder.Decode(&value); err != nil {
		return text
	}
	return appendCanonical(nil, value)
}

func appendCanonical(dst []byte, value any) []byte {
	switch value := value.(type) {
	case map[string]any:
		keys := make([]string, 0, len(value))
		for key := range value {
			keys = append(keys, key)
		}
		sort.Strings(keys)
		dst = append(dst, '{')
		for _, key := range keys {
			dst = append(append(dst, quoteJSON(key)...), ':')
			dst = append(appendCanonical(dst, value[key]), ',')
		}
		return append(dst, '}')
	case []any:
		dst = append(dst, '[')
		for _, item := range value {
			dst = append(appendCanonical(dst, item), ',')
		}
		return append(dst, ']')
	case json.Number:
		return append(dst, canonicalNumber(string(value))...)
	default:
		return append(dst, quoteJSON(value)...)
	}
}

// canonicalNumber writes a number as a fraction. An exponent too large for that stays as it is; jsonb refuses it.
func canonicalNumber(text string) string {
	if _, exponent, found := strings.Cut(strings.ToLower(text), "e"); found && len(exponent) > 6 {
		return text
	}
	number, ok := new(big.Rat).SetString(text)
	if !ok {
		return text
	}
	return number.RatString()
}

// subtract takes a row that is not in the target, though nothing in the source says so, out of what is expected there.
func (r *run) subtract(table string, sum checksum.Sum) {
	if r.removed == nil {
		r.removed = map[string]checksum.Sum{}
	}
	total := r.removed[table]
	total.Merge(sum)
	r.removed[table] = total
}

// sumOfRow is the checksum of one row of the source.
func (r *run) sumOfRow(ctx context.Context, reader *sqlite.Reader, table *tablePlan, rowid int64) (checksum.Sum, error) {
	var sum checksum.Sum
	encoder, hashes := convert.NewEncoder(table.columns, 1), r.hasher(table)
	err := each(ctx, reader, func(row *sqlite.Rows) error {
		encoded, _ := encoder.Encode(nil, row)
		sum.Add(hashes.row(encoded[2:]))
		return nil
	}, table.query(true), rowid, rowid)
	return sum, err
}
