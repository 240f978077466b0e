package schema

import (
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/engine/sqlite"
)

// A run of background updates between a crash and the next attempt does not look like the statement that was begun.
func TestTablesOfBackgroundUpdatesAreNotPartOfTheCatalogsChecksum(t *testing.T) {
	t.Parallel()
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: filepath.Join(t.TempDir(), "test.db")}, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	begun := &file{applier: &applier{session: session, plan: &Plan{}}}
	var sums []string
	for _, statement := range []string{"CREATE TABLE one (n INTEGER)", CreateUpdateErrors(""), CreateUpdateRates(""), "CREATE TABLE two (n INTEGER)"} {
		if _, err := session.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
		sum, err := begun.catalog(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		sums = append(sums, sum)
	}
	if sums[0] != sums[1] || sums[0] != sums[2] || sums[0] == sums[3] {
		t.Errorf("the checksums are %q", sums)
	}
}
