package schema

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// The tables that remember what a database is. Those that upstream has too have upstream's names.
const (
	SetTable           = "schema_set"
	DatabasesTable     = "schema_databases"
	VersionTable       = "schema_version"
	CompatVersionTable = "schema_compat_version"
	AppliedTable       = "applied_schema_deltas"
	ProgressTable      = "schema_progress"
	UpdatesTable       = "background_updates"
	UpdateErrorsTable  = "background_update_errors"
	UpdateRatesTable   = "background_update_rates"
	ModulesTable       = "applied_module_schemas"
)

// CreateUpdateErrors is the statement that makes the table of the background updates that were set aside. It is made when
// the first one is: most databases never have it. failed_at is in ms since 1970.
func CreateUpdateErrors(kind engine.Kind) string {
	const create = `CREATE TABLE IF NOT EXISTS background_update_errors (
	update_name VARCHAR(255) NOT NULL,
	attempts INTEGER NOT NULL,
	error TEXT NOT NULL,
	failed_at BIGINT NOT NULL,
	PRIMARY KEY (update_name)
)`
	return create + tableOptions(kind)
}

// CreateUpdateRates is the statement that makes the table of how fast background updates are. It is made when the first one
// is run, and dropped when none is left. Times are in ms, the points in time since 1970.
func CreateUpdateRates(kind engine.Kind) string {
	const create = `CREATE TABLE IF NOT EXISTS background_update_rates (
	update_name VARCHAR(255) NOT NULL,
	items BIGINT NOT NULL,
	batches BIGINT NOT NULL,
	duration_ms BIGINT NOT NULL,
	total_items BIGINT,
	started_at BIGINT NOT NULL,
	last_at BIGINT NOT NULL,
	recent_items DOUBLE PRECISION NOT NULL,
	recent_ms BIGINT NOT NULL,
	PRIMARY KEY (update_name)
)`
	return create + tableOptions(kind)
}

func tableOptions(kind engine.Kind) string {
	if kind == engine.MySQL {
		return " ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin" // whatever the database's are
	}
	return ""
}

// passingTables come and go while background updates are run, whatever a schema set says.
func passingTables() []string { return []string{UpdateErrorsTable, UpdateRatesTable} }

// BookkeepingTables are the tables of every physical database that this package keeps, upstream's among them.
func BookkeepingTables() []string {
	return []string{SetTable, DatabasesTable, VersionTable, CompatVersionTable, AppliedTable, ProgressTable, UpdatesTable, UpdateErrorsTable, UpdateRatesTable, ModulesTable}
}

// Owner says whose a database is: the name of a set, or one of the constants.
type Owner string

// Owners that are no set of this package.
const (
	// Nobody's: the database is empty.
	Nobody Owner = ""
	// UpstreamsDatabase belongs to the Python homeserver: its bookkeeping is there, and no marker.
	UpstreamsDatabase Owner = "upstream"
	// Unknown: there are tables, and no record of a version.
	Unknown Owner = "unknown"
)

// State is what a database says of itself.
type State struct {
	Owner   Owner    `json:"set"`
	Tables  []string `json:"-"`
	Version int      `json:"version"`
	// Upgraded is false while the version is that of a full schema, with no delta after it.
	Upgraded bool `json:"upgraded"`
	// CompatVersion is the oldest code that may open it; nil when it is not recorded.
	CompatVersion *int `json:"compat_version"`
	// Databases are the logical databases it was created for; upstream does not record them.
	Databases []string `json:"databases,omitempty"`
	// Applied are the recorded deltas by file, with their checksums.
	Applied map[string]string `json:"applied"`
	// Creating says that a creation was interrupted and goes on at the next start.
	Creating bool `json:"creating,omitempty"`
	// Filling is who fills the database after its creation, and has not ended; see Options.Filling.
	Filling string `json:"filling,omitempty"`
	// Updates are the background updates that are still to be done, in their order.
	Updates []Update `json:"pending_updates"`

	hasVersion bool
	progress   map[string]progress
}

// Update is a pending background update.
type Update struct {
	Name      string `json:"name"`
	DependsOn string `json:"depends_on,omitempty"`
	Ordering  int    `json:"ordering"`
	// Error is why it was set aside, after too many failures; empty if it was not.
	Error string `json:"error,omitempty"`
}

// progress is how far a file was applied that cannot be one transaction.
type progress struct {
	checksum   string
	statements int
	catalog    string // before the statement that was begun, or empty
}

// creation is the record that says that a creation goes on.
const creation = "creation"

// ReadState reads what a database says of itself, and changes nothing.
func ReadState(ctx context.Context, session engine.Session) (*State, error) {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the catalog of %s: %w", session.Name(), err)
	}
	state := &State{Applied: map[string]string{}, progress: map[string]progress{}}
	for _, table := range catalog.Tables {
		state.Tables = append(state.Tables, table.Name)
	}
	for _, read := range []func(context.Context, engine.Querier) error{
		state.readVersion, state.readCompatVersion, state.readApplied, state.readDatabases, state.readProgress, state.readUpdates, state.readOwner,
	} {
		if err := read(ctx, session); err != nil {
			return nil, fmt.Errorf("read what %s records of its schema: %w", session.Name(), err)
		}
	}
	return state, nil
}

func (s *State) has(table string) bool { return slices.Contains(s.Tables, table) }

func (s *State) readVersion(ctx context.Context, from engine.Querier) error {
	if !s.has(VersionTable) {
		return nil
	}
	err := from.QueryRow(ctx, "SELECT version, upgraded FROM schema_version").Scan(&s.Version, &s.Upgraded)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	s.hasVersion = err == nil
	return err
}

func (s *State) readCompatVersion(ctx context.Context, from engine.Querier) error {
	if !s.has(CompatVersionTable) {
		return nil
	}
	err := from.QueryRow(ctx, "SELECT compat_version FROM schema_compat_version").Scan(&s.CompatVersion)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}

func (s *State) readApplied(ctx context.Context, from engine.Querier) error {
	if !s.has(AppliedTable) {
		return nil
	}
	query := "SELECT file, '' FROM applied_schema_deltas"
	if s.has(SetTable) {
		query = "SELECT file, coalesce(checksum, '') FROM applied_schema_deltas"
	}
	return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var file, checksum string
		err := scan(&file, &checksum)
		s.Applied[file] = checksum
		return err
	})
}

func (s *State) readDatabases(ctx context.Context, from engine.Querier) error {
	if !s.has(DatabasesTable) {
		return nil
	}
	return engine.Each(ctx, from, "SELECT name FROM schema_databases ORDER BY name", nil, func(scan func(...any) error) error {
		var name string
		err := scan(&name)
		s.Databases = append(s.Databases, name)
		return err
	})
}

func (s *State) readProgress(ctx context.Context, from engine.Querier) error {
	if !s.has(ProgressTable) {
		return nil
	}
	const query = "SELECT file, checksum, statements, coalesce(catalog, '') FROM schema_progress"
	return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var file string
		var read progress
		err := scan(&file, &read.checksum, &read.statements, &read.catalog)
		if file == filling {
			s.Filling = read.checksum
			return err
		}
		s.progress[file] = read
		s.Creating = s.Creating || file == creation
		return err
	})
}

func (s *State) readUpdates(ctx context.Context, from engine.Querier) error {
	if !s.has(UpdatesTable) {
		return nil
	}
	const query = "SELECT update_name, coalesce(depends_on, ''), ordering FROM background_updates ORDER BY ordering, update_name"
	err := engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var update Update
		err := scan(&update.Name, &update.DependsOn, &update.Ordering)
		s.Updates = append(s.Updates, update)
		return err
	})
	if err != nil || !s.has(UpdateErrorsTable) {
		return err
	}
	return s.readUpdateErrors(ctx, from)
}

func (s *State) readUpdateErrors(ctx context.Context, from engine.Querier) error {
	const query = "SELECT update_name, error FROM background_update_errors"
	return engine.Each(ctx, from, query, nil, func(scan func(...any) error) error {
		var name, text string
		err := scan(&name, &text)
		if i := slices.IndexFunc(s.Updates, func(update Update) bool { return update.Name == name }); i >= 0 {
			s.Updates[i].Error = text
		}
		return err
	})
}

// readOwner comes last. A database is empty when nothing is recorded and only the tables for the record exist.
func (s *State) readOwner(ctx context.Context, from engine.Querier) error {
	if s.has(SetTable) {
		var name string
		err := from.QueryRow(ctx, "SELECT name FROM schema_set").Scan(&name)
		if err == nil || !errors.Is(err, sql.ErrNoRows) {
			s.Owner = Owner(name)
			return err
		}
	}
	switch {
	case s.hasVersion:
		s.Owner = UpstreamsDatabase
	case len(missingFrom(s.Tables, BookkeepingTables())) > 0 || len(s.Applied) > 0:
		s.Owner = Unknown
	}
	return nil
}
