package server_test

import (
	"testing"
	"time"

	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/server"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestOurOwnSchemaIsHealthy(t *testing.T) {
	t.Parallel()
	database, _, _ := doctortest.Postgres(t)
	for _, one := range look(t, open(t, database.DSN), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
		if one.Severity != finding.Info {
			t.Errorf("%+v", one)
		}
	}
}

func TestUpstreamsSchemaIsHealthy(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"72", "94"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			database := dbtest.NewDatabase(t)
			dbtest.RestorePrepared(t, database, version)
			for _, one := range look(t, open(t, database.DSN), time.Date(2026, 11, 21, 0, 0, 0, 0, time.UTC)) {
				if one.Severity != finding.Info {
					t.Errorf("%+v", one)
				}
			}
		})
	}
}

// Each is broken, found by the owner, who is no superuser, mended by the commands of the finding, and gone.
func TestWhatIsBrokenIsFoundAndMended(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   []string // as a superuser
		id       string
		severity finding.Severity
		evidence string
		mend     []string // after the commands of the finding, as a superuser
	}{
		"synchronous_commit": {
			[]string{`ALTER DATABASE %database SET synchronous_commit = off`},
			server.SynchronousCommitOff, finding.Info, "synchronous_commit = off (database)", nil,
		},
		"synchronous_commit of the role": {
			[]string{`ALTER ROLE %database SET synchronous_commit = off`},
			server.SynchronousCommitOff, finding.Info, "synchronous_commit = off (user)", nil,
		},
		"zero_damaged_pages": {
			[]string{`ALTER DATABASE %database SET zero_damaged_pages = on`},
			server.DamageIgnored, finding.Error, "zero_damaged_pages = on (database)", nil,
		},
		"ignore_checksum_failure": {
			[]string{`ALTER ROLE %database IN DATABASE %database SET ignore_checksum_failure = on`},
			server.DamageIgnored, finding.Error, "ignore_checksum_failure = on (database user)", nil,
		},
		"autovacuum of a table": {
			[]string{`ALTER TABLE events SET (autovacuum_enabled = off, toast.autovacuum_enabled = false)`},
			server.TableAutovacuumOff, finding.Warning, "events: toast.autovacuum_enabled = false", nil,
		},
		"dead rows": {
			[]string{
				`CREATE TABLE junk (id BIGINT) WITH (autovacuum_enabled = off)`, `ALTER TABLE junk OWNER TO %database`,
				`INSERT INTO junk SELECT generate_series(1, 120000)`, `DELETE FROM junk`, `SELECT pg_stat_force_next_flush()`,
			},
			server.DeadRows, finding.Warning, "junk: about 120000 dead rows beside 0 live ones, last vacuumed: never", []string{`SELECT pg_stat_force_next_flush()`},
		},
		"bloat": {
			[]string{
				`CREATE TABLE junk (id BIGINT PRIMARY KEY, text TEXT, nothing TEXT)`, `ALTER TABLE junk OWNER TO %database`,
				`INSERT INTO junk SELECT i, repeat('x', 1200) FROM generate_series(1, 60000) AS i`, `DELETE FROM junk WHERE id % 10 > 0`, `VACUUM ANALYZE junk`,
			},
			server.Bloat, finding.Info, "table junk: about 7", nil,
		},
		"index twice": {
			[]string{`CREATE INDEX again ON events (received_ts, room_id DESC) WHERE depth > 5`, `CREATE INDEX and_again ON events (received_ts, room_id DESC) WHERE depth > 5`},
			server.IndexDuplicate, finding.Warning, "and_again on events (8 kB) is the same as again", nil,
		},
		"index beside a constraint": {
			[]string{`CREATE TABLE junk (id BIGINT)`, `CREATE UNIQUE INDEX older ON junk (id)`, `ALTER TABLE junk ADD CONSTRAINT needed UNIQUE (id)`},
			server.IndexDuplicate, finding.Warning, "older on junk (8 kB) is the same as needed", nil,
		},
		"index never read": {
			[]string{
				`CREATE TABLE junk AS SELECT i, i % 1000 AS j FROM generate_series(1, 100000) AS i`, `CREATE INDEX never ON junk (i)`, `ANALYZE junk`,
			},
			server.IndexUnused, finding.Info, "never on junk: 2", []string{`SELECT count(*) FROM junk WHERE i = 7`, `SELECT pg_stat_force_next_flush()`},
		},
		"constraint": {
			[]string{`ALTER TABLE events ADD CONSTRAINT deep CHECK (depth > -5) NOT VALID`},
			server.ConstraintNotValid, finding.Info, "events.deep: CHECK ((depth > '-5'::integer)) NOT VALID", nil,
		},
		"collation of an index": {
			[]string{
				`CREATE TABLE words (word TEXT COLLATE "en-x-icu" PRIMARY KEY)`,
				`UPDATE pg_collation SET collversion = '1.0' WHERE collname IN ('en-x-icu', 'de-x-icu')`,
			},
			server.CollationVersion, finding.Error, "index words_pkey: collation en-x-icu was of version 1.0, now ", nil,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := dbtest.NewDatabase(t)
			superuser, owner := database.ConnectSuperuser(t), database.Connect(t)
			execute(t, owner, `CREATE TABLE events (event_id TEXT PRIMARY KEY, room_id TEXT, received_ts BIGINT, depth BIGINT)`)
			mustNotSee(t, database, test.id)
			for _, statement := range test.damage {
				execute(t, superuser, replaced(statement, database.Name))
			}
			found := doctortest.MustBeOne(t, of(look(t, open(t, database.DSN), time.Now()), test.id), test.id, test.severity, test.evidence)
			execute(t, superuser, found.Remedy.Commands...)
			execute(t, superuser, test.mend...)
			mustNotSee(t, database, test.id)
		})
	}
}

func mustNotSee(t *testing.T, database *dbtest.Database, id string) {
	t.Helper()
	if found := of(look(t, open(t, database.DSN), time.Now()), id); len(found) > 0 {
		t.Fatalf("%+v", found)
	}
}
