package split_test

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port/split"
	"github.com/synapsedb/synapse/schema"
)

func sets() map[string]func(testing.TB) *schema.Set {
	return map[string]func(testing.TB) *schema.Set{"ours": ours, "upstream's": upstreams}
}

func TestStateIsMovedAndTheServerGoesOn(t *testing.T) {
	t.Parallel()
	for engineName, at := range places() {
		for setName, setOf := range sets() {
			t.Run(engineName+" "+setName, func(t *testing.T) {
				t.Parallel()
				set := setOf(t)
				from, to := at.filled(t, set), at.empty(t)
				before := rowsOf(t, from, tablesOf(set)...)
				report := mustRun(t, split.Options{Source: from, Target: to, Set: set, ServerName: serverName})
				if report.Result != split.Done || report.Leftover || report.Rows < groups {
					t.Errorf("report: %+v", report)
				}
				to.Logical = []string{"state"}
				if diff := cmp.Diff(before, rowsOf(t, to, tablesOf(set)...)); diff != "" {
					t.Error(diff)
				}
				if diff := cmp.Diff(before, rowsOf(t, from, tablesOf(set)...)); diff != "" {
					t.Errorf("the source is another one: %s", diff)
				}
				sameAsPrepared(t, at, set, to)
				if err := open(t, set, from, to).Close(); err != nil {
					t.Fatal(err)
				}
			})
		}
	}
}

// sameAsPrepared compares the catalog with that of a database which the set has made for state.
func sameAsPrepared(t *testing.T, at place, set *schema.Set, database split.Database) {
	t.Helper()
	fresh := at.prepared(t, set, "state")
	var catalogs [2]*engine.Catalog
	for i, one := range []split.Database{fresh, database} {
		on(t, one, func(ctx context.Context, session engine.Session) (err error) {
			catalogs[i], err = session.Describe(ctx)
			return err
		})
	}
	if diff := cmp.Diff(catalogs[0], catalogs[1]); diff != "" {
		t.Errorf("the tables are others than a new database has: %s", diff)
	}
	const recorded = "SELECT coalesce(max(version), 0) * 1000 + (SELECT compat_version FROM schema_compat_version) + (SELECT count(*) FROM applied_schema_deltas) FROM schema_version"
	if fresh, got := number(t, fresh, recorded), number(t, database, recorded); fresh != got {
		t.Errorf("what is recorded differs: %d, want %d", got, fresh)
	}
}

func TestNextStateGroupHasTheNextNumber(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onPostgres.filled(t, set), onPostgres.empty(t)
	report := mustRun(t, split.Options{Source: from, Target: to, Set: set})
	want := []split.SequenceReport{
		{Sequence: "state_group_id_seq", Next: groups + 21},
		{Sequence: "state_groups_pending_deletion_sequence_number_seq", Next: 3},
	}
	if diff := cmp.Diff(want, report.Sequences); diff != "" {
		t.Error(diff)
	}
	opened := open(t, set, from, to)
	state := opened.Logical("state")
	var id, deletion int64
	err := state.QueryRow(t.Context(), "INSERT INTO state_groups (id, room_id, event_id) VALUES (nextval('state_group_id_seq'), '!r', '$e') RETURNING id").Scan(&id)
	if err == nil {
		err = state.QueryRow(t.Context(), "INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (7, 1) RETURNING sequence_number").Scan(&deletion)
	}
	if err != nil {
		t.Fatal(err)
	}
	if id != groups+21 || deletion != 3 {
		t.Errorf("the next state group is %d, the next deletion %d", id, deletion)
	}
	if err := opened.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestSequenceThatIsBehindItsTableIsPutAhead(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onPostgres.filled(t, set), onPostgres.empty(t)
	execute(t, from, "SELECT setval('state_group_id_seq', 1, false)")
	mustRun(t, split.Options{Source: from, Target: to, Set: set})
	if next := number(t, to, "SELECT nextval('state_group_id_seq')"); next != groups+1 {
		t.Errorf("the next state group is %d", next)
	}
}

func TestCounterOfAnSQLiteTableGoesOver(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onSQLite.filled(t, set), onSQLite.empty(t)
	mustRun(t, split.Options{Source: from, Target: to, Set: set})
	const insert = "INSERT INTO state_groups_pending_deletion (state_group, insertion_ts) VALUES (7, 1) RETURNING sequence_number"
	if next := number(t, to, insert); next != 3 {
		t.Errorf("the next number is %d, although 2 was given out", next)
	}
}

func TestEmptySource(t *testing.T) {
	t.Parallel()
	for name, at := range places() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			from, to := at.prepared(t, ours(t), both()...), at.empty(t)
			if report := mustRun(t, split.Options{Source: from, Target: to, Set: ours(t)}); report.Rows != 0 {
				t.Errorf("%d rows", report.Rows)
			}
			if to.Postgres != nil {
				if next := number(t, to, "SELECT nextval('state_group_id_seq')"); next != 1 {
					t.Errorf("the first state group is %d", next)
				}
			}
		})
	}
}

func TestOtherSchemasOfPostgres(t *testing.T) {
	t.Parallel()
	inSchema := func(name string) split.Database {
		database := dbtest.NewDatabase(t)
		config := map[string]any{"options": "-c search_path=" + name}
		maps.Copy(config, database.Config)
		conn := database.Connect(t)
		if _, err := conn.Exec(t.Context(), "CREATE SCHEMA "+name); err != nil {
			t.Fatal(err)
		}
		_ = conn.Close(t.Context())
		database.Config = config
		return described(t, database)
	}
	set := ours(t)
	from := inSchema("old")
	from.Logical = both()
	fill(t, from, set)
	to := inSchema("new")
	mustRun(t, split.Options{Source: from, Target: to, Set: set})
	if rows := number(t, to, `SELECT count(*) FROM "new".state_groups`); rows != groups {
		t.Errorf("%d state groups", rows)
	}
}

func TestSourceFileIsNotTouched(t *testing.T) {
	t.Parallel()
	from := onSQLite.filled(t, ours(t))
	before := dbtest.Listing(t, filepath.Dir(from.SQLitePath))
	to := onSQLite.empty(t)
	mustRun(t, split.Options{Source: from, Target: to, Set: ours(t)})
	if diff := cmp.Diff(before, dbtest.Listing(t, filepath.Dir(from.SQLitePath))); diff != "" {
		t.Error(diff)
	}
	entries, err := os.ReadDir(filepath.Dir(to.SQLitePath))
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != filepath.Base(to.SQLitePath) {
		t.Errorf("the folder of the target holds %v", entries)
	}
}

func TestValuesOfEveryKindAreCopiedAsSQLiteHoldsThem(t *testing.T) {
	t.Parallel()
	set := ours(t)
	from, to := onSQLite.prepared(t, set, both()...), onSQLite.empty(t)
	execute(t, from, `INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES
		(9223372036854775807, x'', x'ff00', '', CAST(x'ff41' AS TEXT)), (-9223372036854775808, 'a' || char(0) || 'b', 1.5, -0.0, '1'), ('text', 'x', 'y', 'z', '')`)
	mustRun(t, split.Options{Source: from, Target: to, Set: set})
	const query = `SELECT group_concat(typeof(state_group) || hex(state_group) || typeof(room_id) || hex(room_id) || typeof(type) || hex(type) ||
		typeof(state_key) || hex(state_key) || hex(event_id), ' ') FROM (SELECT * FROM state_groups_state ORDER BY rowid)`
	if diff := cmp.Diff(text(t, from, query), text(t, to, query)); diff != "" {
		t.Error(diff)
	}
}

// The large table is copied and compared in several parts, by several workers.
func TestTableOfManyParts(t *testing.T) {
	t.Parallel()
	from, to := onPostgres.filled(t, ours(t)), onPostgres.empty(t)
	execute(t, from, "INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) "+
		"SELECT i, '!large', 'm.room.member', '@' || i, repeat('x', 1900) FROM generate_series(1, 20000) AS i",
		"DELETE FROM state_groups_state WHERE room_id = '!large' AND state_group % 3 = 0")
	const pages = "SELECT pg_relation_size('state_groups_state') / current_setting('block_size')::int"
	if count := number(t, from, pages); count < 4100 {
		t.Fatalf("%d pages are one part or two", count)
	}
	report := mustRun(t, split.Options{Source: from, Target: to, Set: ours(t), Workers: 3})
	const rows = "SELECT count(*) * 1000000 + count(DISTINCT state_key) FROM state_groups_state"
	if want, got := number(t, from, rows), number(t, to, rows); want != got || report.Rows < 13000 {
		t.Errorf("%d, want %d; %d rows reported", got, want, report.Rows)
	}
	sameAsPrepared(t, onPostgres, ours(t), to)
}
