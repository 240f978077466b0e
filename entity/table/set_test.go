package table_test

import (
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema/schematest"
)

func TestEnginesEndWithTheSameTables(t *testing.T) {
	t.Parallel()
	set, err := table.Set()
	if err != nil {
		t.Fatal(err)
	}
	var sessions []engine.Session
	for _, kind := range anyengine.Engines() {
		sessions = append(sessions, anyengine.New(t, kind).Session(t))
	}
	schematest.SameTables(t, set, sessions)
}
