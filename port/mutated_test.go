package port_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// mutatedPair is a kind of source with the target that fits it.
type mutatedPair struct {
	source      func(*testing.T) string
	target      func(*testing.T) *dbtest.Database
	searchTexts string
}

// demoPair is a generated database of our own set.
func demoPair(events int) mutatedPair {
	return mutatedPair{
		source:      func(t *testing.T) string { return demoSource(t, demo.Options{Events: events, Seed: 5}) },
		target:      func(t *testing.T) *dbtest.Database { return preparedTarget(t) },
		searchTexts: searchTexts,
	}
}

// realPair is a homeserver's database, if this machine has one.
func realPair(t *testing.T) (mutatedPair, bool) {
	t.Helper()
	_, found := dbtest.Data(t)
	return mutatedPair{
		source: func(t *testing.T) string {
			source, _ := dbtest.CopyData(t, "homeserver-94.sqlite")
			return source
		},
		target: func(t *testing.T) *dbtest.Database {
			target, _ := realTarget(t, "94")
			waitForSessionsToEnd(t, target)
			return target
		},
		searchTexts: contentSearchTexts,
	}, found
}

// sameAsSource compares all rows in ways that are not the port's own: this package's and, if asked, the judge's, which
// takes its time.
func (p mutatedPair) sameAsSource(t *testing.T, source string, target *dbtest.Database, judge bool) {
	t.Helper()
	db := openSource(t, source)
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		sides := comparison{source: db, target: conn}
		sides.differences(t)
		sides.sameSearch(t, p.searchTexts)
		return nil
	})
	if err := db.Close(); err != nil {
		t.Error(err)
	}
	if judge { // which does not know that PostgreSQL writes names in small letters
		judged(t, source, target, "--skip", "destination_software")
	}
	waitForSessionsToEnd(t, target)
}

// What the mutator makes of a source can be ported, so that a later failure is not its fault.
func TestMutatedSourceIsPorted(t *testing.T) {
	t.Parallel()
	pairs := map[string]mutatedPair{"generated": demoPair(300)}
	if pair, found := realPair(t); found {
		pairs["real"] = pair
	}
	for name, pair := range pairs {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := pair.source(t)
			var changes *mutator
			for round := range dbtest.Rounds(t, 1) {
				target := pair.target(t)
				if changes == nil {
					changes = newMutator(t, source, target)
				}
				done := changes.mutate(t, source, uint64(round))
				t.Logf("round %d: %+v", round, done)
				if _, err := portInto(t, source, target, nil); err != nil {
					t.Fatal(err)
				}
				if pair.sameAsSource(t, source, target, false); t.Failed() {
					return
				}
			}
		})
	}
}
