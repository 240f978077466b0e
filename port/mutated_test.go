package port_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// sameAsSource compares all rows in a way that is not the port's own.
func sameAsSource(t *testing.T, source string, target *dbtest.Database) {
	t.Helper()
	db := openSource(t, source)
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		sides := comparison{source: db, target: conn}
		sides.differences(t)
		sides.sameSearch(t, searchTexts)
		return nil
	})
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	waitForSessionsToEnd(t, target)
}

// What the mutator makes of a source can be ported, so that a later failure is not its fault.
func TestMutatedSourceIsPorted(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 5})
	var changes *mutator
	for round := range dbtest.Rounds(t, 2) {
		target := preparedTarget(t)
		if changes == nil {
			changes = newMutator(t, source, target)
		}
		done := changes.mutate(t, source, uint64(round))
		t.Logf("round %d: %+v", round, done)
		if _, err := portInto(t, source, target, nil); err != nil {
			t.Fatal(err)
		}
		if sameAsSource(t, source, target); t.Failed() {
			return
		}
	}
}
