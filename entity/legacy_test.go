package entity_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/schema"
)

// The default file of both libraries has the same name.
func legacyDatabaseIsNamed(t *testing.T, at *place) {
	at.exec(t, `CREATE TABLE synapse_entity (unique_id VARCHAR(255) NOT NULL, state_json TEXT)`)
	_, err := entity.Open(t.Context(), at.config())
	legacy, is := errors.AsType[*entity.LegacyError](err)
	if !is || legacy.Database == "" || !strings.Contains(err.Error(), "synapse entity import --legacy") {
		t.Errorf("got %v", err)
	}
	if _, is := errors.AsType[*schema.OwnerError](err); !is {
		t.Errorf("the cause is lost: %v", err)
	}
	at.exec(t, `DROP TABLE synapse_entity`) // nothing else was made
	at.open(t)
}
