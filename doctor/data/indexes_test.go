package data_test

import (
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor/data"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
)

// An index that is not in the order of its collation is found where amcheck is installed and the role may use it, and is sound when
// duplicates are deleted and it is built again.
func TestDamagedIndex(t *testing.T) {
	t.Parallel()
	database, session, options := corrupt(t)
	mustNotFind(t, options, data.IndexDamaged) // there is nothing yet to find it with
	superuser := database.ConnectSuperuser(t)
	if _, err := superuser.Exec(t.Context(), "CREATE EXTENSION amcheck"); err != nil {
		t.Fatal(err)
	}
	refused := doctortest.Findings(t, options, "right_missing")
	if len(refused) != 1 || refused[0].Severity != finding.Info || !strings.Contains(refused[0].What, "bt_index_check") {
		t.Errorf("%+v", refused)
	}
	if _, err := superuser.Exec(t.Context(), "GRANT EXECUTE ON FUNCTION bt_index_check(regclass, boolean) TO "+database.Owner); err != nil {
		t.Fatal(err)
	}
	found := mustFind(t, options, data.IndexDamaged, finding.Error, "events_event_id_key on events: ")
	if len(found.Evidence) != 1 || len(found.Remedy.Commands) != 1 {
		t.Fatalf("%+v", found)
	}
	if output, err := psql(t, database, writeScript(t, options)); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	doctortest.Exec(t, session, found.Remedy.Commands...)
	mustNotFind(t, options, data.IndexDamaged)
	mustNotFind(t, options, data.DuplicateKeys)
}
