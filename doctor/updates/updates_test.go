package updates_test

import (
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/updates"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// side is a database of upstream's kind.
type side struct {
	name    string
	session engine.Session
	options doctor.Options
}

func sides(t *testing.T) []side {
	t.Helper()
	set, err := upstream.Open("../../homeserver/upstream/testdata/schema")
	if err != nil {
		t.Fatal(err)
	}
	config, _, err := postgres.ParseArgs(dbtest.NewDatabase(t).Config)
	if err != nil {
		t.Fatal(err)
	}
	onServer, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/homeserver.db"
	inFile, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return []side{
		prepared(t, set, "postgres", onServer, doctor.Database{Label: "server", Postgres: config}),
		prepared(t, set, "sqlite", inFile, doctor.Database{Label: "file", SQLitePath: path}),
	}
}

func prepared(t *testing.T, set *schema.Set, name string, session engine.Session, database doctor.Database) side {
	t.Helper()
	t.Cleanup(func() {
		if err := session.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
		t.Fatal(err)
	}
	doctortest.Exec(t, session, "DELETE FROM background_updates")
	return side{name, session, doctor.Options{
		Databases: []doctor.Database{database}, SetOf: func(string, schema.Owner) (*schema.Set, error) { return set, nil },
	}}
}

func enqueue(name, progress, dependsOn string) string {
	return "INSERT INTO background_updates (update_name, progress_json, depends_on) VALUES ('" + name + "', '" + progress + "', '" + dependsOn + "')"
}

func TestUpdates(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   []string
		id       string
		severity finding.Severity
		evidence []string
		commands []string
		mend     string
	}{
		"pending": {
			[]string{enqueue("redactions_recheck", "{}", ""), enqueue("event_resign", "{}", "")}, updates.Pending, finding.Info,
			[]string{
				"event_resign: only the homeserver: it signs events with the server's key",
				"redactions_recheck: synapse updates run, or the homeserver",
			}, []string{"synapse updates run -c homeserver.yaml"}, "DELETE FROM background_updates",
		},
		"failed": {
			[]string{
				enqueue("redactions_recheck", "{}", ""), schema.CreateUpdateErrors(engine.Postgres),
				"INSERT INTO background_update_errors (update_name, attempts, error, failed_at) VALUES ('redactions_recheck', 5, 'no such column', 0)",
			}, updates.Failed, finding.Warning,
			[]string{"redactions_recheck: after 5 attempts, at 1970-01-01 00:00 UTC: no such column"},
			[]string{"synapse updates retry -c homeserver.yaml redactions_recheck", "synapse updates run -c homeserver.yaml"}, "DELETE FROM background_update_errors",
		},
		"unknown": {
			[]string{enqueue("of_tomorrow", "{}", "")}, updates.Unknown, finding.Warning, []string{"of_tomorrow"}, nil, "DELETE FROM background_updates",
		},
		"damaged": {
			[]string{enqueue("redactions_recheck", "{", "")}, updates.ProgressDamaged, finding.Warning, []string{"redactions_recheck: {"},
			[]string{"UPDATE background_updates SET progress_json = '{}' WHERE update_name = 'redactions_recheck';"}, "",
		},
		"in a circle": {
			[]string{enqueue("redactions_recheck", "{}", "event_resign"), enqueue("event_resign", "{}", "redactions_recheck")}, updates.Cycle, finding.Warning,
			[]string{"event_resign -> redactions_recheck -> event_resign", "redactions_recheck -> event_resign -> redactions_recheck"},
			[]string{
				"UPDATE background_updates SET depends_on = NULL WHERE update_name = 'event_resign';",
				"UPDATE background_updates SET depends_on = NULL WHERE update_name = 'redactions_recheck';",
			}, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, side := range sides(t) {
				mustFindNothing(t, side)
				doctortest.Exec(t, side.session, test.damage...)
				found := doctortest.Findings(t, side.options, test.id)
				if len(found) != 1 || found[0].Severity != test.severity {
					t.Fatalf("%s: %+v", side.name, doctortest.Check(t, side.options))
				}
				if diff := cmp.Diff(test.evidence, found[0].Evidence) + cmp.Diff(test.commands, found[0].Remedy.Commands); diff != "" {
					t.Errorf("%s: %s", side.name, diff)
				}
				mend := found[0].Remedy.Commands
				if test.mend != "" {
					mend = []string{test.mend}
				}
				doctortest.Exec(t, side.session, mend...)
				if left := doctortest.Findings(t, side.options, test.id); len(left) > 0 {
					t.Errorf("%s: afterwards %+v", side.name, left)
				}
			}
		})
	}
}

func mustFindNothing(t *testing.T, side side) {
	t.Helper()
	for _, one := range doctortest.Check(t, side.options) {
		if strings.HasPrefix(one.ID, "update") || strings.HasPrefix(one.ID, "user_directory") || one.ID == "check_failed" {
			t.Errorf("%s: %+v", side.name, one)
		}
	}
}

// An update that nobody here knows may be a newer homeserver's.
func TestUnknownUpdateWithoutFiles(t *testing.T) {
	t.Parallel()
	for _, side := range sides(t) {
		doctortest.Exec(t, side.session, enqueue("of_tomorrow", "{}", ""))
		side.options.SetOf = nil
		if found := doctortest.Findings(t, side.options, updates.Unknown); len(found) != 1 || found[0].Severity != finding.Info {
			t.Errorf("%s: %+v", side.name, found)
		}
	}
}

// A port has the user directory built again, also in a database of our homeserver's schema.
func TestUpdatesThatAPortLeaves(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.Postgres(t)
	for _, update := range homeserver.DirectoryUpdates() {
		doctortest.Exec(t, session, enqueue(update.Name, update.ProgressJSON, update.DependsOn))
	}
	if found := doctortest.Findings(t, options, updates.Pending); len(found) != 1 {
		t.Errorf("%+v", found)
	}
	for _, found := range doctortest.Check(t, options) {
		if strings.HasPrefix(found.ID, "update") && found.Severity != finding.Info {
			t.Errorf("%+v", found)
		}
	}
}

func TestUserDirectoryThatIsNeverBuilt(t *testing.T) {
	t.Parallel()
	_, onServer, serverOptions := doctortest.Postgres(t)
	_, inFile, fileOptions := doctortest.SQLite(t)
	for _, side := range []side{{"postgres", onServer, serverOptions}, {"sqlite", inFile, fileOptions}} {
		doctortest.Exec(t, side.session, "UPDATE user_directory_stream_pos SET stream_id = NULL")
		if found := doctortest.Findings(t, side.options, updates.DirectoryMissing); len(found) > 0 {
			t.Errorf("%s: without a user: %+v", side.name, found)
		}
		doctortest.Exec(t, side.session, "INSERT INTO users (name) VALUES ('@a:demo.test')")
		found := doctortest.Findings(t, side.options, updates.DirectoryMissing)
		if len(found) != 1 || found[0].Severity != finding.Warning {
			t.Errorf("%s: %+v", side.name, found)
		}
		doctortest.Exec(t, side.session, enqueue("populate_user_directory_cleanup", "{}", ""))
		if found := doctortest.Findings(t, side.options, updates.DirectoryMissing); len(found) > 0 {
			t.Errorf("%s: with an update that waits: %+v", side.name, found)
		}
		doctortest.Exec(t, side.session, "DELETE FROM background_updates", "UPDATE user_directory_stream_pos SET stream_id = 5")
		doctortest.MustBeHealthy(t, side.options)
	}
}

// A set says which updates its code cannot do without.
func TestRequiredUpdate(t *testing.T) {
	t.Parallel()
	set, err := schema.New(schema.Definition{
		Name: "small", Version: 2, CompatVersion: 1, Engines: []engine.Kind{engine.SQLite},
		Files: fstest.MapFS{
			"main/full_schemas/1/full.sql.sqlite": {Data: []byte("CREATE TABLE a (i integer);")},
			"main/delta/2/01.sql":                 {Data: []byte("CREATE TABLE b (i integer);")},
		},
		RequiredUpdates: []schema.RequiredUpdate{{Name: "fill_a", Version: 2}},
	})
	if err != nil {
		t.Fatal(err)
	}
	path := t.TempDir() + "/homeserver.db"
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	side := prepared(t, set, "sqlite", session, doctor.Database{Label: "file", SQLitePath: path})
	mustFindNothing(t, side)
	doctortest.Exec(t, session, enqueue("fill_a", "{}", ""))
	found := doctortest.Findings(t, side.options, updates.RequiredPending)
	if len(found) != 1 || found[0].Severity != finding.Error || found[0].Evidence[0] != "fill_a" {
		t.Errorf("%+v", found)
	}
	doctortest.Exec(t, session, "DELETE FROM background_updates")
	mustFindNothing(t, side)
}

// What a real homeserver has not done yet is worth knowing, and no more.
func TestRealPendingUpdates(t *testing.T) {
	t.Parallel()
	path, ok := dbtest.CopyData(t, "homeserver-94-pending.sqlite")
	if !ok {
		return
	}
	options := doctor.Options{Databases: []doctor.Database{{Label: "file", SQLitePath: path}}}
	found := doctortest.Findings(t, options, updates.Pending)
	if len(found) != 1 || len(found[0].Evidence) != 3 {
		t.Errorf("%+v", found)
	}
	for _, line := range found[0].Evidence {
		if !strings.HasSuffix(line, ": synapse updates run, or the homeserver") {
			t.Errorf("%q", line)
		}
	}
}
