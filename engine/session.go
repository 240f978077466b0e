package engine

import (
	"context"
	"database/sql"
)

// Querier runs statements, one at a time. A "?" outside of quotes and comments stands for the next value, on every engine,
// and "??" is PostgreSQL's operator "?" there. A statement without values is sent as it is.
type Querier interface {
	// Engine is the product behind it.
	Engine() Kind
	// Exec runs a statement and returns how many rows it inserted, updated or deleted.
	Exec(ctx context.Context, statement string, values ...any) (affected int64, err error)
	// Query runs a query; the caller closes the rows before it runs the next statement.
	Query(ctx context.Context, query string, values ...any) (*sql.Rows, error)
	// QueryRow runs a query for one row; what went wrong is told by its Scan.
	QueryRow(ctx context.Context, query string, values ...any) *sql.Row
	// Prepare compiles a statement that is run several times; the caller closes it, within the transaction.
	Prepare(ctx context.Context, statement string) (*sql.Stmt, error)
}

// Tx is a Querier whose statements are one transaction. Who runs it commits it; work that is given one only works in it.
type Tx = Querier

// TxOptions changes how a Session's transaction runs.
type TxOptions struct {
	// KeysUnchecked turns SQLite's foreign keys off for the transaction, and has all of them checked before the commit,
	// which is what rewriting a table needs (https://www.sqlite.org/lang_altertable.html#otheralter). The other engines
	// ignore it.
	KeysUnchecked bool
}

// Session is one connection on which a schema is created or changed. It is used by one goroutine.
type Session interface { //nolint:interfacebloat // each is something that every engine does in its own way
	// Querier runs statements outside of a transaction.
	Querier
	// Builder changes tables beside those who use them.
	Builder

	// Name is the database in words, for messages: a path, or a server and a database's name. It holds no secret.
	Name() string

	// Transact runs work in a transaction that writes, and commits it; it rolls back when work fails. What the engine
	// wants repeated (a lock, a deadlock) is repeated: work must be able to run more than once.
	Transact(ctx context.Context, options TxOptions, work func(Tx) error) error

	// ExecAlone runs a statement that cannot run in a transaction, such as VACUUM or CREATE INDEX CONCURRENTLY, and
	// first removes what an interrupted run of the same statement left behind.
	ExecAlone(ctx context.Context, statement string) error

	// LockSchema waits until no other session holds the lock, which every process takes that changes the schema of this
	// database. After a second it calls waiting, once, with who holds it. The lock ends with the session at the latest.
	LockSchema(ctx context.Context, waiting func(holder string)) (unlock func() error, err error)

	// LockUpdates is LockSchema with a lock of its own, for the process that runs the database's background updates. Who
	// holds it works beside servers and for long: OtherSessions of other sessions show it, so that an upgrade is refused
	// meanwhile.
	LockUpdates(ctx context.Context, waiting func(holder string)) (unlock func() error, err error)

	// LockNamed is LockUpdates for work of any other kind, each with a lock of its own for every name. The kind is one short word in small
	// letters, and part of what others see of the session; the name is any text. A database in SQLite's memory has no such lock.
	LockNamed(ctx context.Context, kind, name string, waiting func(holder string)) (unlock func() error, err error)

	// OtherSessions describes, each in words for an operator, who else is connected to the database, apart from this
	// session and from others that change its schema or wait to.
	OtherSessions(ctx context.Context) ([]string, error)

	// SessionsAtWork counts the other sessions of the server, of any database, that are running a statement and do not wait for
	// a lock, as far as this session's user may see them. SQLite, which has no server, has none.
	SessionsAtWork(ctx context.Context) (int, error)

	// Describe reads the catalog.
	Describe(ctx context.Context) (*Catalog, error)

	// TransactionalDDL reports whether statements like CREATE TABLE are undone by a rollback. With MySQL and MariaDB
	// they are not: each commits by itself.
	TransactionalDDL() bool

	// Close ends the session.
	Close() error
}

// Catalog is what a database consists of, without the engine's own tables and what an extension brought. All its lists
// are sorted by name.
type Catalog struct {
	Tables  []Table  `json:"tables"`
	Objects []Object `json:"objects"`
}

// Table is an ordinary or virtual table.
type Table struct {
	Name    string   `json:"name"`
	Columns []Column `json:"columns"` // in their own order
}

// Column is one column of a table.
type Column struct {
	Name    string `json:"name"`
	Type    string `json:"type"` // as the engine spells it
	NotNull bool   `json:"not_null"`
	Default string `json:"default,omitempty"` // an expression, as the engine spells it
}

// Object is whatever else there is.
type Object struct {
	Type       string `json:"type"` // index, constraint, foreign key, trigger, view, sequence, function
	Name       string `json:"name"`
	Table      string `json:"table,omitempty"`      // it belongs to
	Definition string `json:"definition,omitempty"` // as the engine spells it
}

// Table returns the table of that name, or nil.
func (c *Catalog) Table(name string) *Table {
	for i := range c.Tables {
		if c.Tables[i].Name == name {
			return &c.Tables[i]
		}
	}
	return nil
}

// Column returns the column of that name, or nil.
func (t *Table) Column(name string) *Column {
	for i := range t.Columns {
		if t.Columns[i].Name == name {
			return &t.Columns[i]
		}
	}
	return nil
}
