package server_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/server"
)

func TestStart(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	private, err := server.StartPostgres(ctx, server.PostgresOptions{TCP: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Log(private.Version(), private.DSN("postgres", "postgres"))
	if err := private.Stop(); err != nil {
		t.Fatal(err)
	}
}
