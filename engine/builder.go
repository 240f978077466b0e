package engine

import (
	"context"
	"fmt"
	"strings"
)

// Builder is the part of a Session that changes tables beside those who use them. Everything in it is safe to repeat.
type Builder interface {
	// BuildIndex makes an index, on PostgreSQL and MySQL while others go on to read and write the table. One that an
	// interrupted run has left invalid is built anew, an identical one is kept, and the error for another one of the same
	// name is an *IndexError. Where the engine has no such index, errors.ErrUnsupported is in the error's chain.
	BuildIndex(ctx context.Context, index Index) error

	// DropIndex drops an index of a table, while others go on; it does nothing when there is none.
	DropIndex(ctx context.Context, table, name string) error

	// ValidateConstraint has all rows of a table checked for a constraint that was made NOT VALID, while others go on.
	// The error for rows that break it is a *ConstraintError. Where constraints are always valid,
	// errors.ErrUnsupported is in the error's chain.
	ValidateConstraint(ctx context.Context, table, name string) error

	// ChangeTable runs a statement that wants a table for itself. It gives up after two seconds, since others queue
	// behind it: who calls it tries again later.
	ChangeTable(ctx context.Context, statement string) error
}

// Index is one to be built.
type Index struct {
	Name  string
	Table string
	// Columns are columns or expressions, each as SQL, with what follows it (such as DESC).
	Columns []string
	Unique  bool
	// Where restricts the index to some rows, as SQL; empty for all.
	Where string
}

// Statement is the CREATE INDEX for it; words, such as CONCURRENTLY, come before the name, which is quoted as the table is.
func (i Index) Statement(quote func(name string) string, words string) string {
	var text strings.Builder
	text.WriteString("CREATE ")
	if i.Unique {
		text.WriteString("UNIQUE ")
	}
	text.WriteString("INDEX ")
	if words != "" {
		text.WriteString(words + " ")
	}
	fmt.Fprintf(&text, "%s ON %s (%s)", quote(i.Name), quote(i.Table), strings.Join(i.Columns, ", "))
	if i.Where != "" {
		text.WriteString(" WHERE " + i.Where)
	}
	return text.String()
}

// IndexError says that there is an index of that name already, and that it is another one.
type IndexError struct {
	Database string
	Name     string
	Table    string
	Existing string // its definition
}

// Error says what to do.
func (e *IndexError) Error() string {
	return fmt.Sprintf("build the index %s on %s of %s: there is another index of that name (%s); drop or rename it", e.Name, e.Table, e.Database, e.Existing)
}

// ConstraintError says that rows break a constraint.
type ConstraintError struct {
	Database string
	Table    string
	Name     string
	Err      error // the server's
}

// Error says what to do.
func (e *ConstraintError) Error() string {
	return fmt.Sprintf("validate the constraint %s of %s in %s: %v; correct or delete the rows that break it", e.Name, e.Table, e.Database, e.Err)
}

// Unwrap gives the server's error.
func (e *ConstraintError) Unwrap() error { return e.Err }
