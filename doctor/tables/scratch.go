package tables

import (
	"context"
	"crypto/rand"
	"errors"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// scratch is a session on an empty PostgreSQL schema in a transaction that ends with a rollback: all that is made through it
// was never there. What other sessions use it does not touch, so no lock of it keeps anybody waiting.
type scratch struct {
	engine.Session

	tx engine.Tx
}

// errUndone ends the transaction.
var errUndone = errors.New("undone")

// withScratch lets work make tables beside those of the database. The role needs the right CREATE on the database.
func withScratch(ctx context.Context, session engine.Session, work func(engine.Session) error) error {
	err := session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		name := postgres.QuoteIdentifier("synapse_check_" + strings.ToLower(rand.Text()))
		for _, statement := range []string{"CREATE SCHEMA " + name, "SET LOCAL search_path TO " + name} {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		if err := work(&scratch{Session: session, tx: tx}); err != nil {
			return err
		}
		return errUndone
	})
	if errors.Is(err, errUndone) {
		return nil
	}
	return err
}

// Transact works in the one transaction that there is.
func (s *scratch) Transact(_ context.Context, _ engine.TxOptions, work func(engine.Tx) error) error {
	return work(s.tx)
}

// ExecAlone runs what would be outside of a transaction on tables that others use.
func (s *scratch) ExecAlone(ctx context.Context, statement string) error {
	_, err := s.tx.Exec(ctx, strings.Replace(statement, " CONCURRENTLY", "", 1))
	return err
}

// BuildIndex builds it at once: the table is empty.
func (s *scratch) BuildIndex(ctx context.Context, index engine.Index) error {
	return s.ExecAlone(ctx, index.Statement(postgres.QuoteIdentifier, ""))
}

// DropIndex drops it in the transaction.
func (s *scratch) DropIndex(ctx context.Context, _, name string) error {
	return s.ExecAlone(ctx, "DROP INDEX IF EXISTS "+postgres.QuoteIdentifier(name))
}

// ChangeTable has no need to give up.
func (s *scratch) ChangeTable(ctx context.Context, statement string) error {
	return s.ExecAlone(ctx, statement)
}

// LockSchema locks nobody out: nobody else sees the tables.
func (s *scratch) LockSchema(context.Context, func(string)) (func() error, error) {
	return unlocked, nil
}

// LockUpdates is the same.
func (s *scratch) LockUpdates(context.Context, func(string)) (func() error, error) {
	return unlocked, nil
}

// LockNamed is the same.
func (s *scratch) LockNamed(context.Context, string, string, func(string)) (func() error, error) {
	return unlocked, nil
}

func unlocked() error { return nil }

// OtherSessions are none of these tables'.
func (s *scratch) OtherSessions(context.Context) ([]string, error) { return nil, nil }
