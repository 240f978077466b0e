package server_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// open opens a session on a database, and describes it for the checks. It only reads.
func open(t *testing.T, dsn string) *finding.Subject {
	t.Helper()
	config, _, err := postgres.ParseArgs(map[string]any{"dsn": dsn})
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = session.Close() })
	doctortest.Exec(t, session, "SET default_transaction_read_only = on")
	return &finding.Subject{Label: "master", Engine: engine.Postgres, Session: session, Postgres: config}
}

// look makes all checks of the package at some time.
func look(t *testing.T, subject *finding.Subject, now time.Time) (found []finding.Finding) {
	t.Helper()
	for _, check := range server.ChecksAt(func() time.Time { return now }) {
		more, err := check.Run(t.Context(), subject)
		if err != nil {
			t.Fatalf("%s: %v", check.Name, err)
		}
		found = append(found, more...)
	}
	return found
}

// of gives the findings of an ID.
func of(found []finding.Finding, id string) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(one finding.Finding) bool { return one.ID != id })
}

// mustFind fails unless exactly one finding of an ID is there, as bad as it should be, with that piece of evidence.
// execute runs statements on a connection.
func execute(t *testing.T, connection *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := connection.Exec(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// until waits for a query to give true.
func until(t *testing.T, connection *pgx.Conn, query string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for {
		var reached bool
		if err := connection.QueryRow(ctx, query).Scan(&reached); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
		if reached {
			return
		}
	}
}
