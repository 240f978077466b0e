package back

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
)

// verify reads both sides again and compares them. The rows of the file are brought to COPY's binary form by the code of the way there,
// which knows nothing of how they were stored.
func (r *run) verify(ctx context.Context, shop *workshop) (err error) {
	r.options.Progress.enter(PhaseVerify, 2*r.report.Rows)
	if r.options.NoVerify {
		return r.tables(nil)
	}
	snapshot, err := sqlite.OpenSnapshot(ctx, shop.path(), 1, r.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	sums := make([][2]checksum.Sum, len(r.plan.tables))
	group, ctx := errgroup.WithContext(ctx)
	for side, sum := range []func(context.Context, *tablePlan) (checksum.Sum, error){
		sourceSum,
		func(ctx context.Context, table *tablePlan) (checksum.Sum, error) {
			return targetSum(ctx, snapshot.Reader(0), table)
		},
	} {
		group.Go(func() error {
			for i, table := range r.plan.tables {
				found, err := sum(ctx, table)
				if err != nil {
					return fmt.Errorf("verify table %s: %w", table.name, err)
				}
				sums[i][side] = found
				r.options.Progress.add(found.Rows)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return r.tables(sums)
}

// tables notes what became of each table, and compares both sides.
func (r *run) tables(sums [][2]checksum.Sum) error {
	var different []string
	for i, table := range r.plan.tables {
		noted := TableReport{Table: table.name, Rows: table.rows}
		if sums != nil {
			source, target := sums[i][0], sums[i][1]
			noted.SourceChecksum, noted.TargetChecksum = source.String(), target.String()
			if source != target {
				different = append(different, fmt.Sprintf("table %s: source %d rows, checksum %s; file %d rows, checksum %s",
					table.name, source.Rows, source, target.Rows, target))
			}
		}
		r.report.Tables = append(r.report.Tables, noted)
	}
	if len(different) > 0 {
		return &MismatchError{different}
	}
	return nil
}

// hasher returns what adds a row, given in COPY's binary form.
func (t *tablePlan) hasher() func(*checksum.Sum, []byte) {
	if !slices.ContainsFunc(t.columns, func(column convert.Column) bool { return column.Kind == convert.Float8 }) {
		return (*checksum.Sum).AddRow
	}
	var buffer []byte
	return func(sum *checksum.Sum, fields []byte) {
		buffer = buffer[:0]
		for _, column := range t.columns {
			var value []byte
			value, fields = copybinary.NextField(fields)
			switch {
			case value == nil:
				buffer = copybinary.AppendNull(buffer)
			case column.Kind == convert.Float8 && math.Float64frombits(binary.BigEndian.Uint64(value)) == 0:
				buffer = copybinary.AppendField(buffer, make([]byte, 8)) // SQLite keeps no sign of zero
			default:
				buffer = copybinary.AppendField(buffer, value)
			}
		}
		sum.AddRow(buffer)
	}
}

func sourceSum(ctx context.Context, table *tablePlan) (sum checksum.Sum, err error) {
	hash := table.hasher()
	splitter := &copybinary.Splitter{Row: func(fields []byte) error {
		hash(&sum, fields)
		return nil
	}}
	_, err = table.source.conn.PgConn().CopyTo(ctx, splitter, table.reads())
	if err == nil && !splitter.Complete() {
		err = errors.New("the server ended its COPY early")
	}
	return sum, err
}

func targetSum(ctx context.Context, reader *sqlite.Reader, table *tablePlan) (sum checksum.Sum, err error) {
	hash, encoder := table.hasher(), convert.NewEncoder(table.columns, 0)
	rows, err := reader.Query(ctx, fmt.Sprintf("SELECT %s FROM %s", table.quotedNames(), sqlite.QuoteIdentifier(table.name)))
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var buffer []byte
	for {
		more, err := rows.Next()
		if err != nil || !more {
			return sum, err
		}
		encoded, findings := encoder.Encode(buffer[:0], rows)
		buffer = encoded
		if !convert.Clean(findings) {
			sum.Rows++ // without its hash, so that the sums differ
			continue
		}
		hash(&sum, encoded[2:])
	}
}

// publish gives the file its name. Servers that came in the meantime are named.
func (r *run) publish(ctx context.Context, shop *workshop) error {
	r.options.Progress.enter(PhaseFinish, 0)
	for _, source := range r.sources {
		others, err := source.others(ctx)
		if err != nil {
			return err
		}
		if len(others) > 0 && !r.options.SessionsKnown {
			r.report.warn(fmt.Sprintf("others have connected to %s meanwhile: what they write is not moved (%s)", source.session.Name(), engine.List(others)))
		}
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err := shop.publish(r.options.Destination); err != nil {
		return err
	}
	if info, err := os.Stat(r.options.Destination); err == nil {
		r.report.Target.Bytes = info.Size()
	}
	return nil
}
