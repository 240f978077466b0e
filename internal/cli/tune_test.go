package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor/tune"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestTune(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	configuration := filepath.Join(t.TempDir(), "homeserver.yaml")
	text := func(host any) string {
		return fmt.Sprintf("database:\n  name: psycopg2\n  args:\n    host: %q\n    port: %v\n    user: %s\n    password: %q\n    dbname: %s\n    connect_timeout: 2\n",
			host, database.Config["port"], database.Owner, database.Password, database.Name)
	}
	write := func(path, text string) string {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	write(configuration, text(database.Config["host"]))
	out, _ := runSynapse(t, 0, "tune", "-c", configuration, "--memory", "8GB", "--storage", "ssd", "--connections", "200")
	for _, want := range []string{"for 8 GB of memory and 200 connections", "ALTER SYSTEM SET shared_buffers = '2GB';", "work_mem = '5MB'", "A restart of the server is needed for shared_buffers", "huge pages: "} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is not in\n%s", want, out)
		}
	}
	out, _ = runSynapse(t, 0, "tune", "-c", configuration, "--json")
	var reports []tune.Report
	if err := json.Unmarshal([]byte(out), &reports); err != nil || len(reports) != 1 || reports[0].MemoryBytes == 0 {
		t.Errorf("%v: %s", err, out)
	}
	remote := write(filepath.Join(t.TempDir(), "remote.yaml"), text("192.0.2.1"))
	missing := write(filepath.Join(t.TempDir(), "missing.yaml"), text(t.TempDir()))
	sqlite := write(filepath.Join(t.TempDir(), "sqlite.yaml"), "database:\n  name: sqlite3\n  args:\n    database: homeserver.db\n")
	for _, test := range []struct {
		code int
		text string
		args []string
	}{
		{2, "--memory", []string{"-c", remote}},
		{2, "it can be ssd or hdd", []string{"-c", configuration, "--storage", "tape"}},
		{2, "is no size", []string{"-c", configuration, "--memory", "much"}},
		{2, "--connections is 19", []string{"-c", configuration, "--connections", "19"}},
		{3, "is SQLite", []string{"-c", sqlite}},
		{5, "no such file", []string{"-c", missing}},
	} {
		_, stderr := runSynapse(t, test.code, append([]string{"tune"}, test.args...)...)
		if !strings.Contains(stderr, test.text) {
			t.Errorf("%v: %s", test.args, stderr)
		}
	}
}
