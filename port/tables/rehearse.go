package tables

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// rehearsal creates a set so that nothing stays of it, to learn what the tables of an empty target will be.
type rehearsal struct {
	engine.Session

	end func() error
}

// rehearse creates the set: on SQLite in memory, on PostgreSQL in a transaction that is rolled back, on MySQL as temporary tables. The
// session is nil for a file of SQLite that is not there yet.
func rehearse(ctx context.Context, session engine.Session, on engine.Kind, set *schema.Set, options schema.Options) (*rehearsal, error) {
	made, err := newRehearsal(ctx, session, on)
	if err != nil {
		return nil, err
	}
	if _, err := schema.Prepare(ctx, made, set, options); err != nil {
		return nil, errors.Join(fmt.Errorf("try out how the tables of %s are created: %w", set.Name(), err), made.end())
	}
	return made, nil
}

func newRehearsal(ctx context.Context, session engine.Session, on engine.Kind) (*rehearsal, error) {
	switch on {
	case engine.Postgres:
		if _, err := session.Exec(ctx, "BEGIN"); err != nil {
			return nil, err
		}
		return &rehearsal{Session: inside{session}, end: func() error {
			_, err := session.Exec(context.WithoutCancel(ctx), "ROLLBACK")
			return err
		}}, nil
	case engine.MySQL:
		return &rehearsal{Session: &temporary{Session: session}, end: func() error { return nil }}, nil
	default:
		memory, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ":memory:"}, nil)
		if err != nil {
			return nil, err
		}
		return &rehearsal{Session: memory, end: memory.Close}, nil
	}
}

// inside is a session in whose transaction everything happens.
type inside struct{ engine.Session }

// Transact works in the transaction that there is.
func (s inside) Transact(_ context.Context, _ engine.TxOptions, work func(engine.Tx) error) error {
	return work(s.Session)
}

// ExecAlone makes an index as a transaction can; what else runs alone changes no table.
func (s inside) ExecAlone(ctx context.Context, statement string) error {
	words := strings.Fields(withoutComments(statement))
	place := slices.IndexFunc(words, func(word string) bool { return strings.EqualFold(word, "CONCURRENTLY") })
	if place < 0 || !strings.EqualFold(words[0], "CREATE") {
		return nil
	}
	_, err := s.Exec(ctx, strings.Join(slices.Delete(words, place, place+1), " "))
	return err
}

// temporary is a session of MySQL on which tables are made as temporary ones: they end with it, and nobody else sees them.
type temporary struct {
	engine.Session

	names []string
}

// allowed are the first words of statements that work on temporary tables only, when there are no others.
var allowed = []string{"INSERT", "UPDATE", "DELETE", "ALTER TABLE", "CREATE INDEX", "CREATE UNIQUE INDEX", "ANALYZE"} //nolint:gochecknoglobals // constant

const createTable = "CREATE TABLE "

// Exec makes tables as temporary ones.
func (t *temporary) Exec(ctx context.Context, statement string, values ...any) (int64, error) {
	statement = withoutComments(statement)
	plain := strings.ToUpper(statement)
	if strings.HasPrefix(plain, createTable) {
		rest := strings.TrimSpace(statement[len(createTable):])
		if exists := "IF NOT EXISTS "; strings.HasPrefix(strings.ToUpper(rest), exists) {
			rest = strings.TrimSpace(rest[len(exists):])
		}
		t.names = append(t.names, strings.Trim(rest[:strings.IndexAny(rest+" ", " (\n\t")], "`"))
		return t.Session.Exec(ctx, "CREATE TEMPORARY TABLE "+withoutForeignKeys(rest), values...)
	}
	if strings.HasPrefix(plain, "ALTER TABLE") && strings.Contains(plain, "FOREIGN KEY") {
		return 0, nil
	}
	for _, words := range allowed {
		if strings.HasPrefix(plain, words) {
			return t.Session.Exec(ctx, statement, values...)
		}
	}
	first, _, _ := strings.Cut(statement, "(")
	return 0, fmt.Errorf("%q cannot be tried out on temporary tables: let the program that the tables are for create them in the target", first)
}

// withoutComments takes away the lines of comments before a statement.
func withoutComments(statement string) string {
	statement = strings.TrimSpace(statement)
	for strings.HasPrefix(statement, "--") {
		_, rest, _ := strings.Cut(statement, "\n")
		statement = strings.TrimSpace(rest)
	}
	return statement
}

// Transact needs no transaction: who fails gives up all of it.
func (t *temporary) Transact(_ context.Context, _ engine.TxOptions, work func(engine.Tx) error) error {
	return work(t)
}

// ExecAlone runs a statement.
func (t *temporary) ExecAlone(ctx context.Context, statement string) error {
	_, err := t.Exec(ctx, statement)
	return err
}

// LockSchema locks nothing: nobody else sees the tables.
func (t *temporary) LockSchema(context.Context, func(string)) (func() error, error) {
	return func() error { return nil }, nil
}

// Describe names the tables.
func (t *temporary) Describe(context.Context) (*engine.Catalog, error) {
	catalog := &engine.Catalog{}
	for _, name := range t.names {
		catalog.Tables = append(catalog.Tables, engine.Table{Name: name})
	}
	return catalog, nil
}
