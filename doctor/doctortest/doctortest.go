package doctortest

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
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

// emptyFile is the content of a file with an empty homeserver's database. It is a variable of the package since all tests of a binary
// share what takes a second to make.
var emptyFile dbtest.Once[string, []byte]

// Postgres makes an empty homeserver's database of our schema set, with a role of its own that is no superuser. The session is its
// owner's. The tables are made once in a test binary, and copied.
func Postgres(t testing.TB) (*dbtest.Database, engine.Session, doctor.Options) {
	t.Helper()
	database := dbtest.NewPreparedDatabase(t, "doctortest", func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		_, session := open(t, empty)
		prepare(t, session)
	})
	config, session := open(t, database)
	t.Cleanup(func() { _ = session.Close() }) // a test may have closed it
	return database, session, options(t, doctor.Database{Label: "master", Postgres: config})
}

func open(t testing.TB, database *dbtest.Database) (*postgres.Config, engine.Session) {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return config, session
}

// SQLite makes an empty homeserver's database of our schema set in a file. The tables are made once in a test binary, and copied.
func SQLite(t testing.TB) (path string, session engine.Session, _ doctor.Options) {
	t.Helper()
	content := emptyFile.Get(t, "homeserver.db", func() []byte { return makeFile(t) })
	path = filepath.Join(t.TempDir(), "homeserver.db")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	session = openFile(t, path)
	t.Cleanup(func() { _ = session.Close() }) // a test may have closed it
	return path, session, options(t, doctor.Database{Label: "master", SQLitePath: path})
}

func openFile(t testing.TB, path string) engine.Session {
	t.Helper()
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return session
}

// makeFile gives the content of a new file. Nothing of it is left in a file beside it when its only session has ended.
func makeFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "empty.db")
	prepare(t, openFile(t, path))
	if _, err := os.Stat(path + "-wal"); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("a file lies beside the database: %v", err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// prepare makes the tables, and ends the session.
func prepare(t testing.TB, session engine.Session) {
	t.Helper()
	_, err := schema.Prepare(t.Context(), session, set(t), schema.Options{Config: homeserver.Config{ServerName: "demo.test"}})
	if err := errors.Join(err, session.Close()); err != nil {
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

// MustFind expects one finding of an ID that says all there is to say, with a text in its evidence.
func MustFind(t testing.TB, options doctor.Options, id string, severity finding.Severity, evidence string) finding.Finding {
	t.Helper()
	return MustBeOne(t, Findings(t, options, id), id, severity, evidence)
}

// MustBeOne expects the same of findings that are there.
func MustBeOne(t testing.TB, found []finding.Finding, id string, severity finding.Severity, evidence string) finding.Finding {
	t.Helper()
	if len(found) != 1 || found[0].Severity != severity || !strings.Contains(strings.Join(found[0].Evidence, "\n"), evidence) {
		t.Fatalf("of %s, as %s with %q: %+v", id, severity, evidence, found)
	}
	if found[0].What == "" || found[0].Meaning == "" || found[0].Remedy.Text == "" {
		t.Errorf("%s does not say all: %+v", id, found[0])
	}
	return found[0]
}

// MustNotFind expects nothing of an ID.
func MustNotFind(t testing.TB, options doctor.Options, id string) {
	t.Helper()
	if found := Findings(t, options, id); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
}
