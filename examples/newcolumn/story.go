package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// story is what happens to one database.
type story struct {
	out  io.Writer
	open opener
	// values are what the releases have written: each item, and its value as the last one meant it.
	values map[int64]int64
	// runRequired has a release run the updates that it requires, instead of refusing to start.
	runRequired bool
}

// allBatches of the background updates are run.
const allBatches = -1

// start is what a server does: it opens the database, prepares it and works. After that, so many batches of the background
// updates are run, and every value that was ever written has to be right.
func (s *story) start(ctx context.Context, r release, batches int) (err error) {
	fmt.Fprintf(s.out, "%s starts: version %d, compat version %d\n", r.name, r.version, r.compatVersion)
	session, err := s.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := s.prepare(ctx, session, r); err != nil {
		return err
	}
	if err := s.work(ctx, session, r); err != nil {
		return fmt.Errorf("%s cannot work: %w", r.name, err)
	}
	if r.version >= 12 { // older ones have no handlers
		if err := s.runUpdates(ctx, batches); err != nil {
			return err
		}
	}
	if err := s.check(ctx, session, r); err != nil {
		return err
	}
	return s.tellState(ctx, session)
}

func (s *story) prepare(ctx context.Context, session engine.Session, r release) error {
	set, err := r.set()
	if err != nil {
		return err
	}
	options := schema.Options{
		SessionsKnown: true, // the release before may still be at work
		OnStep:        func(step *schema.Step, _, _ int) { fmt.Fprintf(s.out, "  applies %s\n", step.File) },
	}
	if s.runRequired {
		options.OnPending = func(ctx context.Context, updates []string) error {
			fmt.Fprintf(s.out, "  has to run %s first\n", strings.Join(updates, ", "))
			return background.Finish(updating(s.out, s.open))(ctx, updates)
		}
	}
	result, err := schema.Prepare(ctx, session, set, options)
	if err == nil && result.Changed && len(result.Plan.Steps) == 0 {
		fmt.Fprintf(s.out, "  records version %d\n", result.Plan.To)
	}
	return err
}

// work begins with 25 items in an empty table. Then each start adds one, and gives the first and the last another value.
func (s *story) work(ctx context.Context, session engine.Session, r release) error {
	var values map[int64]int64
	err := session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		values = map[int64]int64{}
		maps.Copy(values, s.values) // anew, as the transaction may be a repeated one
		for missing := max(1, 25-len(values)); missing > 0; missing-- {
			item := int64(len(values) + 1)
			values[item] = 2 * item
			if err := r.add(ctx, tx, item, values[item]); err != nil {
				return err
			}
		}
		for _, item := range []int64{1, int64(len(values) - 1)} {
			values[item] += 1000
			if err := r.change(ctx, tx, item, values[item]); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.values = values
	}
	return err
}

func (s *story) runUpdates(ctx context.Context, batches int) error {
	if batches == 0 {
		return nil
	}
	updater, err := background.New(updating(s.out, s.open))
	if err != nil {
		return err
	}
	if batches == allBatches {
		return updater.Run(ctx)
	}
	for range batches {
		if _, err := updater.RunBatch(ctx); err != nil {
			return err
		}
	}
	return nil
}

// check compares what a release reads with what was written.
func (s *story) check(ctx context.Context, from engine.Querier, r release) error {
	found, err := r.items(ctx, from)
	if err != nil {
		return fmt.Errorf("%s cannot read: %w", r.name, err)
	}
	if maps.Equal(s.values, found) {
		return nil
	}
	for item, value := range s.values {
		if found[item] != value {
			return fmt.Errorf("%s reads %d for item %d, which was written as %d", r.name, found[item], item, value)
		}
	}
	return fmt.Errorf("%s reads %d items, of which %d were written", r.name, len(found), len(s.values))
}

func (s *story) tellState(ctx context.Context, session engine.Session) error {
	state, err := schema.ReadState(ctx, session)
	if err != nil {
		return err
	}
	catalog, err := session.Describe(ctx)
	if err != nil {
		return err
	}
	text := fmt.Sprintf("  database: version %d, compat version %d; %s", state.Version, *state.CompatVersion, columnsOf(catalog))
	if slices.ContainsFunc(catalog.Table("items").Columns, func(column engine.Column) bool { return column.Name == newColumn.name && !column.NotNull }) {
		var empty int
		if err := session.QueryRow(ctx, "SELECT count(*) FROM items WHERE new_column IS NULL").Scan(&empty); err != nil {
			return err
		}
		text += fmt.Sprintf(" (NULL in %d rows)", empty)
	}
	fmt.Fprintf(s.out, "%s; %d items, all right\n", text, len(s.values))
	return nil
}

// columnsOf describes the columns but for the key.
func columnsOf(catalog *engine.Catalog) string {
	var columns []string
	for _, column := range catalog.Table("items").Columns {
		text := column.Name
		if column.NotNull {
			text += " NOT NULL"
		}
		if column.Name != "item_id" {
			columns = append(columns, text)
		}
	}
	return strings.Join(columns, ", ")
}
