package split

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/schema"
)

// partialSuffix ends the name of a SQLite file that is not complete. No configuration names it.
const partialSuffix = ".split-partial"

func (r *run) splitSQLite(ctx context.Context) (err error) {
	r.meter.Enter(PhasePrepare, 0)
	catalog, err := r.from.Describe(ctx)
	if err != nil {
		return err
	}
	// The process must not have the source open otherwise while a snapshot reads it.
	if err := r.closeSource(); err != nil {
		return err
	}
	snapshot, err := sqlite.OpenSnapshot(ctx, r.options.Source.SQLitePath, 1, r.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, snapshot.Close()) }()
	if snapshot.Info().InUse {
		return refuse(SourceInUse, snapshot.Info().Path+" is in use", "stop the homeserver, its workers and whatever else uses the database")
	}
	if err := r.openPartial(ctx); err != nil {
		return err
	}
	if err := r.prepare(ctx, catalog); err != nil {
		return err
	}
	counters, err := r.copyFile(ctx, snapshot.Reader(0), catalog)
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	if err := r.verifySQLite(ctx, snapshot, catalog, counters); err != nil {
		return err
	}
	return r.publish(ctx)
}

func (r *run) partial() string { return r.options.Target.SQLitePath + partialSuffix }

// openPartial opens the file that is filled, which a split that was killed may have left.
func (r *run) openPartial(ctx context.Context) error {
	_, err := os.Stat(r.partial())
	r.report.Leftover = err == nil
	if err := r.reopen(ctx); err != nil {
		return err
	}
	if err := r.lock(ctx, TargetLocked, r.to.LockUpdates); err != nil { // LockSchema is for who creates the tables
		return err
	}
	if !r.report.Leftover {
		return nil
	}
	problems, err := r.checkPartial(ctx)
	if err == nil && len(problems) > 0 {
		err = &RefusedError{Problems: problems}
	}
	return err
}

func (r *run) reopen(ctx context.Context) (err error) {
	r.to, err = Database{SQLitePath: r.partial()}.open(ctx, false, r.options.Log)
	return err
}

// checkPartial takes a file without tables for a new one. One without a marker is complete but for its name.
func (r *run) checkPartial(ctx context.Context) ([]Problem, error) {
	state, err := schema.ReadState(ctx, r.to)
	if err != nil {
		return nil, err
	}
	if len(state.Tables) > 0 {
		return r.checkLeftover(state), nil
	}
	r.report.Leftover = false
	return nil, nil
}

// rowsAtOnce and bytesAtOnce are how much one transaction writes at most.
const (
	rowsAtOnce  = 20_000
	bytesAtOnce = 8 << 20
)

func (r *run) copyFile(ctx context.Context, reader *sqlite.Reader, catalog *engine.Catalog) (map[string]int64, error) {
	total, err := r.countRows(ctx, reader)
	if err != nil {
		return nil, err
	}
	r.meter.Enter(PhaseCopy, total)
	for _, table := range r.state.names {
		if err := r.copyTable(ctx, reader, table, columnsOf(catalog, table)); err != nil {
			return nil, fmt.Errorf("table %s: %w", table, err)
		}
	}
	counters, err := reader.Sequences(ctx)
	if err != nil {
		return nil, err
	}
	return counters, r.setCounters(ctx, counters)
}

func (r *run) countRows(ctx context.Context, reader *sqlite.Reader) (total int64, err error) {
	for _, table := range r.state.names {
		rows, err := reader.Query(ctx, "SELECT count(*) FROM "+sqlite.QuoteIdentifier(table))
		if err != nil {
			return 0, err
		}
		if _, err := rows.Next(); err != nil {
			return 0, errors.Join(err, rows.Close())
		}
		total += rows.Int64(0)
		if err := rows.Close(); err != nil {
			return 0, err
		}
	}
	return total, nil
}

// batch gathers rows for one transaction, which may have to be repeated.
type batch struct {
	values []any
	rows   int
	bytes  int
}

func (b *batch) take(rows *sqlite.Rows, columns int) {
	for i := range columns {
		var value any
		switch rows.Type(i) {
		case sqlite.Integer:
			value = rows.Int64(i)
		case sqlite.Float:
			value = rows.Float64(i)
		case sqlite.Text:
			value = string(rows.Append(i, nil))
		case sqlite.Blob:
			value = rows.Append(i, []byte{}) // not nil, which would be NULL
		case sqlite.Null:
		}
		b.values = append(b.values, value)
		b.bytes += rows.Len(i)
	}
	b.rows++
}

func (b *batch) full() bool { return b.rows >= rowsAtOnce || b.bytes >= bytesAtOnce }

func (r *run) copyTable(ctx context.Context, reader *sqlite.Reader, table string, columns []string) (err error) {
	rows, err := reader.Query(ctx, selectRows(table, columns))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	held := &batch{}
	for {
		more, err := rows.Next()
		if err != nil {
			return err
		}
		if more {
			held.take(rows, len(columns))
		}
		if held.full() || !more && held.rows > 0 {
			if err := r.insert(ctx, table, columns, held); err != nil {
				return err
			}
			r.meter.Add(int64(held.rows))
			held = &batch{values: held.values[:0]}
		}
		if !more {
			return nil
		}
	}
}

func selectRows(table string, columns []string) string {
	return "SELECT " + quoteAll(columns, sqlite.QuoteIdentifier) + " FROM " + sqlite.QuoteIdentifier(table)
}

// insert writes many rows by each statement: SQLite compiles it anew each time.
func (r *run) insert(ctx context.Context, table string, columns []string, held *batch) error {
	const together = 100
	head := fmt.Sprintf("INSERT INTO %s (%s) VALUES ", sqlite.QuoteIdentifier(table), quoteAll(columns, sqlite.QuoteIdentifier))
	row := "(" + strings.TrimSuffix(strings.Repeat("?,", len(columns)), ",") + ")"
	return r.to.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		for values := held.values; len(values) > 0; {
			rows := min(together, len(values)/len(columns))
			statement := head + row + strings.Repeat(","+row, rows-1)
			if _, err := tx.Exec(ctx, statement, values[:rows*len(columns)]...); err != nil {
				return err
			}
			values = values[rows*len(columns):]
		}
		return nil
	})
}

// setCounters carries the AUTOINCREMENT counters over, which may be ahead of the rows.
func (r *run) setCounters(ctx context.Context, counters map[string]int64) error {
	return r.to.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		for _, table := range r.state.names {
			last, counts := counters[table]
			if !counts {
				continue
			}
			if _, err := tx.Exec(ctx, "DELETE FROM sqlite_sequence WHERE name = ?", table); err != nil {
				return err
			}
			if _, err := tx.Exec(ctx, "INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table, last); err != nil {
				return err
			}
		}
		return nil
	})
}

// verifySQLite reads both files again. Nobody may have changed the source meanwhile.
func (r *run) verifySQLite(ctx context.Context, source *sqlite.Snapshot, catalog *engine.Catalog, counters map[string]int64) (err error) {
	if err := r.closePartial(); err != nil {
		return err
	}
	target, err := sqlite.OpenSnapshot(ctx, r.partial(), 1, r.options.Log)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, target.Close()) }()
	total, err := r.countRows(ctx, source.Reader(0))
	if err != nil {
		return err
	}
	r.meter.Enter(PhaseVerify, 2*total)
	sums := newSums(r.state.names)
	for _, table := range r.state.names {
		for _, side := range []struct {
			reader *sqlite.Reader
			sums   *tableSums
		}{{source.Reader(0), &sums.source}, {target.Reader(0), &sums.target}} {
			sum, err := sumOfTable(ctx, side.reader, selectRows(table, columnsOf(catalog, table)))
			if err != nil {
				return fmt.Errorf("verify table %s: %w", table, err)
			}
			side.sums.add(table, sum)
			r.meter.Add(sum.Rows)
		}
	}
	differences, err := r.verifyCounters(ctx, target.Reader(0), counters)
	if err != nil {
		return err
	}
	if err := source.Unchanged(); err != nil {
		return err
	}
	return r.compare(sums, differences)
}

func (r *run) verifyCounters(ctx context.Context, target *sqlite.Reader, counters map[string]int64) (differences []string, err error) {
	made, err := target.Sequences(ctx)
	if err != nil {
		return nil, err
	}
	for _, table := range r.state.names {
		want, counts := counters[table]
		if !counts {
			continue
		}
		if made[table] != want {
			differences = append(differences, fmt.Sprintf("the counter of %s: source %d, target %d", table, want, made[table]))
		}
		r.report.Sequences = append(r.report.Sequences, SequenceReport{Sequence: table, Next: want + 1})
	}
	return differences, nil
}

// sumOfTable hashes each value with its type, so that 1 and '1' differ.
func sumOfTable(ctx context.Context, reader *sqlite.Reader, query string) (sum checksum.Sum, err error) {
	rows, err := reader.Query(ctx, query)
	if err != nil {
		return sum, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	var row []byte
	for {
		more, err := rows.Next()
		if err != nil || !more {
			return sum, err
		}
		row = row[:0]
		for i := range rows.Columns() {
			row = appendValue(row, rows, i)
		}
		sum.AddRow(row)
	}
}

func appendValue(row []byte, rows *sqlite.Rows, i int) []byte {
	kind := rows.Type(i)
	row = append(row, byte(kind))
	switch kind {
	case sqlite.Integer:
		return binary.BigEndian.AppendUint64(row, uint64(rows.Int64(i)))
	case sqlite.Float:
		return binary.BigEndian.AppendUint64(row, math.Float64bits(rows.Float64(i)))
	case sqlite.Text, sqlite.Blob:
		return rows.Append(i, binary.BigEndian.AppendUint64(row, uint64(rows.Len(i))))
	case sqlite.Null:
	}
	return row
}

// closePartial ends the session, and its lock.
func (r *run) closePartial() error {
	var errs []error
	for _, unlock := range r.unlock {
		errs = append(errs, unlock())
	}
	r.unlock = nil
	return errors.Join(append(errs, r.closeTarget())...)
}

// publish takes the guard away, and gives the file its name when it is on the disk.
func (r *run) publish(ctx context.Context) error {
	r.meter.Enter(PhaseFinish, 0)
	if err := r.reopen(ctx); err != nil {
		return err
	}
	if err := r.lock(ctx, TargetLocked, r.to.LockUpdates); err != nil {
		return err
	}
	if err := r.open(ctx); err != nil {
		return err
	}
	if err := r.closePartial(); err != nil {
		return err
	}
	source, err := os.Stat(r.options.Source.SQLitePath)
	if err != nil {
		return err
	}
	if err := os.Chmod(r.partial(), source.Mode().Perm()); err != nil {
		return err
	}
	if err := syncPath(r.partial()); err != nil {
		return err
	}
	return r.rename()
}

func (r *run) rename() error {
	target := r.options.Target.SQLitePath
	// SQLite removes its log at the close; with one left there would be more to the database than the file.
	for _, name := range []string{target, r.partial() + "-wal", r.partial() + "-journal"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("give %s its name: %s is there", r.partial(), name)
		}
	}
	if err := os.Rename(r.partial(), target); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // which cannot sync a folder
		return nil
	}
	return syncPath(filepath.Dir(target))
}

func syncPath(path string) error {
	file, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
