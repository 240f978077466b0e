package postgres_test

import (
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// A superuser of a server on this machine is told how much is free, an ordinary role only what its database takes.
func TestSpace(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	ordinary, err := configOf(t, database, nil).Space(t.Context())
	if err != nil || ordinary.Used < 1<<20 || ordinary.Known {
		t.Errorf("%+v, %v", ordinary, err)
	}
	super, _, err := postgres.ParseArgs(args{"dsn": database.SuperuserDSN})
	if err != nil {
		t.Fatal(err)
	}
	all, err := super.Space(t.Context())
	if err != nil || all.Used < 1<<20 || !all.Known || all.Free <= 0 {
		t.Errorf("%+v, %v", all, err)
	}
}
