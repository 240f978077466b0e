package tables_test

import (
	"slices"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// look runs the checks of this package alone, on a session that reads, as the doctor has them run. An error of a check fails
// the test.
func look(t *testing.T, options doctor.Options) (found []finding.Finding) {
	t.Helper()
	subject := subjectOf(t, options)
	defer func() { _ = subject.Session.Close() }()
	for _, check := range tables.Checks() {
		some, err := check.Run(t.Context(), subject)
		if err != nil {
			t.Fatalf("%s: %v", check.Name, err)
		}
		found = append(found, some...)
	}
	return found
}

func subjectOf(t *testing.T, options doctor.Options) *finding.Subject {
	t.Helper()
	database := options.Databases[0]
	subject := &finding.Subject{Engine: engine.Postgres, Deep: options.Deep}
	if database.Postgres == nil {
		subject.Engine = engine.SQLite
	}
	subject.Session = openToRead(t, database)
	state, err := schema.ReadState(t.Context(), subject.Session)
	if err != nil {
		t.Fatal(err)
	}
	subject.Owner = state.Owner
	if options.SetOf == nil {
		return subject
	}
	if subject.Set, err = options.SetOf(subject.Session.Name(), state.Owner); err != nil {
		t.Fatal(err)
	}
	return subject
}

func openToRead(t *testing.T, database doctor.Database) engine.Session {
	t.Helper()
	if database.Postgres == nil {
		session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: database.SQLitePath}.ReadOnly(), nil)
		if err != nil {
			t.Fatal(err)
		}
		return session
	}
	session := open(t, database)
	doctortest.Exec(t, session, "SET default_transaction_read_only = on")
	return session
}

// of are the findings of one ID.
func of(found []finding.Finding, id string) []finding.Finding {
	return slices.DeleteFunc(slices.Clone(found), func(one finding.Finding) bool { return one.ID != id })
}

func lookFor(t *testing.T, options doctor.Options, id string) []finding.Finding {
	t.Helper()
	return of(look(t, options), id)
}
