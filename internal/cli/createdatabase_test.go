package cli_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/goccy/go-yaml"

	creation "github.com/synapsedb/synapse/doctor/create"
	"github.com/synapsedb/synapse/internal/cli"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// wantedDatabase writes a configuration for a role and a database that are not there yet, on the shared server.
func wantedDatabase(t *testing.T, name string) (configuration, administrator string) {
	t.Helper()
	shared := dbtest.Postgres(t)
	configuration = filepath.Join(t.TempDir(), "homeserver.yaml")
	text := fmt.Sprintf("server_name: demo.test\ndatabase:\n  name: psycopg2\n  args:\n    host: 127.0.0.1\n    port: %d\n    user: %s\n    dbname: %s\n    password: %s\n    sslmode: disable\n    keepalives_idle: 7\n",
		shared.Port(), name, name, marker)
	if err := os.WriteFile(configuration, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx := context.Background()
		if err := shared.DropDatabase(ctx, name); err != nil {
			t.Error(err)
		}
		if err := shared.DropRole(ctx, name); err != nil {
			t.Error(err)
		}
	})
	return configuration, fmt.Sprintf("host=%s port=%d user=%s", shared.SocketDir(), shared.Port(), shared.Superuser())
}

func runSynapse(t *testing.T, code int, args ...string) (stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	if got := cli.Main(append([]string{"synapse"}, args...), &out, &errs); got != code {
		t.Fatalf("synapse %s: exit code %d, want %d\n%s%s", strings.Join(args, " "), got, code, out.String(), errs.String())
	}
	if strings.Contains(out.String()+errs.String(), marker) {
		t.Fatalf("the password is in the output:\n%s%s", out.String(), errs.String())
	}
	return out.String(), errs.String()
}

func TestCreateDatabaseFromAConfiguration(t *testing.T) {
	t.Parallel()
	configuration, administrator := wantedDatabase(t, "made_by_create_database")
	command := []string{"create-database", "-c", configuration, "--as", administrator}
	looked, _ := runSynapse(t, 5, append(command, "--check")...)
	if !strings.Contains(looked, `CREATE ROLE "made_by_create_database" LOGIN PASSWORD '********';`) || !strings.Contains(looked, "database  missing") {
		t.Error(looked)
	}
	made, _ := runSynapse(t, 0, command...)
	_, section, found := strings.Cut(made, "For homeserver.yaml:\n\n")
	if !found || !strings.Contains(made, "database  created") || !strings.Contains(made, "proved    the homeserver can connect") {
		t.Error(made)
	}
	var parsed struct {
		Database struct{ Args map[string]any }
	}
	if err := yaml.Unmarshal([]byte(section), &parsed); err != nil {
		t.Fatalf("%v\n%s", err, section)
	}
	for key, want := range map[string]any{"cp_min": 5, "cp_max": 10, "keepalives_idle": 7, "keepalives_interval": 10, "keepalives_count": 3, "dbname": "made_by_create_database"} {
		if fmt.Sprint(parsed.Database.Args[key]) != fmt.Sprint(want) {
			t.Errorf("%s is %v\n%s", key, parsed.Database.Args[key], section)
		}
	}
	again, _ := runSynapse(t, 0, append(command, "--json")...)
	var report cli.CreatedDatabases
	if err := json.Unmarshal([]byte(again), &report); err != nil {
		t.Fatal(err)
	}
	if report.Databases[0].DatabaseState != creation.Exists || len(report.Databases[0].Statements) > 0 {
		t.Errorf("%+v", report)
	}
	runSynapse(t, 0, append(command, "--check")...)
}

func TestCreateDatabaseRefusals(t *testing.T) {
	t.Parallel()
	configuration, administrator := wantedDatabase(t, "not_made")
	sqlite := filepath.Join(t.TempDir(), "sqlite.yaml")
	if err := os.WriteFile(sqlite, []byte("database:\n  name: sqlite3\n  args:\n    database: homeserver.db\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		code int
		text string
		args []string
	}{
		{2, "missing: --config", nil},
		{2, "without --check and --json", []string{"-c", configuration, "--print-sql", "--check"}},
		{3, "is SQLite", []string{"-c", sqlite}},
		{5, "PGPASSWORD", []string{"-c", configuration, "--as", administrator + " password=x"}},
		{5, "nobody may create", []string{"-c", configuration, "--as", "host=127.0.0.1 user=nobody_such"}},
	} {
		_, stderr := runSynapse(t, test.code, append([]string{"create-database"}, test.args...)...)
		if !strings.Contains(stderr, test.text) {
			t.Errorf("%v: %s", test.args, stderr)
		}
	}
	script, _ := runSynapse(t, 0, "create-database", "-c", configuration, "--print-sql")
	if !strings.Contains(script, `CREATE ROLE "not_made" LOGIN;`) || !strings.Contains(script, `\gexec`) {
		t.Error(script)
	}
}

// A run that is killed leaves something that the next one completes.
func TestCreateDatabaseThatIsKilledIsCompleted(t *testing.T) {
	t.Parallel()
	binary, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for round := range dbtest.Rounds(t, 3) {
		configuration, administrator := wantedDatabase(t, fmt.Sprintf("killed_%d", round))
		args := []string{"create-database", "-c", configuration, "--as", administrator}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(200))*time.Millisecond)
		command := exec.CommandContext(ctx, binary, args...) // killed at the end of its context
		command.Env = append(os.Environ(), programVariable+"=1")
		command.Args[0] = "synapse"
		_ = command.Run()
		cancel()
		runSynapse(t, 0, args...)
	}
}
