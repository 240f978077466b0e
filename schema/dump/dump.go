package dump

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strconv"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// Database is a physical database whose schema is complete.
type Database struct {
	Session engine.Session
	// Logical are the logical databases that it holds, without common; one with none has the tables of common only.
	Logical []string
	// PgDump runs pg_dump on it. For PostgreSQL only.
	PgDump *PgDump
}

// Options say what is dumped.
type Options struct {
	Set *schema.Set

	// Databases are of one engine. Each logical database that is to be dumped is in exactly one.
	Databases []Database

	// Scratch makes a database of the set that nobody has used, with these logical databases (the list can be empty, and is
	// never nil), on the same engine, and
	// finishes its background updates. What it holds is dumped only to be compared with; the caller removes it. It is
	// needed where no database has the tables of common only, and where one has several logical databases, and with it
	// rows are refused that the set does not bring. Without it, the databases have to be new ones.
	Scratch func(ctx context.Context, logical []string) (*Database, error)

	// Config is handed to the set's CheckServer and CheckDatabase.
	Config any
}

// File is the full schema of a logical database on one engine.
type File struct {
	// Path is where package schema looks for it: DATABASE/full_schemas/VERSION/full.sql.ENGINE.
	Path string
	// Database is the logical database.
	Database string
	Engine   engine.Kind
	Content  []byte
}

// Make reads the databases and gives the files of common and of each logical database, in this order. It refuses a
// database that is not complete, by *VersionError, *UpdatesError, or an error of schema.MakePlan (another owner, a guard, an
// interrupted creation); rows that no full schema should have, by *RowsError; and what it cannot assign to one logical
// database, by *AssignError. What it does not know how to dump is an *UnsupportedError, and *ToolError is about pg_dump.
func Make(ctx context.Context, options Options) ([]File, error) {
	maker := &maker{options: options, scratches: map[string]*contents{}, parts: map[string][]entry{}}
	for i := range options.Databases {
		if err := maker.check(ctx, &options.Databases[i]); err != nil {
			return nil, err
		}
	}
	if err := maker.readCommon(ctx); err != nil {
		return nil, err
	}
	for i := range options.Databases {
		if err := maker.add(ctx, &options.Databases[i]); err != nil {
			return nil, err
		}
	}
	return maker.files(), nil
}

// maker collects the entries of each logical database.
type maker struct {
	options   Options
	common    *contents
	scratches map[string]*contents
	parts     map[string][]entry
}

// contents are what was read from a physical database, without the tables that package schema makes itself.
type contents struct {
	database string // in words
	entries  []entry
}

// read reads a physical database.
func (m *maker) read(ctx context.Context, database *Database) (*contents, error) {
	reader, err := newReader(database)
	if err != nil {
		return nil, err
	}
	entries, err := reader.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("dump %s: %w", database.Session.Name(), err)
	}
	kept := m.options.Set.BookkeepingTables()
	entries = slices.DeleteFunc(entries, func(e entry) bool {
		return slices.ContainsFunc(kept, func(table string) bool { return e.owner == relation(table) })
	})
	return &contents{database: database.Session.Name(), entries: entries}, nil
}

// scratch reads a database that was made for it.
func (m *maker) scratch(ctx context.Context, logical ...string) (*contents, error) {
	name := fmt.Sprint(logical)
	if known := m.scratches[name]; known != nil {
		return known, nil
	}
	if m.options.Scratch == nil {
		return nil, &AssignError{Database: m.options.Databases[0].Session.Name(), Problem: "needs a database to compare with"}
	}
	database, err := m.options.Scratch(ctx, append([]string{}, logical...)) // nil would be all, for package schema
	if err != nil {
		return nil, fmt.Errorf("make a database to compare with: %w", err)
	}
	m.scratches[name], err = m.read(ctx, database)
	return m.scratches[name], err
}

func (m *maker) readCommon(ctx context.Context) (err error) {
	for i := range m.options.Databases {
		if database := &m.options.Databases[i]; len(database.Logical) == 0 {
			m.common, err = m.read(ctx, database)
			return err
		}
	}
	m.common, err = m.scratch(ctx)
	return err
}

// add takes a physical database apart.
func (m *maker) add(ctx context.Context, database *Database) error {
	if len(database.Logical) == 0 {
		return nil
	}
	if m.options.Scratch != nil {
		if err := m.checkRows(ctx, database); err != nil {
			return err
		}
	}
	found, err := m.read(ctx, database)
	if err != nil {
		return err
	}
	rest, missing := subtract(found.entries, m.common.entries)
	if len(missing) > 0 {
		return &AssignError{Database: found.database, Objects: namesOf(missing),
			Problem: "has tables of common that are not what common's own files make them; whose change that is cannot be told"}
	}
	if len(database.Logical) == 1 {
		m.parts[database.Logical[0]] = rest
		return nil
	}
	return m.assign(ctx, database, rest)
}

// assign gives each entry to the logical database whose own files make the same object.
func (m *maker) assign(ctx context.Context, database *Database, entries []entry) error {
	owners := map[string][]string{} // objects and their logical databases; rows in tables of common by their text
	for _, logical := range database.Logical {
		made, err := m.scratch(ctx, logical)
		if err != nil {
			return err
		}
		own, _ := subtract(made.entries, m.common.entries)
		for _, e := range own {
			if key := m.keyOf(e); !slices.Contains(owners[key], logical) {
				owners[key] = append(owners[key], logical)
			}
		}
	}
	var unknown []entry
	for _, e := range entries {
		if known := owners[m.keyOf(e)]; len(known) == 1 {
			m.parts[known[0]] = append(m.parts[known[0]], e)
		} else {
			unknown = append(unknown, e)
		}
	}
	if len(unknown) > 0 {
		return &AssignError{Database: database.Session.Name(), Objects: namesOf(unknown),
			Problem: "has objects that the schema set makes in none of its logical databases, or in several"}
	}
	return nil
}

// keyOf is what tells an entry's logical database.
func (m *maker) keyOf(e entry) string {
	if slices.ContainsFunc(m.common.entries, func(of entry) bool { return of.owner == e.owner }) {
		return e.text
	}
	return e.owner
}

func (m *maker) files() []File {
	kind := m.options.Databases[0].Session.Engine()
	version := m.options.Set.Version()
	file := func(logical string, entries []entry) File {
		return File{
			Path:     path.Join(logical, "full_schemas", strconv.Itoa(version), "full.sql."+string(kind)),
			Database: logical, Engine: kind, Content: render(kind, logical, version, entries),
		}
	}
	files := []File{file(schema.Common, m.common.entries)}
	for _, logical := range m.options.Set.Databases() {
		if m.holds(logical) {
			files = append(files, file(logical, m.parts[logical]))
		}
	}
	return files
}

func (m *maker) holds(logical string) bool {
	return slices.ContainsFunc(m.options.Databases, func(d Database) bool { return slices.Contains(d.Logical, logical) })
}
