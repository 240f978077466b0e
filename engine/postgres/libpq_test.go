package postgres_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

func TestProgramsGetThePasswordByTheEnvironment(t *testing.T) {
	t.Parallel()
	config, _, err := postgres.ParseArgs(map[string]any{
		"host": "db.example.com", "port": 6432, "user": "o'brien", "password": "secret marker", "dbname": "synapse", "sslmode": "require",
	})
	if err != nil {
		t.Fatal(err)
	}
	program, err := config.ForProgram()
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range []string{"host='db.example.com'", "port='6432'", `user='o\'brien'`, "dbname='synapse'", "sslmode='require'"} {
		if !strings.Contains(program.Conninfo, part) {
			t.Errorf("%s lacks %s", program.Conninfo, part)
		}
	}
	if strings.Contains(program.Conninfo, "marker") || !slices.Contains(program.Environment, "PGPASSWORD=secret marker") {
		t.Errorf("the password is not in the environment alone: %s", program.Conninfo)
	}
}

func TestPasswordOfAKeyIsNotHandedToPrograms(t *testing.T) {
	t.Parallel()
	config, _, err := postgres.ParseArgs(map[string]any{"host": "db.example.com", "user": "a", "dbname": "a", "sslpassword": "secret marker", "sslmode": "disable"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = config.ForProgram()
	if refusal, isRefusal := errors.AsType[*engine.ValueError](err); !isRefusal || refusal.Key != "sslpassword" || strings.Contains(err.Error(), "marker") {
		t.Errorf("the error is %v", err)
	}
}
