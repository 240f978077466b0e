package catalog

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
)

// Queryer is what Load needs of a connection or a transaction.
type Queryer interface {
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
}

// Schema is the content of one PostgreSQL schema.
type Schema struct {
	Name        string
	Tables      []*Table // by name
	Sequences   []*Sequence
	ForeignKeys []*ForeignKey
}

// Table is an ordinary table (partitions and foreign tables are left out).
type Table struct {
	Name     string
	OID      uint32
	Owned    bool // the current role may alter it: it is a member of the owner
	Unlogged bool
	Columns  []*Column
	Indexes  []*Index
	Triggers []*Trigger
}

// Column is one column of a table, in the order of its number.
type Column struct {
	Name      string `json:"name"`
	Number    int16  `json:"number"`
	Type      string `json:"type"`       // the base type's name in pg_type, such as "int8" or "varchar"
	TypeLabel string `json:"type_label"` // as SQL spells it, such as "character varying(20)"
	Length    int    `json:"length"`     // characters that varchar and bpchar may hold; 0 when unlimited
	NotNull   bool   `json:"not_null"`   // by NOT NULL, or by a check that says just that
	Identity  bool   `json:"identity"`   // GENERATED ALWAYS or BY DEFAULT AS IDENTITY
	Generated bool   `json:"generated"`  // computed from other columns, cannot be written
	Default   bool   `json:"default"`
}

// Index is one index with what is needed to make it again.
type Index struct {
	Name       string      `json:"name"`
	Method     string      `json:"method"`     // access method, such as "btree"
	Definition string      `json:"definition"` // pg_get_indexdef
	Columns    []string    `json:"columns"`    // nil when the index has an expression among its keys
	Predicate  string      `json:"predicate"`  // of a partial index, as SQL
	Unique     bool        `json:"unique"`
	Valid      bool        `json:"valid"`
	NullsEqual bool        `json:"nulls_equal"` // UNIQUE NULLS NOT DISTINCT
	Plain      bool        `json:"plain"`       // nothing hangs on it that making it again would lose
	Comment    string      `json:"comment"`     // COMMENT ON INDEX
	Constraint *Constraint `json:"constraint"`  // the constraint it serves, or nil
}

// Constraint is a primary key, a unique or an exclusion constraint.
type Constraint struct {
	Name       string `json:"name"`
	Definition string `json:"definition"` // pg_get_constraintdef
	Primary    bool   `json:"primary"`
	Exclusion  bool   `json:"exclusion"`
	Deferrable bool   `json:"deferrable"`
	Deferred   bool   `json:"deferred"` // INITIALLY DEFERRED
	Comment    string `json:"comment"`
}

// ForeignKey is one foreign key between two tables of the schema.
type ForeignKey struct {
	Name       string   `json:"name"`
	Table      string   `json:"table"`
	Columns    []string `json:"columns"`
	Parent     string   `json:"parent"`
	ParentKey  []string `json:"parent_key"`
	Definition string   `json:"definition"` // pg_get_constraintdef, with NOT VALID where it is
	Validated  bool     `json:"validated"`
	Comment    string   `json:"comment"`
}

// Trigger is a trigger that somebody made; those of constraints are left out.
type Trigger struct {
	Name       string `json:"name"`
	Definition string `json:"definition"` // pg_get_triggerdef
	Enabled    string `json:"enabled"`    // pg_trigger.tgenabled: O origin, D disabled, R replica, A always
}

// Sequence is one sequence of the schema.
type Sequence struct {
	Name      string `json:"name"`
	Table     string `json:"table"` // of the column that owns it, or ""
	Column    string `json:"column"`
	LastValue int64  `json:"last_value"`
	IsCalled  bool   `json:"is_called"`
	Minimum   int64  `json:"minimum"`
	Maximum   int64  `json:"maximum"`
}

// Next returns the value that nextval would hand out.
func (s *Sequence) Next() int64 {
	if s.IsCalled {
		return s.LastValue + 1
	}
	return s.LastValue
}

// Table returns the table of that name, or nil.
func (s *Schema) Table(name string) *Table {
	for _, table := range s.Tables {
		if table.Name == name {
			return table
		}
	}
	return nil
}

// Sequence returns the sequence of that name, or nil.
func (s *Schema) Sequence(name string) *Sequence {
	for _, sequence := range s.Sequences {
		if sequence.Name == name {
			return sequence
		}
	}
	return nil
}

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for _, column := range t.Columns {
		if column.Name == name {
			return column
		}
	}
	return nil
}

// Load reads the schema of that name.
func Load(ctx context.Context, conn Queryer, schema string) (*Schema, error) {
	return load(ctx, conn, schema, []step{
		{"tables", (*loader).tables},
		{"columns", (*loader).columns},
		{"checks", (*loader).checks},
		{"indexes", (*loader).indexes},
		{"foreign keys", (*loader).foreignKeys},
		{"triggers", (*loader).triggers},
		{"sequences", (*loader).sequences},
	})
}

// LoadOutline reads which tables and sequences there are, and where the sequences stand, in a fraction of the time of Load. Columns,
// indexes, keys and triggers are left out.
func LoadOutline(ctx context.Context, conn Queryer, schema string) (*Schema, error) {
	return load(ctx, conn, schema, []step{{"tables", (*loader).tables}, {"sequences", (*loader).sequences}})
}

type step struct {
	what string
	run  func(*loader, context.Context) error
}

func load(ctx context.Context, conn Queryer, schema string, steps []step) (*Schema, error) {
	loaded := &loader{conn: conn, schema: &Schema{Name: schema}, byOID: map[uint32]*Table{}}
	for _, step := range steps {
		if err := step.run(loaded, ctx); err != nil {
			return nil, fmt.Errorf("read the %s of schema %q: %w", step.what, schema, err)
		}
	}
	return loaded.schema, nil
}
