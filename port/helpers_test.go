package port_test

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[portProcess](processVariable)
	playDisk()
	dbtest.Main(m, dbtest.NoLeaks())
}

func targetConfig(t testing.TB, database *dbtest.Database) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// generated holds the bytes of each demo database that a test of this binary has asked for.
var generated sync.Map

type generatedDemo struct {
	once    sync.Once
	content []byte
	report  *demo.Report
	err     error
}

func (g *generatedDemo) generate(t testing.TB, options demo.Options) {
	path := filepath.Join(t.TempDir(), "demo.sqlite")
	if g.report, g.err = demo.Generate(t.Context(), path, options); g.err == nil {
		g.content, g.err = os.ReadFile(path)
	}
}

// demoSource returns the path of this test's own copy of a demo database, alone in its folder.
func demoSource(t testing.TB, options demo.Options) string {
	t.Helper()
	path, _ := demoSourceReport(t, options)
	return path
}

// demoSourceReport also says what was generated.
func demoSourceReport(t testing.TB, options demo.Options) (string, *demo.Report) {
	t.Helper()
	options.Progress = nil
	type key struct {
		events                int
		seed                  int64
		name                  string
		plain, badValues, wal bool
	}
	entry, _ := generated.LoadOrStore(
		key{options.Events, options.Seed, options.ServerName, options.Plain, options.BadValues, options.WAL}, &generatedDemo{})
	made, _ := entry.(*generatedDemo)
	made.once.Do(func() { made.generate(t, options) })
	if made.err != nil {
		t.Fatal(made.err)
	}
	path := filepath.Join(t.TempDir(), "homeserver.sqlite")
	if err := os.WriteFile(path, made.content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, made.report
}

// preparedTarget returns a database with the empty schema of our set, and without a session in it.
func preparedTarget(t testing.TB, options ...dbtest.Option) *dbtest.Database {
	t.Helper()
	return dbtest.NewPreparedDatabase(t, "homeserver", prepare, options...)
}

// prepare creates our schema in a database, as its owner.
func prepare(t testing.TB, database *dbtest.Database) {
	t.Helper()
	session, err := targetConfig(t, database).OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
	waitForSessionsToEnd(t, database)
}

// createOn creates our schema on a server of a test's own, as its superuser.
func createOn(t testing.TB, private *server.Postgres, database string) error {
	t.Helper()
	config, _, err := postgres.ParseArgs(map[string]any{
		"host": private.SocketDir(), "port": private.Port(), "user": private.Superuser(), "dbname": database,
	})
	if err != nil {
		return err
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		return err
	}
	return errors.Join(homeserver.Create(t.Context(), session), session.Close())
}

// waitForSessionsToEnd returns when nobody is connected to a database.
func waitForSessionsToEnd(t testing.TB, database *dbtest.Database) {
	t.Helper()
	dbtest.AwaitNoSessions(t, database.Name)
}

// portInto ports a source into a database. The rows set aside go to a folder of the test unless change says otherwise.
func portInto(
	t testing.TB, source string, database *dbtest.Database, change func(*port.Options),
) (*port.Report, error) {
	t.Helper()
	options := port.Options{
		Source: source, Target: targetConfig(t, database),
		SetAsideFile: filepath.Join(t.TempDir(), "aside.jsonl"),
	}
	if change != nil {
		change(&options)
	}
	return port.Run(t.Context(), options)
}
