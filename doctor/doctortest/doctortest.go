package doctortest

import (
	"path/filepath"
	"slices"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

// Postgres makes an empty homeserver's database of our schema set, with a role of its own that is no superuser. The session is its
// owner's.
func Postgres(t testing.TB) (*dbtest.Database, engine.Session, doctor.Options) {
	t.Helper()
	database := dbtest.NewDatabase(t)
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, session)
	return database, session, options(t, doctor.Database{Label: "master", Postgres: config})
}

// SQLite makes an empty homeserver's database of our schema set in a file.
func SQLite(t testing.TB) (path string, session engine.Session, _ doctor.Options) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "homeserver.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	prepare(t, session)
	return path, session, options(t, doctor.Database{Label: "master", SQLitePath: path})
}

func prepare(t testing.TB, session engine.Session) {
	t.Helper()
	t.Cleanup(func() { _ = session.Close() }) // a test may have closed it
	if _, err := schema.Prepare(t.Context(), session, set(t), schema.Options{Config: homeserver.Config{ServerName: "demo.test"}}); err != nil {
		t.Fatal(err)
	}
}

func set(t testing.TB) *schema.Set {
	t.Helper()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func options(t testing.TB, database doctor.Database) doctor.Options {
	ours := set(t)
	return doctor.Options{
		Databases: []doctor.Database{database}, ServerName: "demo.test",
		SetOf: func(string, schema.Owner) (*schema.Set, error) { return ours, nil },
	}
}

// Exec runs statements.
func Exec(t testing.TB, session engine.Session, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if err := session.ExecAlone(t.Context(), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// Check looks at the databases.
func Check(t testing.TB, options doctor.Options) []finding.Finding {
	t.Helper()
	report, err := doctor.Check(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return report.Findings
}

// Findings are those of one ID.
func Findings(t testing.TB, options doctor.Options, id string) []finding.Finding {
	t.Helper()
	return slices.DeleteFunc(Check(t, options), func(one finding.Finding) bool { return one.ID != id })
}

// MustBeHealthy fails when anything above Info is found.
func MustBeHealthy(t testing.TB, options doctor.Options) {
	t.Helper()
	for _, one := range Check(t, options) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
	}
}
