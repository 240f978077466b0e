package split

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// markerTable is in a target that is not complete. It holds the compat version that the guard stands in for, and a number of
// the run that fills the target.
const markerTable = "synapse_split"

const (
	createMarker = `CREATE TABLE synapse_split (compat_version INTEGER, run BIGINT)`
	fillMarker   = `INSERT INTO synapse_split (compat_version, run) SELECT compat_version, 0 FROM schema_compat_version`
	takeMarker   = `UPDATE synapse_split SET run = ?`
	readMarker   = `SELECT run FROM synapse_split`
	raiseGuard   = `UPDATE schema_compat_version SET compat_version = ?`
	lowerGuard   = `UPDATE schema_compat_version SET compat_version = (SELECT compat_version FROM synapse_split)`
	dropMarker   = `DROP TABLE synapse_split`
)

// mark sets the guard, in a transaction. Whether there is a marker already is for the caller to know.
func (r *run) mark(ctx context.Context, tx engine.Tx, marked bool) error {
	var statements []string
	if !marked {
		statements = []string{createMarker, fillMarker}
	}
	for _, statement := range statements {
		if _, err := tx.Exec(ctx, statement); err != nil {
			return fmt.Errorf("set the guard: %w", err)
		}
	}
	if _, err := tx.Exec(ctx, takeMarker, r.number); err != nil {
		return fmt.Errorf("set the guard: %w", err)
	}
	if _, err := tx.Exec(ctx, raiseGuard, schema.GuardVersion); err != nil {
		return fmt.Errorf("set the guard: %w", err)
	}
	return nil
}

// guarded is a session in whose transactions the guard goes up with what they create, so that there is no moment in which a
// server could start on the database.
type guarded struct {
	engine.Session

	after func(ctx context.Context, tx engine.Tx) error // in the first transaction
	done  bool
}

// Transact commits the guard with the work.
func (g *guarded) Transact(ctx context.Context, options engine.TxOptions, work func(engine.Tx) error) error {
	err := g.Session.Transact(ctx, options, func(tx engine.Tx) error {
		if err := work(tx); err != nil || g.done {
			return err
		}
		return g.after(ctx, tx)
	})
	g.done = g.done || err == nil
	return err
}

// prepare makes the target one that holds state's tables, empty, and the guard.
func (r *run) prepare(ctx context.Context, catalog *engine.Catalog) error {
	if r.report.Leftover {
		if err := r.empty(ctx); err != nil {
			return fmt.Errorf("empty what a killed split left in %s: %w", r.to.Name(), err)
		}
		if err := r.compareTarget(ctx, catalog); err != nil {
			return err
		}
	} else if err := r.create(ctx, func(ctx context.Context) error { return r.compareTarget(ctx, catalog) }); err != nil {
		return err
	}
	return r.finishUpdates(ctx)
}

func (r *run) create(ctx context.Context, after func(context.Context) error) error {
	guard := func(ctx context.Context, tx engine.Tx) error {
		if err := r.mark(ctx, tx, false); err != nil {
			return err
		}
		return after(ctx)
	}
	_, err := schema.Prepare(ctx, &guarded{Session: r.to, after: guard}, r.options.Set, r.targetOptions())
	if err != nil {
		return fmt.Errorf("create the tables of state: %w", err)
	}
	return nil
}

// compareTarget compares the source with the tables as they were created.
func (r *run) compareTarget(ctx context.Context, catalog *engine.Catalog) error {
	made, err := r.to.Describe(ctx)
	if err != nil {
		return err
	}
	if problems := compareTables(catalog, made, r.state.names, r.to.Engine() == engine.Postgres); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// errRehearsed rolls a rehearsal back.
var errRehearsed = errors.New("rehearsed")

// rehearse creates the tables and rolls it back, which shows whether the role may, and whether the columns fit.
func (r *run) rehearse(ctx context.Context) error {
	catalog, err := r.from.Describe(ctx)
	if err != nil {
		return err
	}
	if r.report.Leftover {
		return r.compareTarget(ctx, catalog)
	}
	err = r.create(ctx, func(ctx context.Context) error { return errors.Join(r.compareTarget(ctx, catalog), errRehearsed) })
	refused, isRefused := errors.AsType[*RefusedError](err)
	switch {
	case isRefused:
		return refused
	case errors.Is(err, errRehearsed):
		return nil
	}
	return err
}

// empty takes the rows out of state's tables.
func (r *run) empty(ctx context.Context) error {
	catalog, err := r.to.Describe(ctx)
	if err != nil {
		return err
	}
	quote := quoter(r.to.Engine())
	return r.to.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if err := r.mark(ctx, tx, catalog.Table(markerTable) != nil); err != nil {
			return err
		}
		if tx.Engine() == engine.Postgres {
			_, err := tx.Exec(ctx, "TRUNCATE "+quoteAll(r.state.names, quote))
			return err
		}
		for _, table := range r.state.names {
			if _, err := tx.Exec(ctx, "DELETE FROM "+quote(table)); err != nil {
				return err
			}
		}
		return nil
	})
}

// finishUpdates finishes the background updates that creation has enqueued, which have nothing to move.
func (r *run) finishUpdates(ctx context.Context) error {
	if r.options.Set.Name() != upstream.SetName {
		return nil
	}
	if _, err := upstream.FinishEmpty(ctx, r.to); err != nil {
		return fmt.Errorf("finish the background updates of the empty target: %w", err)
	}
	return nil
}

// open takes the guard away: the target is complete.
func (r *run) open(ctx context.Context) error {
	return r.to.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		var number int64
		if err := tx.QueryRow(ctx, readMarker).Scan(&number); err != nil {
			return fmt.Errorf("take the guard away: %w", err)
		}
		if number != r.number {
			return fmt.Errorf("another split has begun to fill %s meanwhile", r.to.Name())
		}
		for _, statement := range []string{lowerGuard, dropMarker, dropIndexTable} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("take the guard away: %w", err)
			}
		}
		return nil
	})
}

// columnsOf are the columns that are copied: those that are not computed.
func columnsOf(catalog *engine.Catalog, table string) []string {
	var names []string
	for _, column := range catalog.Table(table).Columns {
		if !strings.Contains(column.Type, " GENERATED ") || strings.HasSuffix(column.Type, " AS IDENTITY") {
			names = append(names, column.Name)
		}
	}
	return names
}

// quoteAll writes names for SQL.
func quoteAll(names []string, quote func(string) string) string {
	quoted := slices.Clone(names)
	for i, name := range quoted {
		quoted[i] = quote(name)
	}
	return strings.Join(quoted, ", ")
}
