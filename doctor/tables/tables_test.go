package tables_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/tables"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// The sides from which a database of our schema set is looked at: PostgreSQL without --deep and with it, and SQLite.
const (
	byName = "by name"
	deep   = "deep"
	inFile = "sqlite"
)

// place is a database of our schema set, and how it is looked at.
type place struct {
	session engine.Session
	sides   map[string]doctor.Options
}

// places are both engines'. They hold many damages at once: none touches what another one is about.
func places(t *testing.T) map[engine.Kind]*place {
	t.Helper()
	_, server, options := doctortest.Postgres(t)
	deeper := options
	deeper.Deep = true
	_, file, fileOptions := doctortest.SQLite(t)
	return map[engine.Kind]*place{
		engine.Postgres: {session: server, sides: map[string]doctor.Options{byName: options, deep: deeper}},
		engine.SQLite:   {session: file, sides: map[string]doctor.Options{inFile: fileOptions}},
	}
}

// damage is one thing that is broken.
type damage struct {
	name     string
	breaks   string
	id       string
	severity finding.Severity
	evidence string   // the beginning of it
	on       []string // the sides that see it
	mend     string   // where the finding gives no commands that do
}

func (d *damage) seenOn(side string) bool { return slices.Contains(d.on, side) }

// concerns reports whether a damage is done to an engine.
func (d *damage) concerns(place *place) bool {
	for side := range place.sides {
		if d.seenOn(side) {
			return true
		}
	}
	return false
}

func damages() []damage {
	everywhere, exactly, server, file := []string{byName, deep, inFile}, []string{deep, inFile}, []string{deep}, []string{inFile}
	return []damage{
		{"a table is missing", `DROP TABLE user_filters`, tables.TableMissing, finding.Error, "user_filters", everywhere, ""},
		{"a column is missing", `ALTER TABLE rooms DROP COLUMN room_version`, tables.ColumnMissing, finding.Error, "rooms.room_version", everywhere, ""},
		{"an index is missing", `DROP INDEX users_creation_ts_idx`, tables.IndexMissing, finding.Warning, "users_creation_ts_idx of users", everywhere, ""},
		{
			"a unique key is missing", `ALTER TABLE profiles DROP CONSTRAINT profiles_user_id_key`, tables.UniqueMissing, finding.Error,
			"profiles", []string{byName, deep}, "",
		},
		{
			"a foreign key is missing", `ALTER TABLE ex_outlier_stream DROP CONSTRAINT ex_outlier_stream_room_id_fkey`, tables.ForeignKeyMissing,
			finding.Warning, "ex_outlier_stream_room_id_fkey of ex_outlier_stream", server, "",
		},
		{
			"a check is missing", `ALTER TABLE stats_incremental_position DROP CONSTRAINT stats_incremental_position_lock_check`, tables.CheckMissing,
			finding.Warning, "stats_incremental_position_lock_check of stats_incremental_position: CHECK", server, "",
		},
		{
			"a trigger is missing", `DROP TRIGGER check_event_stream_ordering ON room_memberships`, tables.TriggerMissing, finding.Warning,
			"check_event_stream_ordering of room_memberships", server, "",
		},
		{"a trigger is missing", `DROP TRIGGER room_memberships_event_order`, tables.TriggerMissing, finding.Warning, "room_memberships_event_order of room_memberships", file, ""},
		{"a function is missing", `DROP FUNCTION check_partial_state_events() CASCADE`, tables.FunctionMissing, finding.Warning, "check_partial_state_events", server, ""},
		{"and its trigger", ``, tables.TriggerMissing, finding.Warning, "check_partial_state_events of partial_state_events", server, ""},
		{
			"a type is different", `ALTER TABLE account_validity ALTER COLUMN expiration_ts_ms TYPE integer`, tables.ColumnDifferent, finding.Warning,
			"account_validity.expiration_ts_ms: the type is integer, not bigint", server, `ALTER TABLE account_validity ALTER COLUMN expiration_ts_ms TYPE bigint`,
		},
		{
			"a default is missing", `ALTER TABLE users ALTER COLUMN admin DROP DEFAULT`, tables.ColumnDifferent, finding.Warning,
			"users.admin: the default is none, not 0", server, "",
		},
		{
			"a column must not be NULL", `ALTER TABLE rooms ALTER COLUMN creator SET NOT NULL`, tables.ColumnDifferent, finding.Error,
			"rooms.creator: it must not be NULL, and the schema allows it", server, "",
		},
		{
			"a column may be NULL", `ALTER TABLE users ALTER COLUMN is_guest DROP NOT NULL`, tables.ColumnDifferent, finding.Warning,
			"users.is_guest: it may be NULL, and the schema forbids it", server, "",
		},
		{
			"a foreign column wants a value", `ALTER TABLE room_depth ADD COLUMN of_a_module text NOT NULL`, tables.ColumnDifferent, finding.Error,
			"room_depth.of_a_module is not of the schema, and wants a value in every row", server, `ALTER TABLE room_depth DROP COLUMN of_a_module`,
		},
		{
			"an index is another one", `DROP INDEX presence_stream_stream_idx; CREATE INDEX presence_stream_stream_idx ON presence_stream (state)`,
			tables.ObjectDifferent, finding.Warning, "index presence_stream_stream_idx of presence_stream", exactly, "",
		},
		{"which is missing by name", ``, tables.IndexMissing, finding.Warning, "presence_stream_stream_idx of presence_stream", []string{byName}, ""},
		{"a table is unlogged", `ALTER TABLE erased_users SET UNLOGGED`, tables.TableUnlogged, finding.Error, "erased_users", server, ""},
		{"a table is foreign", `CREATE TABLE of_a_module (i integer)`, tables.ForeignObjects, finding.Info, "table of_a_module", exactly, `DROP TABLE of_a_module`},
		{
			"a column is foreign", `ALTER TABLE room_aliases ADD COLUMN of_a_module text`, tables.ForeignObjects, finding.Info, "column room_aliases.of_a_module", exactly,
			`ALTER TABLE room_aliases DROP COLUMN of_a_module`,
		},
		{
			"an index is foreign", `CREATE INDEX of_an_operator ON rooms (creator)`, tables.ForeignObjects, finding.Info, "index of_an_operator of rooms", exactly,
			`DROP INDEX of_an_operator`,
		},
	}
}

// Everything is broken at once, found, mended as the findings say, and gone.
func TestTablesThatAreNotAsTheSchemaSays(t *testing.T) {
	t.Parallel()
	for kind, place := range places(t) {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			for side, options := range place.sides {
				if side != deep { // TestChecksLockNoTable shows that
					doctortest.MustBeHealthy(t, options)
				}
			}
			var done []damage
			for _, damage := range damages() {
				if damage.concerns(place) {
					doctortest.Exec(t, place.session, statements(damage.breaks)...)
					done = append(done, damage)
				}
			}
			found := map[string][]finding.Finding{}
			for side, options := range place.sides {
				found[side] = look(t, options)
				mustTell(t, side, found[side], done)
			}
			if kind == engine.Postgres {
				mustPointToDeep(t, found[byName])
				mustNotBuild(t, place)
			}
			mend(t, place, slices.Concat(found[deep], found[inFile]), done)
			for side, options := range place.sides {
				for _, left := range look(t, options) {
					t.Errorf("%s: afterwards %+v", side, left)
				}
			}
		})
	}
}

func statements(text string) []string {
	return strings.FieldsFunc(text, func(letter rune) bool { return letter == ';' })
}

// mustTell: each damage is one piece of evidence, and there is no other.
func mustTell(t *testing.T, side string, found []finding.Finding, done []damage) {
	t.Helper()
	pieces := 0
	for _, one := range found {
		pieces += len(one.Evidence)
	}
	for _, damage := range done {
		if !damage.seenOn(side) {
			continue
		}
		pieces--
		at := slices.IndexFunc(found, func(one finding.Finding) bool { return one.ID == damage.id && one.Severity == damage.severity })
		if at < 0 || !slices.ContainsFunc(found[at].Evidence, func(piece string) bool { return strings.HasPrefix(piece, damage.evidence) }) {
			t.Errorf("%s: %s is not found", side, damage.name)
		}
	}
	if pieces != 0 || t.Failed() {
		t.Errorf("%s: %d pieces of evidence too many in %+v", side, pieces, found)
	}
}

// mustPointToDeep: without --deep there are no statements, but for indexes there is the fix.
func mustPointToDeep(t *testing.T, found []finding.Finding) {
	t.Helper()
	for _, one := range found {
		isIndex := one.ID == tables.IndexMissing || one.ID == tables.UniqueMissing
		if isIndex != (one.Remedy.Fix == tables.FixID) || isIndex == strings.Contains(one.Remedy.Text, "--deep") || len(one.Remedy.Commands) > 0 {
			t.Errorf("%s: %+v", one.ID, one.Remedy)
		}
	}
}

// mustNotBuild: a unique index that rows break is not built, and nothing of it is left that would hinder the next attempt.
func mustNotBuild(t *testing.T, place *place) {
	t.Helper()
	doctortest.Exec(t, place.session, "INSERT INTO profiles (full_user_id, user_id) VALUES ('@a:demo.test', 'a'), ('@b:demo.test', 'a')")
	err := doctor.ApplyFix(t.Context(), place.sides[byName], tables.FixID, true)
	if err == nil || !strings.Contains(err.Error(), "profiles_user_id_key") {
		t.Errorf("it says %v", err)
	}
	doctortest.Exec(t, place.session, "DELETE FROM profiles WHERE full_user_id = '@b:demo.test'")
}

// mend applies the fix, and runs the commands of findings as they stand, one finding after the other.
func mend(t *testing.T, place *place, found []finding.Finding, done []damage) {
	t.Helper()
	for side, options := range place.sides {
		if side == deep { // it is the same database
			continue
		}
		if err := doctor.ApplyFix(t.Context(), options, tables.FixID, true); err != nil {
			t.Fatal(err)
		}
	}
	for _, one := range found {
		if one.Remedy.Fix == "" {
			doctortest.Exec(t, place.session, one.Remedy.Commands...)
		}
	}
	for _, damage := range done {
		doctortest.Exec(t, place.session, statements(damage.mend)...)
	}
}

// lockAllSQL takes a lock on each table that only a SELECT gets past.
const lockAllSQL = `DO $$DECLARE name text; BEGIN
	FOR name IN SELECT oid::regclass FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace LOOP
		EXECUTE 'LOCK TABLE ' || name || ' IN EXCLUSIVE MODE';
	END LOOP;
END$$`

// Beside locks that only a SELECT gets past, all checks come to their end, and nothing of what they make is left.
func TestChecksLockNoTable(t *testing.T) {
	t.Parallel()
	database, _, options := doctortest.Postgres(t)
	options.Deep = true
	locker := database.Connect(t)
	for _, statement := range []string{"BEGIN", lockAllSQL} {
		if _, err := locker.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	doctortest.MustBeHealthy(t, options)
	var left int
	if err := locker.QueryRow(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname LIKE 'synapse_check%'").Scan(&left); err != nil || left > 0 {
		t.Errorf("%d schemas are left, %v", left, err)
	}
}

func TestDeepCheckSaysWhichRightIsMissing(t *testing.T) {
	t.Parallel()
	database, _, options := doctortest.Postgres(t)
	options.Deep = true
	super := database.ConnectSuperuser(t)
	for _, statement := range []string{"ALTER DATABASE " + database.Name + " OWNER TO " + dbtest.Postgres(t).Superuser(), "DROP INDEX users_creation_ts_idx"} {
		if _, err := super.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	all := doctortest.Check(t, options)
	found := of(all, "right_missing")
	if len(found) != 1 || !strings.Contains(found[0].What, "permission denied for database") {
		t.Errorf("%+v", found)
	}
	if found := of(all, tables.IndexMissing); len(found) != 1 {
		t.Errorf("by name: %+v", found)
	}
}
