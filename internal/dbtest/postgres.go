package dbtest

import (
	"context"
	"os"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

// PostgresVariable is the environment variable that holds the connection string of a superuser on a server to test
// against. Where it is unset, a private server is started.
const PostgresVariable = "SYNAPSE_TEST_POSTGRES"

// KeptVariable is the environment variable that names a folder in which test binaries keep clusters for each other to copy. The
// server's account has to be able to write there. Where it is unset, each server has its cluster made anew.
const KeptVariable = "SYNAPSE_TEST_CLUSTERS"

// StartPostgres starts a private server for a test alone, and stops it when the test ends.
func StartPostgres(t testing.TB, options server.PostgresOptions) *server.Postgres {
	t.Helper()
	options.Kept = os.Getenv(KeptVariable)
	started, err := server.StartPostgres(t.Context(), options)
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

// cluster is the server that all tests of a binary share.
type cluster struct {
	once   sync.Once
	server *server.Postgres
	err    error
}

// sharedServer is a variable of the package because tests of one binary have nothing else in common to hold it.
var sharedServer cluster

// Postgres returns the server that all tests of this binary share. The first call starts it, Main stops it. It listens
// on its socket and on 127.0.0.1. Tests that restart or crash a server start one of their own.
func Postgres(t testing.TB) *server.Postgres {
	t.Helper()
	needMain(t)
	sharedServer.once.Do(sharedServer.start)
	if sharedServer.err != nil {
		t.Fatal(sharedServer.err)
	}
	return sharedServer.server
}

// start starts the server, or attaches to the one the environment names.
func (c *cluster) start() {
	// Not a test's context: the server outlives the test that happens to be first.
	ctx := context.Background()
	if dsn := os.Getenv(PostgresVariable); dsn != "" {
		c.server, c.err = server.AttachPostgres(ctx, dsn)
		return
	}
	c.server, c.err = server.StartPostgres(ctx, server.PostgresOptions{
		TCP: true, Kept: os.Getenv(KeptVariable),
		Settings: map[string]string{"max_connections": "300", "shared_buffers": "64MB"},
	})
}

// stop stops the server if a test has started it.
func (c *cluster) stop() error {
	if c.server == nil {
		return nil
	}
	return c.server.Stop()
}
