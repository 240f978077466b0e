package port_test

import (
	"os/exec"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

func TestRealDatabasesPort(t *testing.T) {
	t.Parallel()
	for _, version := range []string{"72", "94"} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			source, found := dbtest.CopyData(t, "homeserver-"+version+".sqlite")
			if !found {
				return
			}
			target := dbtest.NewDatabase(t)
			dbtest.RestorePrepared(t, target, version)
			report, err := port.Run(t.Context(), port.Options{
				Source: source, Target: targetConfig(t, target), ServerName: "example.com",
			})
			if err != nil {
				t.Fatal(err)
			}
			judge, _ := dbtest.SameRows(t)
			output, err := exec.CommandContext(t.Context(), judge, source, target.DSN).CombinedOutput()
			t.Logf("%s%+v", output, report.Steps)
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}
