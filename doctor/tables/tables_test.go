package tables_test

import (
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// side is a way to look at a database of our schema set.
type side struct {
	name    string
	session engine.Session
	options doctor.Options
}

// The sides: PostgreSQL without --deep and with it, and SQLite.
const (
	byName = "by name"
	deep   = "deep"
	inFile = "sqlite"
)

func sides(t *testing.T, names ...string) (made []side) {
	t.Helper()
	for _, name := range names {
		one := side{name: name}
		if name == inFile {
			_, one.session, one.options = doctortest.SQLite(t)
		} else {
			_, one.session, one.options = doctortest.Postgres(t)
			one.options.Deep = name == deep
		}
		made = append(made, one)
	}
	return made
}

func TestTablesThatAreNotAsTheSchemaSays(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   string
		id       string
		severity finding.Severity
		evidence string
		on       string // the sides that see it
		mend     string // instead of the commands, where there are none
	}{
		"a table is missing": {`DROP TABLE user_filters`, tables.TableMissing, finding.Error, "user_filters", "by name, deep, sqlite", ""},
		"a column is missing": {
			`ALTER TABLE rooms DROP COLUMN room_version`, tables.ColumnMissing, finding.Error, "rooms.room_version", "by name, deep, sqlite",
			`ALTER TABLE rooms ADD COLUMN room_version text`,
		},
		"an index is missing": {`DROP INDEX users_creation_ts_idx`, tables.IndexMissing, finding.Warning, "users_creation_ts_idx of users", "by name, deep, sqlite", ""},
		"a unique key is missing": {
			`ALTER TABLE profiles DROP CONSTRAINT profiles_user_id_key`, tables.UniqueMissing, finding.Error, "profiles", "by name, deep",
			`ALTER TABLE profiles ADD UNIQUE (user_id)`,
		},
		"a foreign key is missing": {
			`ALTER TABLE ex_outlier_stream DROP CONSTRAINT ex_outlier_stream_room_id_fkey`, tables.ForeignKeyMissing, finding.Warning,
			"ex_outlier_stream_room_id_fkey of ex_outlier_stream", "deep", "",
		},
		"a type is different": {
			`ALTER TABLE users ALTER COLUMN creation_ts TYPE integer`, tables.ColumnDifferent, finding.Warning,
			"users.creation_ts: the type is integer, not bigint", "deep", `ALTER TABLE users ALTER COLUMN creation_ts TYPE bigint`,
		},
		"a default is missing": {
			`ALTER TABLE users ALTER COLUMN admin DROP DEFAULT`, tables.ColumnDifferent, finding.Warning, "users.admin: the default is none, not 0", "deep", "",
		},
		"a column must not be NULL": {
			`ALTER TABLE rooms ALTER COLUMN creator SET NOT NULL`, tables.ColumnDifferent, finding.Error,
			"rooms.creator: it must not be NULL, and the schema allows it", "deep", "",
		},
		"a column may be NULL": {
			`ALTER TABLE users ALTER COLUMN admin DROP NOT NULL`, tables.ColumnDifferent, finding.Warning,
			"users.admin: it may be NULL, and the schema forbids it", "deep", "",
		},
		"a foreign column wants a value": {
			`ALTER TABLE rooms ADD COLUMN of_a_module text NOT NULL`, tables.ColumnDifferent, finding.Error,
			"rooms.of_a_module is not of the schema, and wants a value in every row", "deep", "",
		},
		"an index is another one": {
			`DROP INDEX users_creation_ts_idx; CREATE INDEX users_creation_ts_idx ON users (admin)`, tables.ObjectDifferent, finding.Warning,
			"index users_creation_ts_idx of users", "deep, sqlite", "",
		},
		"a table is unlogged": {`ALTER TABLE user_filters SET UNLOGGED`, tables.TableUnlogged, finding.Error, "user_filters", "deep", ""},
		"a table is foreign":  {`CREATE TABLE of_a_module (i integer)`, tables.ForeignObjects, finding.Info, "table of_a_module", "deep, sqlite", `DROP TABLE of_a_module`},
		"a column is foreign": {
			`ALTER TABLE rooms ADD COLUMN of_a_module text`, tables.ForeignObjects, finding.Info, "column rooms.of_a_module", "deep, sqlite",
			`ALTER TABLE rooms DROP COLUMN of_a_module`,
		},
		"an index is foreign": {
			`CREATE INDEX of_an_operator ON rooms (creator)`, tables.ForeignObjects, finding.Info, "index of_an_operator of rooms", "deep, sqlite", `DROP INDEX of_an_operator`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, side := range sides(t, strings.Split(test.on, ", ")...) {
				doctortest.MustBeHealthy(t, side.options)
				doctortest.Exec(t, side.session, strings.Split(test.damage, "; ")...)
				found := doctortest.Findings(t, side.options, test.id)
				if len(found) != 1 || found[0].Severity != test.severity || len(found[0].Evidence) != 1 || !strings.HasPrefix(found[0].Evidence[0], test.evidence) {
					t.Errorf("%s: %+v", side.name, doctortest.Check(t, side.options))
					continue
				}
				mend(t, side, found[0], test.mend)
				if left := doctortest.Findings(t, side.options, test.id); len(left) > 0 {
					t.Errorf("%s: afterwards %+v", side.name, left)
				}
			}
		})
	}
}

// mend runs the commands of a finding as they stand, the fix where there is one, or what the test says.
func mend(t *testing.T, side side, found finding.Finding, instead string) {
	t.Helper()
	switch {
	case found.Remedy.Fix != "":
		if err := doctor.ApplyFix(t.Context(), side.options, found.Remedy.Fix, true); err != nil {
			t.Errorf("%s: %v", side.name, err)
		}
	case len(found.Remedy.Commands) > 0:
		doctortest.Exec(t, side.session, found.Remedy.Commands...)
	case instead != "":
		doctortest.Exec(t, side.session, instead)
	case side.name == byName && strings.Contains(found.Remedy.Text, "--deep"):
		side.options.Deep = true
		exact := doctortest.Findings(t, side.options, found.ID)
		if len(exact) != 1 || len(exact[0].Remedy.Commands) == 0 {
			t.Fatalf("%s: %+v", side.name, exact)
		}
		mend(t, side, exact[0], "")
	default:
		t.Errorf("%s: nothing is to be done: %+v", side.name, found.Remedy)
	}
}

// Beside locks that only a SELECT gets past, a deep check comes to its end, and nothing of what it makes is left.
func TestDeepCheckLocksNoTable(t *testing.T) {
	t.Parallel()
	database, _, options := doctortest.Postgres(t)
	options.Deep = true
	locker := database.Connect(t)
	for _, statement := range []string{"BEGIN", "LOCK TABLE rooms, users, events, profiles, schema_version IN EXCLUSIVE MODE"} {
		if _, err := locker.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	for _, check := range tables.Checks() {
		mustFindNothing(t, options, check)
	}
	var left int
	if err := locker.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'synapse_check%'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}
}

func mustFindNothing(t *testing.T, options doctor.Options, check finding.Check) {
	t.Helper()
	set, err := options.SetOf("", "")
	if err != nil {
		t.Fatal(err)
	}
	session := open(t, options.Databases[0])
	subject := &finding.Subject{Engine: engine.Postgres, Session: session, Set: set, Owner: schema.Owner(set.Name()), Deep: options.Deep}
	found, err := check.Run(t.Context(), subject)
	if err != nil || len(found) > 0 {
		t.Errorf("%s: %+v, %v", check.Name, found, err)
	}
}

func TestDeepCheckSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	database, _, options := doctortest.Postgres(t)
	options.Deep = true
	super := database.ConnectSuperuser(t)
	if _, err := super.Exec(t.Context(), "ALTER DATABASE "+database.Name+" OWNER TO "+dbtest.Postgres(t).Superuser()); err != nil {
		t.Fatal(err)
	}
	found := doctortest.Findings(t, options, "right_missing")
	if len(found) != 1 || !strings.Contains(found[0].What, "permission denied for database") {
		t.Errorf("%+v", found)
	}
	if _, err := super.Exec(t.Context(), "DROP INDEX users_creation_ts_idx"); err != nil {
		t.Fatal(err)
	}
	if found := doctortest.Findings(t, options, tables.IndexMissing); len(found) != 1 {
		t.Errorf("by name: %+v", found)
	}
}

// A unique index that rows break is not built, and nothing of it is left.
func TestIndexThatRowsBreak(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, "ALTER TABLE profiles DROP CONSTRAINT profiles_user_id_key",
		"INSERT INTO profiles (full_user_id, user_id) VALUES ('@a:demo.test', 'a'), ('@b:demo.test', 'a')")
	err := doctor.ApplyFix(t.Context(), options, tables.FixID, true)
	if err == nil || !strings.Contains(err.Error(), "profiles_user_id_key") {
		t.Errorf("it says %v", err)
	}
	doctortest.Exec(t, session, "DELETE FROM profiles WHERE full_user_id = '@b:demo.test'")
	if err := doctor.ApplyFix(t.Context(), options, tables.FixID, true); err != nil {
		t.Error(err)
	}
	doctortest.MustBeHealthy(t, options)
}
