package sequences_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/sequences"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

const (
	positionAhead = `INSERT INTO stream_positions (stream_name, instance_name, stream_id) VALUES ('events', 'master', 500)`
	groupAhead    = `INSERT INTO state_groups (id, room_id, event_id) VALUES (70, '!r', '$e')`
	userAhead     = `INSERT INTO users (name) VALUES ('@900:demo.test')`
)

// withoutFiles is a homeserver's database whose schema files are not known: to compare all of its tables with them takes most of a check's
// time, and sequences are looked at without them. The tests of kills and of two fixes at once make every check.
func withoutFiles(t *testing.T) (*dbtest.Database, engine.Session, doctor.Options) {
	t.Helper()
	database, session, options := doctortest.Postgres(t)
	options.SetOf = nil
	return database, session, options
}

func TestSequencesThatAreBehindAreFoundAndMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   []string
		id       string
		severity finding.Severity
		commands []string
		refused  bool // by a homeserver
	}{
		"a position": {
			[]string{positionAhead}, sequences.BehindPosition, finding.Error,
			[]string{`SELECT setval('"events_stream_seq"', greatest(last_value, 500), true) FROM "events_stream_seq";`}, true,
		},
		"a negative position": {
			[]string{`INSERT INTO stream_positions (stream_name, instance_name, stream_id) VALUES ('backfill', 'master', -30)`},
			sequences.BehindPosition, finding.Warning,
			[]string{`SELECT setval('"events_backfill_stream_seq"', greatest(last_value, 30), true) FROM "events_backfill_stream_seq";`}, false,
		},
		"a table": {
			[]string{groupAhead}, sequences.BehindTable, finding.Warning,
			[]string{`SELECT setval('"state_group_id_seq"', greatest(last_value, 70), true) FROM "state_group_id_seq";`}, false,
		},
		"a table and a position": {
			[]string{
				positionAhead,
				`INSERT INTO rooms (room_id) VALUES ('!r:demo.test')`,
				`INSERT INTO ex_outlier_stream (event_stream_ordering, event_id, room_id, state_group) VALUES (600, '$e', '!r:demo.test', 1)`,
			}, sequences.BehindPosition, finding.Error,
			[]string{`SELECT setval('"events_stream_seq"', greatest(last_value, 600), true) FROM "events_stream_seq";`}, true,
		},
		"an identity column": {
			[]string{`INSERT INTO state_groups_pending_deletion (sequence_number, state_group, insertion_ts) OVERRIDING SYSTEM VALUE VALUES (9, 1, 1)`},
			sequences.BehindTable, finding.Error,
			[]string{`SELECT setval('"state_groups_pending_deletion_sequence_number_seq"', greatest(last_value, 9), true) FROM "state_groups_pending_deletion_sequence_number_seq";`}, false,
		},
		"numbers of users": {
			[]string{userAhead}, sequences.BehindTable, finding.Warning,
			[]string{`SELECT setval('"user_id_seq"', greatest(last_value, 900), true) FROM "user_id_seq";`}, false,
		},
		"a sequence that was rewound": {
			[]string{groupAhead, `SELECT setval('state_group_id_seq', 69, true)`}, sequences.BehindTable, finding.Warning,
			[]string{`SELECT setval('"state_group_id_seq"', greatest(last_value, 70), true) FROM "state_group_id_seq";`}, false,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, session, options := withoutFiles(t)
			doctortest.MustBeHealthy(t, options)
			doctortest.Exec(t, session, test.damage...)
			found := doctortest.Findings(t, options, test.id)
			if len(found) != 1 || found[0].Severity != test.severity || found[0].Remedy.Fix != sequences.FixID || len(found[0].Evidence) == 0 {
				t.Fatalf("%+v", found)
			}
			if diff := cmp.Diff(test.commands, found[0].Remedy.Commands); diff != "" {
				t.Error(diff)
			}
			server := database.Connect(t)
			if err := start(t, server, repairing); (err != nil) != test.refused {
				t.Errorf("a homeserver says %v", err)
			}
			doctortest.Exec(t, session, `SELECT setval('events_stream_seq', 1, true), setval('state_group_id_seq', 1, false)`) // it may have repaired
			mustRefuseBesideSessions(t, options)
			if err := server.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := doctor.ApplyFix(t.Context(), options, sequences.FixID, false); err != nil {
				t.Fatal(err)
			}
			doctortest.MustBeHealthy(t, options)
			mustStart(t, database)
		})
	}
}

func mustRefuseBesideSessions(t *testing.T, options doctor.Options) {
	t.Helper()
	err := doctor.ApplyFix(t.Context(), options, sequences.FixID, false)
	if _, refused := errors.AsType[*schema.SessionsError](err); !refused {
		t.Fatalf("beside this session: %v", err)
	}
}

// mustStart has homeservers of both kinds start.
func mustStart(t *testing.T, database *dbtest.Database) {
	t.Helper()
	server := database.Connect(t)
	for _, version := range []version{refusing, repairing} {
		if err := start(t, server, version); err != nil {
			t.Error(err)
		}
	}
}

// The commands of a finding do what the fix does.
func TestCommandsCanBeRunAsTheyStand(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]struct {
		statements []string
		id         string
	}{
		"behind a position":                 {[]string{positionAhead}, sequences.BehindPosition},
		"behind a table":                    {[]string{groupAhead}, sequences.BehindTable},
		"a sequence is missing":             {[]string{groupAhead, `DROP SEQUENCE state_group_id_seq`}, sequences.Missing},
		"a sequence of nothing is missing":  {[]string{`DROP SEQUENCE state_group_id_seq`}, sequences.Missing},
		"a sequence of a stream is missing": {[]string{positionAhead, `DROP SEQUENCE events_stream_seq`}, sequences.Missing},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, session, options := withoutFiles(t)
			doctortest.Exec(t, session, damage.statements...)
			found := doctortest.Findings(t, options, damage.id)
			if len(found) != 1 || len(found[0].Remedy.Commands) == 0 {
				t.Fatalf("%+v", found)
			}
			doctortest.Exec(t, session, found[0].Remedy.Commands...)
			doctortest.MustBeHealthy(t, options)
			mustStart(t, database)
		})
	}
}

func TestMoreAboutSequences(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   string
		id       string
		severity finding.Severity
		evidence string
		mend     string
	}{
		"no number is left": {
			`INSERT INTO state_groups (id, room_id, event_id) VALUES (9223372036854775807, '!r', '$e')`,
			sequences.Exhausted, finding.Error, "the greatest of the tables: 9223372036854775807, in state_groups.id", `DELETE FROM state_groups`,
		},
		"a sequence is unknown": {`CREATE SEQUENCE of_a_module`, sequences.Unknown, finding.Info, "of_a_module", `DROP SEQUENCE of_a_module`},
		"a stream is unknown": {
			`INSERT INTO stream_positions (stream_name, instance_name, stream_id) VALUES ('of_tomorrow', 'master', 5)`,
			sequences.PositionUnknown, finding.Info, "of_tomorrow: 5", `DELETE FROM stream_positions`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, session, options := withoutFiles(t)
			doctortest.Exec(t, session, test.damage)
			found := doctortest.Findings(t, options, test.id)
			if len(found) != 1 || found[0].Severity != test.severity || found[0].Evidence[len(found[0].Evidence)-1] != test.evidence {
				t.Fatalf("%+v", found)
			}
			if plans, err := doctor.PlanFix(t.Context(), options, sequences.FixID); err != nil || len(plans) > 0 {
				t.Errorf("it would do %v, %v", plans, err)
			}
			doctortest.Exec(t, session, test.mend)
			if found := doctortest.Findings(t, options, test.id); len(found) > 0 {
				t.Errorf("%+v", found)
			}
		})
	}
}

func TestMissingRightIsTold(t *testing.T) {
	t.Parallel()
	_, session, options := withoutFiles(t)
	doctortest.Exec(t, session, `REVOKE ALL ON SEQUENCE events_stream_seq FROM CURRENT_USER`)
	found := doctortest.Findings(t, options, "right_missing")
	if len(found) != 1 || found[0].What != "the check sequences could not be made: permission denied for sequence events_stream_seq" {
		t.Errorf("%+v", found)
	}
}

// A database as upstream's server has made it.
func TestRealDatabase(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"72", "94"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			database := dbtest.NewDatabase(t)
			if !dbtest.RestorePrepared(t, database, version) {
				return
			}
			options := doctor.Options{Databases: []doctor.Database{{Label: "master", Postgres: parsed(t, database)}}}
			mustFind(t, options)
			conn := database.Connect(t)
			execute(t, conn, positionAhead, `INSERT INTO state_groups (id, room_id, event_id) VALUES (70, '!r', '$e')`)
			mustFind(t, options, sequences.BehindPosition, sequences.BehindTable)
			if err := doctor.ApplyFix(t.Context(), options, sequences.FixID, true); err != nil {
				t.Fatal(err)
			}
			mustFind(t, options)
			if err := start(t, conn, refusing); err != nil {
				t.Error(err)
			}
		})
	}
}

// mustFind compares what is found about sequences, above information.
func mustFind(t *testing.T, options doctor.Options, ids ...string) {
	t.Helper()
	var got []string
	for _, id := range []string{sequences.BehindPosition, sequences.BehindTable, sequences.Missing, sequences.Exhausted} {
		for range doctortest.Findings(t, options, id) {
			got = append(got, id)
		}
	}
	if diff := cmp.Diff(ids, got); diff != "" {
		t.Error(diff)
	}
}

func parsed(t *testing.T, database *dbtest.Database) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func execute(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := conn.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}
