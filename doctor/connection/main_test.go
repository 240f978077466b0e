package connection_test

import (
	"context"
	"fmt"
	"maps"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestMain(m *testing.M) {
	if arguments := os.Getenv(checkVariable); arguments != "" {
		if err := checkAlone(arguments); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	dbtest.Main(m, dbtest.NoLeaks())
}

type args = map[string]any

// secret is a password that no finding may show.
const secret = "s3cr3t-m4rk3r"

// private is a server of this test alone.
type private struct {
	*server.Postgres
	admin *pgx.Conn
}

func start(t *testing.T, settings map[string]string) *private {
	t.Helper()
	started := dbtest.StartPostgres(t, server.PostgresOptions{TCP: true, Settings: settings})
	admin, err := started.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = admin.Close(context.Background()) })
	return &private{started, admin}
}

func (p *private) exec(t *testing.T, statements ...string) {
	t.Helper()
	for _, statement := range statements {
		if _, err := p.admin.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

func (p *private) text(t *testing.T, query string) string {
	t.Helper()
	var value string
	if err := p.admin.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// write changes a file of the server, which stays its account's, and returns when new sessions are served by it.
func (p *private) write(t *testing.T, path, text string) {
	t.Helper()
	before := p.loaded(t)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p.exec(t, "SELECT pg_reload_conf()")
	eventually(t, "the server reads "+path, func() bool { return p.loaded(t).After(before) })
}

// loaded is when the server's parent process has read its files: a new session has that from it.
func (p *private) loaded(t *testing.T) (at time.Time) {
	t.Helper()
	admin, err := p.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(t.Context())
	if err := admin.QueryRow(t.Context(), "SELECT pg_conf_load_time()").Scan(&at); err != nil {
		t.Fatal(err)
	}
	return at
}

// tcp are arguments for a role over TCP.
func (p *private) tcp(user string, others args) args {
	given := args{"host": "127.0.0.1", "port": p.Port(), "user": user, "password": secret, "dbname": "postgres", "sslmode": "disable"}
	maps.Copy(given, others)
	return given
}

func (p *private) socket(user string, others args) args {
	given := p.tcp(user, args{"host": p.SocketDir(), "password": nil})
	maps.Copy(given, others)
	return given
}

func configOf(t *testing.T, given args) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(given)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

func optionsOf(t *testing.T, given args) doctor.Options {
	return doctor.Options{Databases: []doctor.Database{{Label: "master", Postgres: configOf(t, given)}}}
}

// onlyFinding checks a database that cannot be connected to.
func onlyFinding(t *testing.T, given args) finding.Finding {
	t.Helper()
	report, err := doctor.Check(t.Context(), optionsOf(t, given))
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", report); strings.Contains(text, secret) {
		t.Errorf("shows the password: %s", text)
	}
	if len(report.Findings) != 1 {
		t.Fatalf("%+v", report.Findings)
	}
	found := report.Findings[0]
	if found.What == "" || found.Meaning == "" || len(found.Evidence) == 0 || found.Remedy.Text == "" {
		t.Errorf("incomplete: %+v", found)
	}
	return found
}

func mustFind(t *testing.T, given args, id string) finding.Finding {
	t.Helper()
	found := onlyFinding(t, given)
	if found.ID != id {
		t.Fatalf("found %+v, want %s", found, id)
	}
	return found
}

// eventually waits for a condition, a minute at most.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	again := time.NewTicker(10 * time.Millisecond)
	defer again.Stop()
	for !holds() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatal("not within a minute: " + what)
		}
	}
}

// mustConnect waits until a connection is possible: the server reads its files when it is told to, not at once.
func mustConnect(t *testing.T, given args) {
	t.Helper()
	config := configOf(t, given)
	var last error
	eventually(t, "connect to "+config.Describe(), func() bool {
		connection, err := config.Connect(t.Context(), nil)
		if err == nil {
			err = connection.Close(t.Context())
		}
		if fmt.Sprint(err) != fmt.Sprint(last) {
			t.Log(err)
		}
		last = err
		return err == nil
	})
}
