package sqlite

import (
	"context"
	"fmt"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Type is the class in which SQLite stores one value. It belongs to the value, not to the column.
type Type int

// The storage classes, with SQLite's own numbers.
const (
	Integer Type = lib.SQLITE_INTEGER
	Float   Type = lib.SQLITE_FLOAT
	Text    Type = lib.SQLITE_TEXT
	Blob    Type = lib.SQLITE_BLOB
	Null    Type = lib.SQLITE_NULL
)

// String returns the name that SQLite's typeof() gives the class.
func (t Type) String() string {
	switch t {
	case Integer:
		return "integer"
	case Float:
		return "real"
	case Text:
		return "text"
	case Blob:
		return "blob"
	case Null:
		return "null"
	}
	return fmt.Sprintf("type %d", int(t))
}

// Rows is the result of one query, read row by row. The methods that read a value are for the row that the last
// Next returned, and for columns 0 to len(Columns())-1. None of them allocates.
type Rows struct {
	reader    *Reader
	ctx       context.Context //nolint:containedctx // ends with the query; a row has no context of its own
	tls       *libc.TLS
	statement uintptr
	query     string
	columns   []string
	done      bool
}

// Next moves to the next row and reports whether there is one. After false or an error there is none,
// and the rows only wait for Close. When the query's context ends, the error wraps its cause.
func (rows *Rows) Next() (bool, error) {
	if rows.done {
		return false, nil
	}
	if rows.ctx.Err() != nil {
		return false, rows.stop(lib.SQLITE_INTERRUPT)
	}
	rows.reader.follow(rows.ctx)
	code := lib.Xsqlite3_step(rows.tls, rows.statement)
	if code == lib.SQLITE_ROW {
		return true, nil
	}
	return false, rows.stop(code)
}

// stop ends the statement, so that it holds no lock while the caller still has to close the rows.
func (rows *Rows) stop(code int32) error {
	rows.done = true
	var err error
	if code != lib.SQLITE_DONE {
		err = rows.failure(code)
	}
	lib.Xsqlite3_reset(rows.tls, rows.statement)
	return err
}

func (rows *Rows) failure(code int32) error {
	if code&0xff == lib.SQLITE_INTERRUPT && rows.ctx.Err() != nil {
		return fmt.Errorf("read %q: %w", rows.query, context.Cause(rows.ctx))
	}
	return fmt.Errorf("read %q: %w", rows.query, rows.reader.explain(code))
}

// Close ends the query. It may be called again, and must be called before the snapshot is closed.
func (rows *Rows) Close() error {
	if rows.statement == 0 {
		return nil
	}
	rows.done = true
	lib.Xsqlite3_finalize(rows.tls, rows.statement) // its code repeats the error that Next returned
	rows.statement = 0
	delete(rows.reader.open, rows)
	return nil
}

// Columns returns the names of the columns, in order; names may repeat, as in the query.
func (rows *Rows) Columns() []string { return rows.columns }

// Type returns the class in which the value of column i is stored. Ask before reading the value:
// Int64 and Float64 of a text convert the value.
func (rows *Rows) Type(i int) Type {
	return Type(lib.Xsqlite3_column_type(rows.tls, rows.statement, int32(i)))
}

// Int64 returns the value of column i, exactly when its type is Integer, otherwise as SQLite converts it.
func (rows *Rows) Int64(i int) int64 {
	return lib.Xsqlite3_column_int64(rows.tls, rows.statement, int32(i))
}

// Float64 returns the value of column i, exactly when its type is Float, otherwise as SQLite converts it.
func (rows *Rows) Float64(i int) float64 {
	return lib.Xsqlite3_column_double(rows.tls, rows.statement, int32(i))
}

// Len returns how many bytes Append would append for column i.
func (rows *Rows) Len(i int) int {
	return int(lib.Xsqlite3_column_bytes(rows.tls, rows.statement, int32(i)))
}

// Append appends the stored bytes of the text or blob in column i to destination and returns the result. NUL and
// bytes that are not UTF-8 come as they are; only the text of a UTF-16 database is converted, to UTF-8.
// A null appends nothing, a number its decimal form.
func (rows *Rows) Append(i int, destination []byte) []byte {
	column := int32(i)
	var start uintptr
	if rows.reader.wide {
		// sqlite3_column_blob would hand out UTF-16; sqlite3_column_text converts first.
		start = rows.startWide(column)
	} else {
		// sqlite3_column_blob, for text too: unlike sqlite3_column_text it needs no terminating NUL and so no copy.
		start = lib.Xsqlite3_column_blob(rows.tls, rows.statement, column)
	}
	if start == 0 {
		return destination
	}
	length := int(lib.Xsqlite3_column_bytes(rows.tls, rows.statement, column))
	return append(destination, libc.GoBytes(start, length)...)
}

func (rows *Rows) startWide(column int32) uintptr {
	if lib.Xsqlite3_column_type(rows.tls, rows.statement, column) == lib.SQLITE_BLOB {
		return lib.Xsqlite3_column_blob(rows.tls, rows.statement, column)
	}
	return lib.Xsqlite3_column_text(rows.tls, rows.statement, column)
}
