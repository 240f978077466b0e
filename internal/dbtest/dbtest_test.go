package dbtest_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[example](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

func TestDatabaseBelongsToAnOrdinaryRole(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	connection := database.Connect(t)
	const query = `SELECT current_user = $1 AND NOT rolsuper AND pg_get_userbyid(datdba) = current_user
		FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()`
	var ordinary bool
	if err := connection.QueryRow(t.Context(), query, database.Owner).Scan(&ordinary); err != nil {
		t.Fatal(err)
	}
	if !ordinary {
		t.Error("the owner is a superuser, or does not own the database")
	}
}

func TestPreparedSchemaIsRestored(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"72", "94"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			database, ok := dbtest.NewRestoredDatabase(t, version)
			if !ok {
				return
			}
			var restored string
			const query = `SELECT version::text FROM schema_version`
			if err := database.Connect(t).QueryRow(t.Context(), query).Scan(&restored); err != nil {
				t.Fatal(err)
			}
			if restored != version {
				t.Errorf("restored version %s, want %s", restored, version)
			}
		})
	}
}
