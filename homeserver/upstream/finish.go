package upstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

// LivedInError says that a database is not empty. Nothing was written.
type LivedInError struct {
	Database string
	Tables   []string // that have rows
}

// Error says what to do.
func (e *LivedInError) Error() string {
	return fmt.Sprintf("%s has been used: there are rows in %s; run its background updates (synapse updates run), or let the homeserver do it",
		e.Database, strings.Join(e.Tables, ", "))
}

// FinishEmpty finishes all background updates of a database that no server has run on, at once and in one transaction, and
// returns their names in their order: indexes and constraints are left as upstream's server leaves them, and what would move
// data has none to move. The error is a *LivedInError for a database with rows, and a *background.LeftError for updates that
// are not known; nothing is written then.
func FinishEmpty(ctx context.Context, session engine.Session) (finished []string, err error) {
	pending, err := background.List(ctx, session)
	if err != nil || len(pending) == 0 {
		return nil, err
	}
	catalog, err := session.Describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the catalog of %s: %w", session.Name(), err)
	}
	steps, left := emptySteps(), []background.Left{}
	for _, one := range pending {
		finished = append(finished, one.Name)
		if _, known := steps[one.Name]; !known {
			left = append(left, background.Left{Name: one.Name, Reason: background.Unknown})
		}
	}
	if len(left) > 0 {
		return nil, &background.LeftError{Database: session.Name(), Left: left}
	}
	err = session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if err := requireEmpty(ctx, tx, catalog, session.Name()); err != nil {
			return err
		}
		return finishAll(ctx, tx, steps, finished)
	})
	if err != nil {
		return nil, err
	}
	return finished, nil
}

// requireEmpty looks into the tables that any use of the database fills, as far as it has them.
func requireEmpty(ctx context.Context, tx engine.Tx, catalog *engine.Catalog, database string) error {
	var used []string
	for _, table := range homeserver.LivedInTables() {
		if catalog.Table(table) == nil {
			continue
		}
		var rows bool
		if err := tx.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+quoteFor(tx)(table)+")").Scan(&rows); err != nil {
			return fmt.Errorf("look for rows of %s: %w", table, err)
		}
		if rows {
			used = append(used, table)
		}
	}
	if len(used) > 0 {
		slices.Sort(used)
		return &LivedInError{Database: database, Tables: used}
	}
	return nil
}

func finishAll(ctx context.Context, tx engine.Tx, steps map[string]func(context.Context, engine.Tx) error, names []string) error {
	for _, name := range names {
		if step := steps[name]; step != nil {
			if err := step(ctx, tx); err != nil {
				return fmt.Errorf("finish the background update %s: %w", name, err)
			}
		}
		if _, err := tx.Exec(ctx, endUpdateSQL, name); err != nil {
			return fmt.Errorf("end the background update %s: %w", name, err)
		}
	}
	return nil
}

// emptySteps has every known name, with nil for those that do nothing to an empty database.
func emptySteps() map[string]func(context.Context, engine.Tx) error {
	steps := map[string]func(context.Context, engine.Tx) error{}
	for name := range onlyTheHomeserver() {
		steps[name] = nil
	}
	for _, one := range updates(homeserver.Config{}) {
		steps[one.name] = one.finish
	}
	steps[directoryEnd] = endDirectory
	return steps
}

// endDirectory leaves an empty directory that is up to date: -1 is the position before the first change of a room.
func endDirectory(ctx context.Context, tx engine.Tx) error {
	var all []error
	for _, table := range []string{"rooms", "position", "users"} {
		all = append(all, execute(ctx, tx, "DROP TABLE IF EXISTS _temp_populate_user_directory_"+table))
	}
	return errors.Join(append(all, execute(ctx, tx, "UPDATE "+homeserver.DirectoryPositionTable+" SET stream_id = -1"))...)
}
