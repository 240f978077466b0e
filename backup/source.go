package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// source is a database that is backed up.
type source interface {
	// take takes a snapshot; those of all databases are taken one after the other, before anything else.
	take(ctx context.Context, c *creation, into *Database) error
	// dump writes what the snapshot holds.
	dump(ctx context.Context, c *creation, into *Database) error
	close() error
}

// oneTimeKeys are given to one other device each. Giving one a second time makes messages that cannot be read, so they are never restored.
const oneTimeKeys = "e2e_one_time_keys_json"

// leftOut are the tables whose rows no dump holds.
func (c *creation) leftOut() []string {
	return slices.Concat([]string{oneTimeKeys}, homeserver.TransientTables(), c.options.LeaveOut)
}

// openSources connects to the databases, that of main first: a homeserver makes a state group before the event that refers to it, so that a
// snapshot of state that is taken later has all groups that main's needs.
func (c *creation) openSources(ctx context.Context) (problems []Problem, err error) {
	databases := slices.Clone(c.options.Config.Databases)
	slices.SortStableFunc(databases, func(a, b config.Database) int {
		return cmp.Compare(slices.Index(b.DataStores, "main"), slices.Index(a.DataStores, "main"))
	})
	for i, database := range databases {
		var opened source
		if database.Engine == engine.SQLite {
			opened, err = openSQLite(ctx, c, database, dumpName(database, i))
		} else {
			opened, err = openPostgres(ctx, c, database, dumpName(database, i))
		}
		if opened != nil {
			c.sources = append(c.sources, opened)
		}
		refused, isRefused := errors.AsType[*RefusedError](err)
		switch {
		case isRefused:
			problems = append(problems, refused.Problems...)
		case context.Cause(ctx) != nil:
			return nil, context.Cause(ctx)
		case err != nil:
			problems = append(problems, Problem{ID: DatabaseUnfit, What: fmt.Sprintf("the database %s: %v", database.Label, err), Hint: "look at its section in the configuration"})
		}
	}
	return problems, nil
}

// dumpName is the label, unless it is no name of a file everywhere.
func dumpName(database config.Database, at int) string {
	name := database.Label
	if !validLabel(name) {
		name = fmt.Sprintf("database_%d", at+1)
	}
	return dumpFolder + "/" + name
}

// describe reads what a database says of itself.
func (d *Database) describe(ctx context.Context, session engine.Session, from config.Database) error {
	d.Label, d.Engine, d.Logical = from.Label, string(from.Engine), from.DataStores
	state, err := schema.ReadState(ctx, session)
	if err != nil {
		return err
	}
	if state.Owner == schema.Nobody || state.Owner == schema.Unknown {
		return refuse(DatabaseUnfit, fmt.Sprintf("the database %s holds no homeserver's tables", from.Label), "look whether the configuration names the right one")
	}
	d.Set, d.SchemaVersion, d.CompatVersion = string(state.Owner), state.Version, state.CompatVersion
	d.Upgraded = state.Upgraded
	if state.CompatVersion != nil && *state.CompatVersion == schema.GuardVersion {
		return refuse(DatabaseUnfit, fmt.Sprintf("the database %s is half a database: a port, a split or a restore is filling it", from.Label), "let that end first")
	}
	return nil
}

// count counts the rows of all tables that there are by a query.
func (d *Database) count(ctx context.Context, from engine.Querier, quote func(Table) string, left []string) error {
	for i := range d.Tables {
		table := &d.Tables[i]
		table.Left = slices.Contains(left, table.Name)
		if err := from.QueryRow(ctx, "SELECT count(*) FROM "+quote(*table)).Scan(&table.Rows); err != nil {
			return fmt.Errorf("count the rows of %s: %w", table.Name, err)
		}
	}
	return nil
}
