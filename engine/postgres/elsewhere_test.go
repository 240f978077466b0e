package postgres_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

func TestConfigurationOfAnotherDatabaseAndRole(t *testing.T) {
	t.Parallel()
	config, _, err := postgres.ParseArgs(map[string]any{"host": "db.example.com", "port": 6432, "user": "synapse", "password": "secret marker", "database": "synapse", "sslmode": "require"})
	if err != nil {
		t.Fatal(err)
	}
	config.AllowUnsafeLocale = true
	other, err := config.In("postgres")
	if err != nil || other.Describe() != "synapse@db.example.com:6432/postgres" || !other.AllowUnsafeLocale {
		t.Fatalf("%v, %v", other, err)
	}
	for role, want := range map[string]string{
		"postgres": "postgres@db.example.com:6432/synapse", "user='my admin'": "my admin@db.example.com:6432/synapse",
		"postgresql://root@other:5433": "root@other:5433/synapse", "host=/run/postgresql user=root": "root@/run/postgresql:5432/synapse",
	} {
		as, err := config.As(role)
		if err != nil || as.Describe() != want {
			t.Errorf("%s: %v, %v; want %s", role, as, err, want)
			continue
		}
		program, err := as.ForProgram()
		if err != nil || strings.Contains(strings.Join(program.Environment, " "), "secret marker") {
			t.Errorf("%s: the other role's password is handed on (%v)", role, err)
		}
	}
	_, err = config.As("user=root password=marker")
	if refused, isRefused := errors.AsType[*engine.ValueError](err); !isRefused || refused.Key != "password" || strings.Contains(err.Error(), "marker") {
		t.Errorf("the error is %v", err)
	}
}
