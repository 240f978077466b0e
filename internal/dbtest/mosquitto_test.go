package dbtest_test

import (
	"net"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestBrokerIsShared(t *testing.T) {
	t.Parallel()
	shared := dbtest.Mosquitto(t)
	if shared != dbtest.Mosquitto(t) {
		t.Error("each call starts another broker")
	}
	own := dbtest.NewMosquitto(t, server.MosquittoOptions{})
	for _, broker := range []*server.Mosquitto{shared, own} {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", broker.Address())
		if err != nil {
			t.Fatal(err)
		}
		_ = connection.Close() // nothing was written
	}
	if own.Address() == shared.Address() {
		t.Error("a test's own broker is the shared one")
	}
}
