package split

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// DropOptions say from where tables are dropped.
type DropOptions struct {
	// Main holds main by the configuration, and what was left of state.
	Main Database
	// State holds state.
	State Database
	// Set is the schema of both.
	Set *schema.Set
	// ServerName is the homeserver's; empty to compare nothing.
	ServerName string
	// Check only says what would be dropped.
	Check bool
	// Log may be nil.
	Log *slog.Logger
}

// DropReport is what was dropped.
type DropReport struct {
	Result    Result    `json:"result"`
	Source    string    `json:"source"` // from where, in words
	Target    string    `json:"target"` // where state is
	Tables    []string  `json:"tables"`
	Sequences []string  `json:"sequences"`
	Problems  []Problem `json:"problems"`
	Seconds   float64   `json:"seconds"`
}

// dropping is one drop.
type dropping struct {
	options DropOptions
	report  *DropReport
	main    engine.Session
	state   engine.Session
	tables  []string // state's, by the set
	unlock  func() error
}

// DropSourceTables drops state's tables that a split has left in the database of main, all in one transaction. It refuses,
// with a *RefusedError, unless state is complete where the configuration says, and has every state group that the tables to
// be dropped end with.
func DropSourceTables(ctx context.Context, options DropOptions) (report *DropReport, err error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	begun := time.Now()
	d := &dropping{options: options, report: &DropReport{
		Source: options.Main.name(), Target: options.State.name(), Tables: []string{}, Sequences: []string{}, Problems: []Problem{},
	}}
	defer func() {
		err = errors.Join(err, d.close())
		d.end(err, time.Since(begun))
	}()
	return d.report, d.run(ctx)
}

func (d *dropping) end(err error, took time.Duration) {
	refused, isRefused := errors.AsType[*RefusedError](err)
	switch {
	case isRefused:
		d.report.Result, d.report.Problems = Refused, refused.Problems
	case err != nil:
		d.report.Result = Failed
	case d.options.Check:
		d.report.Result = Clean
	default:
		d.report.Result = Done
	}
	d.report.Seconds = took.Seconds()
}

func (d *dropping) close() error {
	var errs []error
	if d.unlock != nil {
		errs = append(errs, d.unlock())
	}
	for _, session := range []engine.Session{d.main, d.state} {
		if session != nil {
			errs = append(errs, session.Close())
		}
	}
	return errors.Join(errs...)
}

func (d *dropping) run(ctx context.Context) error {
	found, err := readTables(ctx, d.options.Set)
	if err != nil {
		return err
	}
	d.tables = found.names
	if err := d.openBoth(ctx); err != nil {
		return err
	}
	if err := d.checkBoth(ctx); err != nil {
		return err
	}
	if err := d.find(ctx); err != nil {
		return err
	}
	if d.options.Check {
		return d.checkNewer(ctx, d.main)
	}
	return d.main.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error { return d.drop(ctx, tx) })
}

func (d *dropping) openBoth(ctx context.Context) (err error) {
	main, state := d.options.Main, d.options.State
	if slices.Contains(main.Logical, stateDatabase) || !slices.Contains(main.Logical, mainDatabase) || !slices.Contains(state.Logical, stateDatabase) {
		return refuse(SourceNotBoth, "the configuration does not keep main and state in two databases",
			"run this with the configuration that the homeserver runs with since the split")
	}
	if main.engine() == engine.SQLite && state.engine() == engine.SQLite {
		if same, err := sameFile(main.SQLitePath, state.SQLitePath); same || err != nil {
			return errors.Join(err, d.same())
		}
	}
	if d.main, err = main.open(ctx, d.options.Check, d.options.Log); err != nil {
		return err
	}
	if d.state, err = state.open(ctx, true, d.options.Log); err != nil {
		return err
	}
	same, err := sameDatabase(ctx, d.main, d.state)
	if err != nil {
		return err
	}
	if same {
		return d.same()
	}
	if d.options.Check {
		return nil
	}
	d.unlock, err = lockSoon(ctx, d.main.LockSchema)
	if held, isHeld := errors.AsType[*heldError](err); isHeld {
		return refuse(SourceLocked, held.Error(), "wait until it ends, or stop it")
	}
	return err
}

func (d *dropping) same() error {
	return refuse(TargetSame, fmt.Sprintf("%s and %s are one database", d.report.Source, d.report.Target), "")
}

// checkBoth looks whether both databases are such as the server can run on, by what they record of themselves.
func (d *dropping) checkBoth(ctx context.Context) error {
	var problems []Problem
	if _, err := schema.MakePlan(ctx, d.main, d.options.Set, d.options.Main.options(d.options.ServerName, d.options.Log)); err != nil {
		problems = append(problems, Problem{ID: SourceSchema, What: err.Error()})
	}
	plan, err := schema.MakePlan(ctx, d.state, d.options.Set, d.options.State.options(d.options.ServerName, d.options.Log))
	switch {
	case err != nil:
		problems = append(problems, Problem{ID: TargetSchema, What: err.Error()})
	case !plan.Nothing():
		problems = append(problems, Problem{ID: TargetSchema, What: d.state.Name() + " is not complete by the schema files",
			Hint: "upgrade it first: synapse upgrade"})
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// find lists what is left of state.
func (d *dropping) find(ctx context.Context) error {
	catalog, err := d.main.Describe(ctx)
	if err != nil {
		return err
	}
	for _, table := range d.tables {
		if catalog.Table(table) != nil {
			d.report.Tables = append(d.report.Tables, table)
		}
	}
	for _, object := range catalog.Objects {
		if object.Type == "sequence" && object.Table == "" && slices.ContainsFunc(d.streams(), func(s homeserver.Stream) bool { return s.Sequence == object.Name }) {
			d.report.Sequences = append(d.report.Sequences, object.Name)
		}
	}
	if len(d.report.Tables) == 0 && len(d.report.Sequences) == 0 {
		return refuse(NothingLeft, d.main.Name()+" has no tables of state", "there is nothing to be done")
	}
	return nil
}

// streams are those whose numbers stand in state's tables alone.
func (d *dropping) streams() []homeserver.Stream {
	return slices.DeleteFunc(homeserver.Streams(), func(stream homeserver.Stream) bool {
		return slices.ContainsFunc(stream.Tables, func(column homeserver.TableColumn) bool { return !slices.Contains(d.tables, column.Table) })
	})
}

// checkNewer compares what the old tables end with. After the server has run, the copies differ in all else.
func (d *dropping) checkNewer(ctx context.Context, main engine.Querier) error {
	for _, stream := range d.streams() {
		for _, column := range stream.Tables {
			if !slices.Contains(d.report.Tables, column.Table) {
				continue
			}
			old, err := greatestOf(ctx, main, column)
			if err != nil {
				return err
			}
			now, err := greatestOf(ctx, d.state, column)
			if err != nil {
				return err
			}
			if old > now {
				return refuse(TargetOlder, fmt.Sprintf("%s has %s.%s up to %d, and %s up to %d", d.report.Source, column.Table, column.Column, old, d.report.Target, now),
					"a server has gone on to work with the old tables, or this is not the database that state was moved to; do not drop them")
			}
		}
	}
	return nil
}

func greatestOf(ctx context.Context, from engine.Querier, column homeserver.TableColumn) (greatest int64, err error) {
	quote := quoter(from.Engine())
	query := fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", quote(column.Column), quote(column.Table))
	if err := from.QueryRow(ctx, query).Scan(&greatest); err != nil {
		return 0, fmt.Errorf("table %s: %w", column.Table, err)
	}
	return greatest, nil
}

// drop takes nothing away that depends on the tables: that would be an error.
func (d *dropping) drop(ctx context.Context, tx engine.Tx) error {
	quote := quoter(tx.Engine())
	if tx.Engine() == engine.Postgres && len(d.report.Tables) > 0 {
		if _, err := tx.Exec(ctx, "LOCK TABLE "+quoteAll(d.report.Tables, quote)+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return fmt.Errorf("lock %s: %w", strings.Join(d.report.Tables, ", "), err)
		}
	}
	if err := d.checkNewer(ctx, tx); err != nil {
		return err
	}
	for _, table := range d.report.Tables {
		if _, err := tx.Exec(ctx, "DROP TABLE "+quote(table)); err != nil {
			return fmt.Errorf("drop table %s: %w", table, err)
		}
	}
	for _, sequence := range d.report.Sequences {
		if _, err := tx.Exec(ctx, "DROP SEQUENCE "+quote(sequence)); err != nil {
			return fmt.Errorf("drop sequence %s: %w", sequence, err)
		}
	}
	if d.options.Set.Name() != homeserver.SetName {
		return nil // upstream's databases do not record what they hold
	}
	_, err := tx.Exec(ctx, "DELETE FROM "+schema.DatabasesTable+" WHERE name = ?", stateDatabase)
	return err
}
