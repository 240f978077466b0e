package split

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// check finds everything that hinders, before the first write.
func (r *run) check(ctx context.Context) error {
	if err := r.checkPlaces(); err != nil {
		return err
	}
	var err error
	if r.state, err = readTables(ctx, r.options.Set); err != nil {
		return err
	}
	source, err := r.checkSource(ctx)
	if err != nil {
		return err
	}
	target, err := r.checkTarget(ctx)
	if err != nil {
		return err
	}
	if problems := slices.Concat(source, target); len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	if r.options.Check && r.options.Source.engine() == engine.Postgres {
		return r.rehearse(ctx)
	}
	return nil
}

func (r *run) checkPlaces() error {
	source, target := r.options.Source, r.options.Target
	switch {
	case !slices.Contains(source.Logical, mainDatabase) || !slices.Contains(source.Logical, stateDatabase):
		return refuse(SourceNotBoth, fmt.Sprintf("the database %q does not hold main and state", source.Label), "")
	case source.engine() != target.engine():
		return refuse(EnginesDiffer, fmt.Sprintf("the source is %s, the target %s", source.engine(), target.engine()),
			"split on the engine that the database is on, before or after it is ported: synapse port")
	case source.SQLitePath == ":memory:" || target.SQLitePath == ":memory:":
		return refuse(TargetReachable, "a database in memory cannot be split", "")
	}
	return nil
}

func refuse(id ProblemID, what, hint string) error {
	return &RefusedError{Problems: []Problem{{ID: id, What: what, Hint: hint}}}
}

// tables are those of a database that holds state alone.
type tables struct {
	catalog *engine.Catalog
	common  []string // that every physical database has
	names   []string // state's, by name
}

// readTables makes such a database in memory, from the set's own files, and one that holds nothing, to tell them apart.
func readTables(ctx context.Context, set *schema.Set) (*tables, error) {
	common, err := catalogOf(ctx, set, []string{})
	if err != nil {
		return nil, err
	}
	state, err := catalogOf(ctx, set, []string{stateDatabase})
	if err != nil {
		return nil, err
	}
	found := &tables{catalog: state, common: append(schema.BookkeepingTables(), markerTable, indexTable)}
	for _, table := range common.Tables {
		found.common = append(found.common, table.Name)
	}
	for _, table := range state.Tables {
		if !slices.Contains(found.common, table.Name) {
			found.names = append(found.names, table.Name)
		}
	}
	return found, nil
}

func catalogOf(ctx context.Context, set *schema.Set, logical []string) (catalog *engine.Catalog, err error) {
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ":memory:"}, nil)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	if _, err := schema.Prepare(ctx, session, set, schema.Options{Databases: logical}); err != nil {
		return nil, fmt.Errorf("find the tables of state: %w", err)
	}
	return session.Describe(ctx)
}

// strange lists those that are neither state's nor every database's.
func (t *tables) strange(names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return slices.Contains(t.common, name) || slices.Contains(t.names, name)
	})
}

// checkSource leaves the session open.
func (r *run) checkSource(ctx context.Context) (problems []Problem, err error) {
	source := r.options.Source
	if r.from, err = source.open(ctx, true, r.options.Log); err != nil {
		return nil, err
	}
	if source.engine() == engine.Postgres { // on SQLite the lock would change the journal mode; there what is read is locked
		if err := r.lock(ctx, SourceLocked, r.from.LockSchema); err != nil {
			return nil, err
		}
	}
	if problems, err = sourceSchema(ctx, r.from, r.options.Set, source.options(r.options.ServerName, r.options.Log)); err != nil || len(problems) > 0 {
		return problems, err
	}
	catalog, err := r.from.Describe(ctx)
	if err != nil {
		return nil, err
	}
	problems = compareTables(catalog, r.state.catalog, r.state.names, false)
	sessions, err := others(ctx, r.from)
	if len(sessions) > 0 {
		problems = append(problems, Problem{ID: SourceInUse,
			What: fmt.Sprintf("others are connected to %s:\n      %s", r.from.Name(), strings.Join(sessions, "\n      ")),
			Hint: "stop the homeserver, its workers and whatever else uses the database; what they wrote meanwhile would be missing in the copy"})
	}
	return problems, err
}

// sourceSchema looks whether the source is just as the set leaves a database.
func sourceSchema(ctx context.Context, session engine.Session, set *schema.Set, options schema.Options) ([]Problem, error) {
	plan, err := schema.MakePlan(ctx, session, set, options)
	switch {
	case ctx.Err() != nil:
		return nil, err
	case err != nil:
		return []Problem{{ID: SourceSchema, What: err.Error()}}, nil //nolint:nilerr // it is the answer
	case plan.From > set.Version():
		return []Problem{{ID: SourceSchema, What: fmt.Sprintf("%s has schema version %d, and the schema files are of %d", session.Name(), plan.From, set.Version()),
			Hint: "use the schema files of the homeserver that the database was last used with"}}, nil
	case !plan.Nothing():
		return []Problem{{ID: SourceSchema, What: fmt.Sprintf("%s has schema version %d, and is not complete by the schema files of %d", session.Name(), plan.From, set.Version()),
			Hint: "upgrade it first: synapse upgrade"}}, nil
	}
	state, err := schema.ReadState(ctx, session)
	if err != nil {
		return nil, err
	}
	return pendingOfState(session.Name(), set, state)
}

// pendingOfState finds background updates of state: those that its files mention. They would stay behind.
func pendingOfState(database string, set *schema.Set, state *schema.State) ([]Problem, error) {
	files, err := filesOf(set.Files(), stateDatabase)
	if err != nil {
		return nil, fmt.Errorf("read the schema files: %w", err)
	}
	var pending []string
	for _, update := range state.Updates {
		if bytes.Contains(files, []byte("'"+update.Name+"'")) || bytes.Contains(files, []byte(`"`+update.Name+`"`)) {
			pending = append(pending, update.Name)
		}
	}
	if len(pending) == 0 {
		return nil, nil
	}
	return []Problem{{ID: SourceUpdates, What: fmt.Sprintf("%s has background updates of state that are not done: %s", database, strings.Join(pending, ", ")),
		Hint: "let the homeserver finish them, or synapse updates run"}}, nil
}

// filesOf joins all files of a folder.
func filesOf(files fs.FS, folder string) ([]byte, error) {
	var all []byte
	err := fs.WalkDir(files, folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, path)
		all = append(all, content...)
		return err
	})
	return all, err
}

// compareTables looks for tables and columns of the source that the target would not have, and the other way round.
func compareTables(source, target *engine.Catalog, tables []string, types bool) []Problem {
	var differences []string
	for _, name := range tables {
		from, to := source.Table(name), target.Table(name)
		if from == nil || to == nil {
			differences = append(differences, "only one side has the table "+name)
			continue
		}
		for _, column := range from.Columns {
			other := to.Column(column.Name)
			switch {
			case other == nil:
				differences = append(differences, fmt.Sprintf("%s.%s is not among the columns that the schema files create", name, column.Name))
			case types && other.Type != column.Type:
				differences = append(differences, fmt.Sprintf("%s.%s is %s, and the schema files create %s", name, column.Name, column.Type, other.Type))
			}
		}
		for _, column := range to.Columns {
			if from.Column(column.Name) == nil {
				differences = append(differences, fmt.Sprintf("%s.%s is missing in the source", name, column.Name))
			}
		}
	}
	if len(differences) == 0 {
		return nil
	}
	return []Problem{{ID: SourceTables, What: "the tables of state differ from what the schema files create: " + strings.Join(differences, "; "),
		Hint: "use the schema files of the homeserver that the database was last used with"}}
}

func (r *run) checkTarget(ctx context.Context) ([]Problem, error) {
	if r.options.Target.engine() == engine.SQLite {
		return r.checkFile()
	}
	var err error
	if r.to, err = r.options.Target.open(ctx, false, r.options.Log); err != nil {
		return []Problem{{ID: TargetReachable, What: err.Error()}}, ctx.Err()
	}
	same, err := sameDatabase(ctx, r.from, r.to)
	if err != nil {
		return nil, err
	}
	if same {
		return []Problem{{ID: TargetSame, What: fmt.Sprintf("%s and %s are one database", r.from.Name(), r.to.Name()), Hint: "make a database for state: CREATE DATABASE name ENCODING 'UTF8' LOCALE 'C' TEMPLATE template0"}}, nil
	}
	if err := r.lock(ctx, TargetLocked, r.to.LockSchema); err != nil {
		return nil, err
	}
	problems, err := r.checkContent(ctx)
	if err != nil {
		return nil, err
	}
	sessions, err := others(ctx, r.to)
	if len(sessions) > 0 {
		problems = append(problems, Problem{ID: TargetInUse,
			What: fmt.Sprintf("others are connected to %s:\n      %s", r.to.Name(), strings.Join(sessions, "\n      ")), Hint: "end their sessions"})
	}
	return problems, err
}

// checkContent accepts an empty target, and what a split left that was killed.
func (r *run) checkContent(ctx context.Context) ([]Problem, error) {
	state, err := schema.ReadState(ctx, r.to)
	if err != nil {
		return nil, err
	}
	if slices.Contains(state.Tables, markerTable) {
		return r.checkLeftover(state), nil
	}
	if len(state.Tables) > 0 {
		return []Problem{{ID: TargetNotEmpty, What: fmt.Sprintf("%s is not empty: it has %s", r.to.Name(), someOf(state.Tables)),
			Hint: "name an empty database; this one is left as it is"}}, nil
	}
	_, err = schema.MakePlan(ctx, r.to, r.options.Set, r.targetOptions())
	if err != nil && ctx.Err() == nil {
		return []Problem{{ID: TargetSchema, What: err.Error()}}, nil
	}
	return nil, err
}

// checkLeftover makes sure that there is nothing but what a split made.
func (r *run) checkLeftover(state *schema.State) []Problem {
	r.report.Leftover = true
	strange := r.state.strange(state.Tables)
	switch {
	case len(strange) > 0:
		return []Problem{{ID: TargetNotEmpty, What: fmt.Sprintf("%s holds an unfinished split, and %s besides", r.to.Name(), someOf(strange)),
			Hint: "name an empty database; this one is left as it is"}}
	case state.Version != r.options.Set.Version() || state.Creating:
		return []Problem{{ID: TargetNotEmpty, What: fmt.Sprintf("%s holds an unfinished split of schema version %d, and the source has %d", r.to.Name(), state.Version, r.options.Set.Version()),
			Hint: "drop that database and create it anew"}}
	}
	return nil
}

func someOf(names []string) string {
	const most = 5
	if len(names) > most {
		return fmt.Sprintf("%s and %d more tables", strings.Join(names[:most], ", "), len(names)-most)
	}
	return strings.Join(names, ", ")
}

func (r *run) targetOptions() schema.Options {
	options := r.options.Target.options("", r.options.Log)
	options.Databases = []string{stateDatabase}
	return options
}

// probeKey is an advisory lock that only shows whether two sessions are in one database: "split" in ASCII.
const probeKey = 0x73706c6974

// sameDatabase asks by a lock, which belongs to a database: addresses can differ, and lead to the same one.
func sameDatabase(ctx context.Context, one, other engine.Session) (same bool, err error) {
	if one.Engine() != engine.Postgres || other.Engine() != engine.Postgres {
		return false, nil
	}
	// The key is hashed with the session's own number, so that two splits at once do not meet.
	var key int64
	if err := one.QueryRow(ctx, "SELECT hashint8extended(pg_backend_pid(), ?), pg_advisory_lock(hashint8extended(pg_backend_pid(), ?))::text", probeKey, probeKey).Scan(&key, new(string)); err != nil {
		return false, fmt.Errorf("compare the databases: %w", err)
	}
	defer func() {
		_, unlocked := one.Exec(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock(?)", key)
		err = errors.Join(err, unlocked)
	}()
	var free bool
	if err := other.QueryRow(ctx, "SELECT pg_try_advisory_lock(?)", key).Scan(&free); err != nil {
		return false, fmt.Errorf("compare the databases: %w", err)
	}
	if !free {
		return true, nil
	}
	_, err = other.Exec(ctx, "SELECT pg_advisory_unlock(?)", key)
	return false, err
}

// checkFile looks at where a SQLite file is to be.
func (r *run) checkFile() ([]Problem, error) {
	path := r.options.Target.SQLitePath
	if same, err := sameFile(r.options.Source.SQLitePath, path); same || err != nil {
		return []Problem{{ID: TargetSame, What: fmt.Sprintf("%s and %s are one file", r.options.Source.SQLitePath, path), Hint: "name a file that is not there yet"}}, err
	}
	for _, name := range []string{path, path + "-wal", path + "-shm", path + "-journal"} {
		if _, err := os.Lstat(name); !errors.Is(err, fs.ErrNotExist) {
			return []Problem{{ID: TargetNotEmpty, What: name + " is there already", Hint: "name a file that is not there yet; this one is left as it is"}}, nil
		}
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		return []Problem{{ID: TargetReachable, What: "there is no folder " + filepath.Dir(path), Hint: "make it first"}}, nil //nolint:nilerr // it is the answer
	}
	return nil, nil
}

func sameFile(one, other string) (bool, error) {
	first, err := os.Stat(one)
	if err != nil {
		return false, err
	}
	second, err := os.Stat(other)
	return err == nil && os.SameFile(first, second), nil
}

// quoter quotes identifiers as an engine does.
func quoter(kind engine.Kind) func(string) string {
	if kind == engine.Postgres {
		return postgres.QuoteIdentifier
	}
	return sqlite.QuoteIdentifier
}
