package data_test

import (
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// realServerName is that of the real databases.
const realServerName = "example.com"

// Nothing above "info" is said of a real homeserver's database, in SQLite and ported to PostgreSQL.
func TestRealDatabaseIsHealthy(t *testing.T) {
	t.Parallel()
	source, found := dbtest.CopyData(t, "homeserver-94.sqlite")
	target := dbtest.NewDatabase(t)
	if !found || !dbtest.RestorePrepared(t, target, "94") {
		return
	}
	config := portInto(t, source, target)
	mustBeHealthy(t, realServerName, doctor.Database{Label: "sqlite", SQLitePath: source}, doctor.Database{Label: "postgres", Postgres: config})
}

func TestDemoIsHealthy(t *testing.T) {
	t.Parallel()
	source := filepath.Join(t.TempDir(), "demo.db")
	if _, err := demo.Generate(t.Context(), source, demo.Options{Events: 3000}); err != nil {
		t.Fatal(err)
	}
	mustBeHealthy(t, demo.DefaultServerName, doctor.Database{Label: "sqlite", SQLitePath: source})
}

func portInto(t *testing.T, source string, target *dbtest.Database) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(target.Config)
	if err != nil {
		t.Fatal(err)
	}
	_, err = port.Run(t.Context(), port.Options{Source: source, Target: config, SetAsideFile: filepath.Join(t.TempDir(), "aside.jsonl")})
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// mustBeHealthy makes the checks of this package alone: what others say of these databases is tested there.
func mustBeHealthy(t *testing.T, serverName string, databases ...doctor.Database) {
	t.Helper()
	for _, database := range databases {
		subject := &finding.Subject{
			Label: database.Label, Path: database.SQLitePath, Postgres: database.Postgres, ServerName: serverName,
		}
		closeIt := open(t, subject)
		for _, one := range checked(t, subject) {
			t.Logf("%s: %s %s %s", database.Label, one.ID, one.What, one.Evidence)
			if one.Severity != finding.Info {
				t.Errorf("%s: %+v", database.Label, one)
			}
		}
		closeIt()
	}
}
