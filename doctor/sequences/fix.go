package sequences

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

func plan(ctx context.Context, subject *finding.Subject) ([]string, error) {
	if subject.Engine != engine.Postgres {
		return nil, nil
	}
	read, err := readAll(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	return read.statements(), nil
}

// statements leave those out that no number is left for: only other ids could help.
func (a *all) statements() (needed []string) {
	for _, c := range a.counters {
		if c.behind() && !c.exhausted() {
			needed = append(needed, c.statement())
		}
	}
	return needed
}

// apply holds everybody off who could take an id meanwhile, moves the sequences, and reads everything again. What setval has
// done stays when the rest is rolled back; forward is right in any case, and the next run does what is left.
func apply(ctx context.Context, subject *finding.Subject) error {
	return subject.Session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		before, err := readAll(ctx, tx)
		if err != nil {
			return err
		}
		if err := before.lock(ctx, tx); err != nil {
			return err
		}
		locked, err := readAll(ctx, tx) // what was written before the lock was given counts
		if err != nil {
			return err
		}
		for _, statement := range locked.statements() {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return fmt.Errorf("%s: %w", statement, err)
			}
		}
		return prove(ctx, tx, locked)
	})
}

// prove reads again: none is behind, and none has gone back.
func prove(ctx context.Context, tx engine.Tx, before *all) error {
	after, err := readAll(ctx, tx)
	if err != nil {
		return err
	}
	if left := after.statements(); len(left) > 0 {
		return fmt.Errorf("the sequences are still behind: %s", strings.Join(left, " "))
	}
	for i, c := range after.counters {
		if old := before.counters[i]; old.sequence != c.sequence || c.last < old.last {
			return fmt.Errorf("the sequence %s has gone back from %d to %d, or another one was made or dropped meanwhile", c.sequence, old.last, c.last)
		}
	}
	return nil
}

// lock takes the tables in one order, so that two that do this wait for each other and do not block each other.
func (a *all) lock(ctx context.Context, tx engine.Tx) error {
	var tables []string
	if a.positions {
		tables = append(tables, postgres.QuoteIdentifier(homeserver.PositionsTable))
	}
	for _, c := range a.counters {
		for _, column := range c.tables {
			tables = append(tables, postgres.QuoteIdentifier(column.Table))
		}
	}
	slices.Sort(tables)
	tables = slices.Compact(tables)
	if len(tables) == 0 {
		return nil
	}
	_, err := tx.Exec(ctx, "LOCK TABLE "+strings.Join(tables, ", ")+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}
