package tables_test

import (
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// What an administrator has set for a database of PostgreSQL changes no value.
func TestSettingsOfADatabase(t *testing.T) {
	t.Parallel()
	want := contentsOf(t, filled(t, engine.SQLite))
	source, back := filled(t, engine.SQLite), anyengine.New(t, engine.SQLite)
	first, second := anyengine.New(t, engine.Postgres), anyengine.New(t, engine.Postgres)
	for _, database := range []anyengine.Database{first, second} {
		database.With(t, func(session engine.Session) error {
			for _, setting := range []string{
				"timezone = 'America/New_York'", "datestyle = 'German, DMY'", "intervalstyle = 'iso_8601'", "extra_float_digits = -5", "bytea_output = 'escape'",
				"default_transaction_isolation = 'serializable'", "synchronous_commit = off", "statement_timeout = 60000",
			} {
				exec(t, session, "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET "+quoted(setting)+"', current_database()); END $$")
			}
			return nil
		})
	}
	move(t, source, first, sample(t))
	move(t, first, second, sample(t))
	move(t, second, back, sample(t))
	if diff := cmp.Diff(want, contentsOf(t, back)); diff != "" {
		t.Error(diff)
	}
}

// quoted is a text inside of another one of SQL.
func quoted(text string) string {
	var twice []byte
	for i := range len(text) {
		if text[i] == '\'' {
			twice = append(twice, '\'')
		}
		twice = append(twice, text[i])
	}
	return string(twice)
}

// A set has more than plain tables: partitions, indexes that are built alone, rows of its own, sequences.
func TestSetsWithMore(t *testing.T) {
	t.Parallel()
	const folder = "library/full_schemas/1/full.sql."
	const plain = `CREATE TABLE events (id BIGINT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (id)); INSERT INTO events VALUES (1, 'brought along');`
	set := newSet(t, fstest.MapFS{
		folder + "sqlite": {Data: []byte(plain)},
		folder + "mysql":  {Data: []byte(`CREATE TABLE events (id BIGINT NOT NULL, day VARCHAR(100) NOT NULL, PRIMARY KEY (id)); INSERT INTO events VALUES (1, 'brought along');`)},
		folder + "postgres": {Data: []byte(`CREATE TABLE events (id BIGINT NOT NULL, day TEXT NOT NULL, PRIMARY KEY (id)) PARTITION BY RANGE (id);
CREATE TABLE events_early PARTITION OF events FOR VALUES FROM (MINVALUE) TO (10);
CREATE TABLE events_late PARTITION OF events FOR VALUES FROM (10) TO (MAXVALUE);
INSERT INTO events VALUES (1, 'brought along');
-- synapse: no-transaction
CREATE INDEX CONCURRENTLY IF NOT EXISTS days ON events_late (day);
`)},
	})
	for _, from := range anyengine.Engines() {
		for _, to := range anyengine.Engines() {
			t.Run(string(from)+" to "+string(to), func(t *testing.T) {
				t.Parallel()
				source, target := prepared(t, from, set), anyengine.New(t, to)
				source.With(t, func(session engine.Session) error {
					exec(t, session, "UPDATE events SET day = 'changed'")
					exec(t, session, "INSERT INTO events VALUES (5, 'x'), (500, 'y')")
					return nil
				})
				report := move(t, source, target, set)
				if report.Rows != 3 || len(report.Tables) != 1 {
					t.Errorf("%+v", report)
				}
			})
		}
	}
}

// Sequences of no column go on from PostgreSQL to PostgreSQL.
func TestSequencesOfNoColumn(t *testing.T) {
	t.Parallel()
	const folder = "library/full_schemas/1/full.sql."
	files := fs.FS(fstest.MapFS{
		folder + "sqlite": {Data: []byte("CREATE TABLE a (x TEXT);")}, folder + "mysql": {Data: []byte("CREATE TABLE a (x TEXT);")},
		folder + "postgres": {Data: []byte("CREATE TABLE a (x TEXT); CREATE SEQUENCE fresh; CREATE SEQUENCE used;")},
	})
	set := newSet(t, files)
	source, target := prepared(t, engine.Postgres, set), anyengine.New(t, engine.Postgres)
	source.With(t, func(session engine.Session) error {
		exec(t, session, "SELECT setval('used', 41)")
		return nil
	})
	move(t, source, target, set)
	target.With(t, func(session engine.Session) error {
		var fresh, used int
		err := session.QueryRow(t.Context(), "SELECT nextval('fresh'), nextval('used')").Scan(&fresh, &used)
		if fresh != 1 || used != 42 {
			t.Errorf("%d %d", fresh, used)
		}
		return err
	})
}
