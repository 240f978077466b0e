package mqtt_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.Main(m, dbtest.NoLeaks())
}
