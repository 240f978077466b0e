package mqtt_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[mortal](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}
