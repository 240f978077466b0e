package sequences_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/sequences"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestSequencesThatAreBehindAreFoundAndMoved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		damage   []string
		id       string
		severity finding.Severity
		commands []string
	}{
		"a position": {
			[]string{`INSERT INTO stream_positions (stream_name, instance_name, stream_id) VALUES ('events', 'master', 500)`},
			sequences.BehindPosition, finding.Error, []string{`SELECT setval('"events_stream_seq"', 500, true);`},
		},
		"a table": {
			[]string{`INSERT INTO state_groups (id, room_id, event_id) VALUES (70, '!r', '$e')`},
			sequences.BehindTable, finding.Warning, []string{`SELECT setval('"state_group_id_seq"', 70, true);`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database, session, options := doctortest.Postgres(t)
			doctortest.MustBeHealthy(t, options)
			doctortest.Exec(t, session, test.damage...)
			found := doctortest.Findings(t, options, test.id)
			if len(found) != 1 || found[0].Severity != test.severity || found[0].Remedy.Fix != sequences.FixID {
				t.Fatalf("%+v", found)
			}
			if diff := cmp.Diff(test.commands, found[0].Remedy.Commands); diff != "" {
				t.Error(diff)
			}
			server := database.Connect(t)
			err := doctor.ApplyFix(t.Context(), options, sequences.FixID, false)
			if _, refused := errors.AsType[*schema.SessionsError](err); !refused {
				t.Fatalf("beside this session: %v", err)
			}
			if err := server.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if err := doctor.ApplyFix(t.Context(), options, sequences.FixID, false); err != nil {
				t.Fatal(err)
			}
			doctortest.MustBeHealthy(t, options)
		})
	}
}
