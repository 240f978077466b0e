package tables

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// filling is a target that is being filled.
type filling struct {
	*move

	session engine.Session
	unlock  func() error
	writer  writer
}

// prepare takes the target, creates its tables, and guards it.
func (m *move) prepare(ctx context.Context) (made *filling, err error) {
	f := &filling{move: m, unlock: func() error { return nil }}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.close())
		}
	}()
	if err := m.target.close(); err != nil { // which only looked
		return nil, err
	}
	m.target.session = nil
	database := m.options.To
	database.SQLite.Durable = true
	if f.session, err = database.OpenSession(ctx, m.options.Log); err != nil {
		return nil, err
	}
	m.report.Target.Database = f.session.Name()
	if err := m.target.setUp(ctx, f.session); err != nil {
		return nil, err
	}
	if f.unlock, err = lock(ctx, f.session); err != nil {
		return nil, err
	}
	if err := f.create(ctx); err != nil {
		return nil, err
	}
	if err := f.planAgain(ctx); err != nil {
		return nil, err
	}
	f.writer, err = newWriter(ctx, f)
	return f, err
}

// close ends the sessions and gives back the lock.
func (f *filling) close() error {
	var errs []error
	if f.writer != nil {
		errs = append(errs, f.writer.close())
	}
	if f.unlock != nil {
		errs = append(errs, f.unlock())
	}
	if f.session != nil {
		errs = append(errs, f.session.Close())
	}
	return errors.Join(errs...)
}

// lockPatience is how long a lock is waited for that a move holds which has just ended.
const lockPatience = 5 * time.Second

// lock keeps out other moves into the target.
func lock(ctx context.Context, session engine.Session) (func() error, error) {
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	holder := "another process"
	unlock, err := session.LockNamed(waiting, "port", "tables", func(named string) { holder = named })
	if err != nil && ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded) {
		return func() error { return nil }, &RefusedError{Problems: []Problem{{
			ID: TargetLocked, What: "another move into the target is running: " + holder, Hint: "wait for it",
		}}}
	}
	if err != nil {
		return func() error { return nil }, err
	}
	return unlock, nil
}

// create looks once more, and creates the tables or guards those that are there.
func (f *filling) create(ctx context.Context) error {
	state, err := schema.ReadState(ctx, f.session)
	if err != nil {
		return err
	}
	problems, err := f.checkTarget(ctx, f.session, state)
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	f.report.Leftover = state.Filling == filler
	if state.Owner != schema.Nobody && state.Filling == "" {
		return f.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return schema.Fill(ctx, tx, filler) })
	}
	_, err = schema.Prepare(ctx, f.session, f.set, f.schemaOptions(filler))
	return err
}

// planAgain pairs the tables that are really there.
func (f *filling) planAgain(ctx context.Context) error {
	if err := f.target.describe(ctx, f.session); err != nil {
		return err
	}
	pairs, problems := plan(f.source, f.target)
	if len(problems) > 0 {
		return fmt.Errorf("the target's tables are not what they were to be: %w", &engine.RefusedError{Problems: problems})
	}
	f.pairs = pairs
	return nil
}

// copy copies all tables.
func (f *filling) copy(ctx context.Context) error {
	if err := f.writer.begin(ctx); err != nil {
		return fmt.Errorf("empty the target's tables: %w", err)
	}
	f.report.Tables = f.report.Tables[:0]
	for _, table := range f.pairs {
		begun := time.Now()
		if err := f.writer.table(ctx, table); err != nil {
			return fmt.Errorf("copy table %s: %w", table.name, err)
		}
		f.report.Tables = append(f.report.Tables, TableReport{Table: table.name, Seconds: time.Since(begun).Seconds()})
	}
	counters, err := f.counters(ctx)
	if err != nil {
		return err
	}
	if err := f.writer.end(ctx, counters); err != nil {
		return err
	}
	f.report.Counters = counters
	return nil
}

// rows gives the rows of the source.
func (f *filling) rows(ctx context.Context, table *pair, take func(values [][]byte) error) error {
	return f.source.each(ctx, f.source.session, table, ofSource, func(read *row) error {
		f.meter.Add(1)
		return take(read.values)
	})
}

// counters are where the columns go on that number rows.
func (f *filling) counters(ctx context.Context) (counters []CounterReport, err error) {
	for _, table := range f.pairs {
		for i := range table.columns {
			c := &table.columns[i]
			if !c.target.counter {
				continue
			}
			last, err := f.lastNumber(ctx, table.name, c)
			if err != nil {
				return nil, fmt.Errorf("look how far the numbers of %s in table %s are: %w", c.source.name, table.name, err)
			}
			counters = append(counters, CounterReport{Table: table.name, Column: c.target.name, Last: last})
		}
	}
	return counters, nil
}

// lastNumber is what the source has handed out last, or the greatest number of its rows.
func (f *filling) lastNumber(ctx context.Context, table string, c *pairedColumn) (last int64, err error) {
	s := f.source
	if c.source.counter {
		if last, err = s.last(ctx, s.session, table, c.source); err != nil {
			return 0, err
		}
	}
	var greatest *string
	query := "SELECT max(" + s.quote(c.source.name) + ") FROM " + s.quote(table)
	if err := s.session.QueryRow(ctx, query).Scan(&greatest); err != nil || greatest == nil {
		return last, err
	}
	number, err := strconv.ParseInt(*greatest, 10, 64)
	return max(last, number), err
}

// finish takes the guard away: from here on the target is the program's.
func (f *filling) finish(ctx context.Context) error {
	return f.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if err := f.recordCode(ctx, tx); err != nil {
			return err
		}
		return schema.Filled(ctx, tx, *f.source.state.CompatVersion)
	})
}
