package dbtest

import (
	"context"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

// mosquittoServer is the broker that all tests of a binary share.
type mosquittoServer struct {
	once   sync.Once
	server *server.Mosquitto
	err    error
}

// sharedMosquitto is a variable of the package for the same reason as sharedServer.
var sharedMosquitto mosquittoServer

// Mosquitto returns the MQTT broker that all tests of this binary share; it lets everybody in. A test keeps its topics apart by beginning them with a name of its own.
// The first call starts it, Main stops it. Tests that restart or crash a broker, or need another one, make one with NewMosquitto.
func Mosquitto(t testing.TB) *server.Mosquitto {
	t.Helper()
	needMain(t)
	sharedMosquitto.once.Do(func() {
		// Not a test's context: the broker outlives the test that happens to be first.
		sharedMosquitto.server, sharedMosquitto.err = server.StartMosquitto(context.Background(), server.MosquittoOptions{})
	})
	if sharedMosquitto.err != nil {
		t.Fatal(sharedMosquitto.err)
	}
	return sharedMosquitto.server
}

// stop stops the broker if a test has started it.
func (m *mosquittoServer) stop() error {
	if m.server == nil {
		return nil
	}
	return m.server.Stop()
}

// NewMosquitto starts a broker for one test, and stops it with the test.
func NewMosquitto(t testing.TB, options server.MosquittoOptions) *server.Mosquitto {
	t.Helper()
	started, err := server.StartMosquitto(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Stop(); err != nil {
			t.Error(err)
		}
	})
	return started
}
