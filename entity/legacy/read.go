package legacy

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
)

// The tables of the other library.
const (
	EntityTable = "synapse_entity"
	LocalsTable = "synapse_entity_locals"
)

// MissingError says that a database does not hold the tables of the other library.
type MissingError struct {
	Database string   // in words
	Tables   []string // that are not there
}

// Error says what to do.
func (e *MissingError) Error() string {
	return fmt.Sprintf("%s has no table %s; give the database that the TypeScript library writes to",
		e.Database, strings.Join(e.Tables, " and no table "))
}

// Read reads all applications' entities with their locals, of one moment. The database is opened read-only. The errors are
// those of opening it and *MissingError; what is wrong with single rows is told in the Contents.
func Read(ctx context.Context, database synapse.Database) (contents *Contents, err error) {
	session, err := database.ReadOnly().OpenSession(ctx, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if err := find(ctx, session); err != nil {
		return nil, err
	}
	found, err := collect(ctx, session)
	if err != nil {
		return nil, fmt.Errorf("read the entities in %s: %w", session.Name(), err)
	}
	return &Contents{Name: session.Name(), Applications: convert(found)}, nil
}

// find looks for the tables.
func find(ctx context.Context, session engine.Session) error {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return err
	}
	var missing []string
	for _, name := range []string{EntityTable, LocalsTable} {
		if catalog.Table(name) == nil {
			missing = append(missing, name)
		}
	}
	if missing != nil {
		return &MissingError{Database: session.Name(), Tables: missing}
	}
	return nil
}

// readSQL takes the engine's word for a text without bounds. Both tables in one statement are both as of one moment, on
// every engine. Everything is cast: PostgreSQL keeps JSON and times in types of their own, and the collations of MySQL's
// columns may differ. A word behind a point, as key is here, needs no quotes anywhere.
const readSQL = `SELECT CAST(e.app_unique_id AS %[1]s), CAST(e.unique_id AS %[1]s), CAST(e.application_name AS %[1]s), CAST(NULL AS %[1]s),
	CAST(e.state_json AS %[1]s), CAST(e.last_modified AS %[1]s)
FROM ` + EntityTable + ` AS e
UNION ALL
SELECT CAST(l.app_unique_id AS %[1]s), CAST(l.unique_id AS %[1]s), CAST(NULL AS %[1]s), CAST(l.key AS %[1]s),
	CAST(l.value_json AS %[1]s), CAST(l.last_modified AS %[1]s)
FROM ` + LocalsTable + ` AS l`

// stored is an entity as the tables hold it.
type stored struct {
	application, id string
	// name is the application's.
	name string
	// exists says that there is a row in synapse_entity, and not only locals.
	exists   bool
	state    string
	modified string
	locals   map[string]string
	// localModified is when the last of the locals was written.
	localModified string
}

// identity tells entities apart: the other library reads by both.
type identity struct{ application, id string }

// collect puts the rows of both tables together, sorted by application and ID.
func collect(ctx context.Context, from engine.Querier) ([]*stored, error) {
	word := "text"
	if from.Engine() == engine.MySQL {
		word = "CHAR"
	}
	all := map[identity]*stored{}
	err := engine.Each(ctx, from, fmt.Sprintf(readSQL, word), nil, func(scan func(...any) error) error {
		var application, id, name, key, value, modified sql.NullString
		if err := scan(&application, &id, &name, &key, &value, &modified); err != nil {
			return err
		}
		one := all[identity{application.String, id.String}]
		if one == nil {
			one = &stored{application: application.String, id: id.String, locals: map[string]string{}}
			all[identity{application.String, id.String}] = one
		}
		if key.Valid {
			one.locals[key.String] = value.String
			one.localModified = max(one.localModified, modified.String)
			return nil
		}
		one.exists, one.name, one.state, one.modified = true, name.String, value.String, modified.String
		return nil
	})
	return slices.SortedFunc(maps.Values(all), func(a, b *stored) int {
		return cmp.Or(cmp.Compare(a.application, b.application), cmp.Compare(a.id, b.id))
	}), err
}
