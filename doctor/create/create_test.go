package create_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/create"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

type args = map[string]any

// secret has what a careless hand would break.
const secret = `s3cr3t' "m4rk3r"\ $1`

// private is a server of one test, with its superuser's session.
type private struct {
	*server.Postgres
	admin *pgx.Conn
}

func start(t *testing.T) *private {
	t.Helper()
	started := dbtest.StartPostgres(t, server.PostgresOptions{TCP: true})
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

func (p *private) text(t *testing.T, query string, values ...any) string {
	t.Helper()
	var value string
	if err := p.admin.QueryRow(t.Context(), query, values...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// asAdministrator names a role that comes through the socket, where nobody needs a password.
func (p *private) asAdministrator(role string) string {
	return fmt.Sprintf("host=%s port=%d user=%s", p.SocketDir(), p.Port(), role)
}

// wanted is what the configuration names: a role that comes over TCP, with its password.
func (p *private) wanted(t *testing.T, others args) create.Database {
	t.Helper()
	given := args{"host": "127.0.0.1", "port": p.Port(), "user": "the role", "dbname": "the database", "password": secret, "sslmode": "disable"}
	maps.Copy(given, others)
	config, _, err := postgres.ParseArgs(given)
	if err != nil {
		t.Fatal(err)
	}
	return create.Database{Label: "master", Config: config}
}

func run(t *testing.T, options create.Options) []create.Result {
	t.Helper()
	results, err := create.Run(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", results); strings.Contains(text, "s3cr3t") || strings.Contains(text, "SCRAM") {
		t.Errorf("shows the password: %s", text)
	}
	return results
}

func states(results []create.Result) []create.State {
	var all []create.State
	for _, one := range results {
		all = append(all, one.RoleState, one.DatabaseState)
	}
	return all
}

const describeSQL = `SELECT concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype) FROM pg_database WHERE datname = $1`

func TestWhatIsMissingIsMadeAndProved(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare       string
		administrator string
		others        args
		check         []string
	}{
		"by a superuser": {"SELECT 1", "postgres", nil, []string{
			`CREATE ROLE "the role" LOGIN PASSWORD '********';`,
			`CREATE DATABASE "the database" OWNER "the role" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc TEMPLATE template0;`,
		}},
		"by a role that may just do that": {"CREATE ROLE maker LOGIN CREATEDB CREATEROLE", "maker", nil, []string{
			`CREATE ROLE "the role" LOGIN PASSWORD '********';`, `GRANT "the role" TO CURRENT_USER;`,
			`CREATE DATABASE "the database" OWNER "the role" ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C' LOCALE_PROVIDER libc TEMPLATE template0;`,
			`REVOKE "the role" FROM CURRENT_USER;`,
		}},
		"a password that is not ASCII": {"SELECT 1", "postgres", args{"password": "pässwörd ✓"}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t)
			p.exec(t, test.prepare)
			options := create.Options{Databases: []create.Database{p.wanted(t, test.others)}, As: p.asAdministrator(test.administrator), Check: true}
			looked := run(t, options)
			if diff := cmp.Diff([]create.State{create.Missing, create.Missing}, states(looked)); diff != "" {
				t.Fatal(diff)
			}
			if diff := cmp.Diff(test.check, looked[0].Statements); diff != "" && test.check != nil && p.Version() >= 150000 {
				t.Error(diff)
			}
			options.Check = false
			made := run(t, options)
			if diff := cmp.Diff([]create.State{create.Created, create.Created}, states(made)); diff != "" || !made[0].Usable() {
				t.Fatalf("%+v %s", made, diff)
			}
			if got := p.text(t, describeSQL, "the database"); got != "the role UTF8 C C" {
				t.Error(got)
			}
			if got := p.text(t, "SELECT count(*)::text FROM pg_auth_members WHERE roleid = '\"the role\"'::regrole AND grantor::regrole::text = $1", test.administrator); got != "0" {
				t.Errorf("%s is still a member", test.administrator)
			}
			again := run(t, options)
			if diff := cmp.Diff([]create.State{create.Exists, create.Exists}, states(again)); diff != "" || !again[0].Usable() || len(again[0].Statements) > 0 {
				t.Errorf("%+v %s", again, diff)
			}
		})
	}
}

// The server gets no more than it stores.
func TestThePasswordIsNotSent(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, "ALTER SYSTEM SET log_statement = 'all'", "ALTER SYSTEM SET log_min_duration_statement = 0", "SELECT pg_reload_conf()")
	run(t, create.Options{Databases: []create.Database{p.wanted(t, nil)}, As: p.asAdministrator("postgres")})
	stored := p.text(t, `SELECT rolpassword FROM pg_authid WHERE rolname = 'the role'`)
	if !strings.HasPrefix(stored, "SCRAM-SHA-256$4096:") {
		t.Error(stored)
	}
	log, err := os.ReadFile(filepath.Join(p.SocketDir(), "log"))
	if err != nil || !strings.Contains(string(log), "CREATE ROLE") || strings.Contains(string(log), "s3cr3t") {
		t.Errorf("%v, the server's log: %s", err, log)
	}
}

func TestTheConfiguredRoleMayDoItItself(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, `CREATE ROLE "the role" LOGIN CREATEDB`)
	database := p.wanted(t, args{"host": p.SocketDir(), "password": nil})
	results := run(t, create.Options{Databases: []create.Database{database}, As: "the role"})
	if diff := cmp.Diff([]create.State{create.Exists, create.Created}, states(results)); diff != "" || !results[0].Usable() {
		t.Errorf("%+v %s", results, diff)
	}
}

// The configuration has an address, at which everybody needs a password; the administrator comes through the socket.
func TestAnAdministratorIsLookedForAtTheSocket(t *testing.T) {
	t.Parallel()
	p := start(t)
	results := run(t, create.Options{Databases: []create.Database{p.wanted(t, nil)}, Sockets: []string{t.TempDir(), p.SocketDir()}})
	if !results[0].Usable() || results[0].Administrator != "postgres" {
		t.Errorf("%+v", results)
	}
	_, err := create.Run(t.Context(), create.Options{Databases: []create.Database{p.wanted(t, args{"dbname": "another"})}, Sockets: []string{t.TempDir()}})
	if _, is := errors.AsType[*create.RightsError](err); !is {
		t.Errorf("without the socket: %v", err)
	}
}

func TestWhoMayNotIsNamedWithTheMissingRights(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, "CREATE ROLE ordinary LOGIN", "CREATE ROLE half LOGIN CREATEDB", `CREATE ROLE "the role" LOGIN`)
	for administrator, want := range map[string]string{
		"ordinary": "ordinary lacks CREATEDB, membership of the role", "half": "half lacks membership of the role", "nobody": `role "nobody" does not exist`,
	} {
		_, err := create.Run(t.Context(), create.Options{Databases: []create.Database{p.wanted(t, nil)}, As: p.asAdministrator(administrator)})
		if _, is := errors.AsType[*create.RightsError](err); !is || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", administrator, err)
		}
	}
	if got := p.text(t, "SELECT count(*)::text FROM pg_database WHERE datname = 'the database'"); got != "0" {
		t.Error("it was made")
	}
}

func TestADatabaseThatIsThereIsNeverTouched(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, `CREATE DATABASE "the database" ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C.UTF-8' TEMPLATE template0`)
	const everything = `SELECT (SELECT to_jsonb(d)::text FROM pg_database AS d WHERE datname = 'the database')`
	before := p.text(t, everything)
	results := run(t, create.Options{Databases: []create.Database{p.wanted(t, nil)}, As: p.asAdministrator("postgres")})
	if diff := cmp.Diff([]create.State{create.Created, create.Exists}, states(results)); diff != "" {
		t.Error(diff)
	}
	text := strings.Join(results[0].Differences, "\n")
	for _, want := range []string{`is SQL_ASCII, not UTF8`, `"C.UTF-8", not "C"`, `belongs to "postgres", not to "the role"`} {
		if !strings.Contains(text, want) {
			t.Errorf("%s is not among %s", want, text)
		}
	}
	if diff := cmp.Diff(before, p.text(t, everything)); diff != "" || results[0].Usable() {
		t.Error(diff)
	}
}

func TestALoginThatFailsIsExplained(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, `CREATE ROLE "the role" LOGIN PASSWORD 'another'`)
	results := run(t, create.Options{Databases: []create.Database{p.wanted(t, nil)}, As: p.asAdministrator("postgres")})
	if diff := cmp.Diff([]create.State{create.Exists, create.Created}, states(results)); diff != "" {
		t.Error(diff)
	}
	if problem := results[0].Problem; problem == nil || problem.ID != "connection_password" {
		t.Errorf("%+v", problem)
	}
}

func TestSeveralRunsAtOnceMakeOne(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, "CREATE ROLE maker LOGIN CREATEDB CREATEROLE")
	var running sync.WaitGroup
	var made [4][]create.Result
	for i := range made {
		options := create.Options{Databases: []create.Database{p.wanted(t, nil)}, As: p.asAdministrator("maker")}
		running.Go(func() {
			results, err := create.Run(t.Context(), options)
			if err != nil {
				t.Error(err)
			}
			made[i] = results
		})
	}
	running.Wait()
	created := 0
	for _, results := range made {
		if len(results) == 1 && results[0].DatabaseState == create.Created {
			created++
		}
	}
	if created != 1 {
		t.Errorf("%d runs have made it", created)
	}
}

// What an interruption leaves at any moment, the next run completes.
func TestInterruptedRunsAreCompleted(t *testing.T) {
	t.Parallel()
	p := start(t)
	p.exec(t, "CREATE ROLE maker LOGIN CREATEDB CREATEROLE")
	for round := range dbtest.Rounds(t, 6) {
		name := fmt.Sprintf("round_%d", round)
		options := create.Options{Databases: []create.Database{p.wanted(t, args{"user": name, "dbname": name})}, As: p.asAdministrator("maker")}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.IntN(150))*time.Millisecond)
		_, interrupted := create.Run(ctx, options)
		cancel()
		results := run(t, options)
		if !results[0].Usable() || p.text(t, describeSQL, name) != name+" UTF8 C C" {
			t.Errorf("after %v: %+v", interrupted, results)
		}
	}
}

func TestTheScriptDoesTheSameTwice(t *testing.T) {
	t.Parallel()
	p := start(t)
	database := p.wanted(t, args{"password": nil, "user": "it's", "dbname": `"q"`})
	script := create.Script([]create.Database{database})
	for range 2 {
		command := exec.CommandContext(t.Context(), p.Bin("psql"), "-X", "-v", "ON_ERROR_STOP=1", "-d", p.DSN("postgres", "postgres"))
		command.Stdin = strings.NewReader(script)
		if output, err := command.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s\n%s", err, output, script)
		}
	}
	if got := p.text(t, describeSQL, `"q"`); got != "it's UTF8 C C" {
		t.Error(got)
	}
	if script := create.Script([]create.Database{p.wanted(t, nil)}); strings.Contains(script, "s3cr3t") || !strings.Contains(script, `\password "the role"`) {
		t.Error(script)
	}
}
