package server_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/internal/server"
)

// query connects, reads one text and closes.
func query(t *testing.T, dsn, statement string, arguments ...any) string {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	var text string
	if err := connection.QueryRow(t.Context(), statement, arguments...).Scan(&text); err != nil {
		t.Fatal(err)
	}
	return text
}

func TestPrivateServer(t *testing.T) {
	t.Parallel()
	private := start(t, server.PostgresOptions{})
	tests := map[string]func(*testing.T, *server.Postgres){
		"listens on its socket only":              listensOnItsSocketOnly,
		"comes with the programs of its version":  programsAreOfItsVersion,
		"makes databases as described":            makesDatabasesAsDescribed,
		"ends the sessions of a dropped database": endsTheSessionsOfADroppedDatabase,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, private)
		})
	}
}

// listensOnItsSocketOnly is a test of a server without TCP.
func listensOnItsSocketOnly(t *testing.T, private *server.Postgres) {
	t.Helper()
	dsn := private.DSN("postgres", private.Superuser())
	if got := query(t, dsn, `SELECT current_setting('listen_addresses')`); got != "" {
		t.Errorf("the server listens on %q, want no address", got)
	}
	info, err := os.Stat(private.SocketDir())
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("the socket's folder is open to others: %o", got)
	}
}

// programsAreOfItsVersion is a test of what Bin and Version return.
func programsAreOfItsVersion(t *testing.T, private *server.Postgres) {
	t.Helper()
	for _, name := range []string{"pg_dump", "pg_restore", "psql"} {
		if _, err := os.Stat(private.Bin(name)); err != nil {
			t.Error(err)
		}
	}
	if private.Version() < 100000 {
		t.Errorf("version %d", private.Version())
	}
}

// makesDatabasesAsDescribed is a test of CreateDatabase.
func makesDatabasesAsDescribed(t *testing.T, private *server.Postgres) {
	t.Helper()
	tests := []struct {
		name    string
		options server.DatabaseOptions
		want    string
	}{
		{"defaults", server.DatabaseOptions{Name: "plain"}, "postgres UTF8 C C"},
		{"owner", server.DatabaseOptions{Name: "owned", Owner: "some body"}, "some body UTF8 C C"},
		{"encoding", server.DatabaseOptions{Name: "old", Encoding: "SQL_ASCII"}, "postgres SQL_ASCII C C"},
		{"locale", server.DatabaseOptions{Name: "local", Locale: "C.UTF-8"}, "postgres UTF8 C.UTF-8 C.UTF-8"},
		{"ctype", server.DatabaseOptions{Name: `odd "name" '; --`, CType: "C.UTF-8"}, "postgres UTF8 C C.UTF-8"},
	}
	if err := private.CreateRole(t.Context(), "some body", ""); err != nil {
		t.Fatal(err)
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if err := private.CreateDatabase(t.Context(), test.options); err != nil {
				t.Fatal(err)
			}
			const described = `SELECT concat_ws(' ', pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
				FROM pg_database WHERE datname = current_database()`
			if got := query(t, private.DSN(test.options.Name, private.Superuser()), described); got != test.want {
				t.Errorf("made %q, want %q", got, test.want)
			}
		})
	}
}

// endsTheSessionsOfADroppedDatabase is a test of DropDatabase.
func endsTheSessionsOfADroppedDatabase(t *testing.T, private *server.Postgres) {
	t.Helper()
	if err := private.CreateDatabase(t.Context(), server.DatabaseOptions{Name: "busy"}); err != nil {
		t.Fatal(err)
	}
	session, err := private.Connect(t.Context(), "busy")
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close(t.Context())
	for range 2 {
		if err := private.DropDatabase(t.Context(), "busy"); err != nil {
			t.Fatal(err)
		}
	}
	if err := session.Ping(t.Context()); err == nil {
		t.Error("the session goes on without its database")
	}
}

func TestRolesLogInOverTCPWithTheirPassword(t *testing.T) {
	t.Parallel()
	private := start(t, server.PostgresOptions{TCP: true})
	const password = `it's a \ "word"`
	if err := private.CreateRole(t.Context(), "Mixed Case", password); err != nil {
		t.Fatal(err)
	}
	dsn := private.PasswordDSN("postgres", "Mixed Case", password)
	if got := query(t, dsn, `SELECT current_user || ' ' || host(inet_server_addr())`); got != "Mixed Case 127.0.0.1" {
		t.Errorf("logged in as %q", got)
	}
	_, err := pgx.Connect(t.Context(), private.PasswordDSN("postgres", "Mixed Case", "wrong"))
	var refusal *pgconn.PgError
	if !errors.As(err, &refusal) || refusal.Code != "28P01" {
		t.Errorf("a wrong password gives %v, want an invalid_password error", err)
	}
}

func TestServerFollowsItsOptions(t *testing.T) {
	t.Parallel()
	private := start(t, server.PostgresOptions{
		TCP:      true,
		Durable:  true,
		Encoding: "LATIN1",
		Settings: map[string]string{"application_name": `o'clock \ `, "max_connections": "17"},
		HBA:      []string{"host all postgres 127.0.0.1/32 reject"},
	})
	dsn := private.DSN("postgres", private.Superuser())
	got := map[string]string{}
	for _, name := range []string{"max_connections", "fsync", "server_encoding"} {
		got[name] = query(t, dsn, `SELECT current_setting($1)`, name)
	}
	want := map[string]string{"max_connections": "17", "fsync": "on", "server_encoding": "LATIN1"}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("settings (-want +got):\n%s", difference)
	}
	if _, err := pgx.Connect(t.Context(), private.PasswordDSN("postgres", "postgres", "x")); err == nil ||
		!strings.Contains(err.Error(), "pg_hba.conf rejects") {
		t.Errorf("the given pg_hba line does not decide: %v", err)
	}
}

func TestRestartKeepsDataAndPort(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		end  func(*server.Postgres) error
	}{
		{"while it runs", func(*server.Postgres) error { return nil }},
		{"after a crash", (*server.Postgres).Kill},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			private := start(t, server.PostgresOptions{TCP: true})
			port := private.Port()
			if err := private.CreateRole(t.Context(), "stays", "secret"); err != nil {
				t.Fatal(err)
			}
			if err := test.end(private); err != nil {
				t.Fatal(err)
			}
			if err := private.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := query(t, private.PasswordDSN("postgres", "stays", "secret"), `SELECT current_user::text`); got != "stays" {
				t.Errorf("logged in as %q", got)
			}
			if private.Port() != port {
				t.Errorf("the port changed from %d to %d", port, private.Port())
			}
		})
	}
}

func TestStopLeavesNothing(t *testing.T) {
	t.Parallel()
	private := start(t, server.PostgresOptions{TCP: true})
	stopsWithoutTrace(t, private, private.SocketDir())
}

func TestServerThatCannotStartShowsItsLog(t *testing.T) {
	t.Parallel()
	_, err := server.StartPostgres(t.Context(), server.PostgresOptions{Settings: map[string]string{"no_such_setting": "1"}})
	var failure *server.StartError
	if !errors.As(err, &failure) || !strings.Contains(failure.Log, `unrecognized configuration parameter "no_such_setting"`) {
		t.Errorf("got %v, want a StartError with the server's own words", err)
	}
}

func TestCancelledStartIsAnError(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := server.StartPostgres(ctx, server.PostgresOptions{}); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the context's error", err)
	}
}

func TestMissingServerIsNamedWithARemedy(t *testing.T) {
	t.Parallel()
	empty := t.TempDir()
	_, err := server.StartPostgres(t.Context(), server.PostgresOptions{BinFolder: empty})
	if _, ok := errors.AsType[*server.NotInstalledError](err); !ok {
		t.Fatalf("got %v, want a NotInstalledError", err)
	}
	if !strings.Contains(err.Error(), empty) || !strings.Contains(err.Error(), "install") {
		t.Errorf("the message names neither the place nor the remedy: %v", err)
	}
}

func TestKilledProgramLeavesNoServer(t *testing.T) {
	t.Parallel()
	folder := openFolder(t)
	command, output := startChild(t, folder, postgresChild)
	if !output.Scan() {
		t.Fatal("the child did not start a server")
	}
	socketDir := output.Text()
	killChild(t, command)
	eventually(t, "no server runs in "+socketDir, func() bool { return len(serversIn(t, socketDir)) == 0 })
	eventually(t, socketDir+" is gone", func() bool {
		_, err := os.Stat(socketDir)
		return errors.Is(err, os.ErrNotExist)
	})
}

func TestProgramKilledWhileTheServerStartsLeavesNothing(t *testing.T) {
	t.Parallel()
	// Each is the appearance of a file that marks how far the start has come.
	for _, moment := range []string{"data", "data/PG_VERSION", "data/pg_hba.conf", "log", "data/postmaster.pid"} {
		t.Run("at "+moment, func(t *testing.T) {
			t.Parallel()
			folder := openFolder(t)
			command, _ := startChild(t, folder, postgresChild)
			eventually(t, moment+" is there", func() bool {
				found, err := filepath.Glob(filepath.Join(folder, "synapse-pg-*", moment))
				return err == nil && len(found) > 0
			})
			killChild(t, command)
			eventually(t, "no process works in "+folder, func() bool { return len(serversIn(t, folder)) == 0 })
			left, err := os.ReadDir(folder)
			if err != nil || len(left) > 0 {
				t.Errorf("left behind: %v, %v", left, err)
			}
		})
	}
}

func TestAttachedServerIsLeftAlone(t *testing.T) {
	t.Parallel()
	private := start(t, server.PostgresOptions{TCP: true})
	if err := private.CreateRole(t.Context(), "chief", "pass word"); err != nil {
		t.Fatal(err)
	}
	connection, err := private.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close(t.Context())
	if _, err := connection.Exec(t.Context(), `ALTER ROLE chief SUPERUSER`); err != nil {
		t.Fatal(err)
	}
	url := fmt.Sprintf("postgres://chief:pass%%20word@127.0.0.1:%d/postgres?sslmode=disable", private.Port())
	for name, dsn := range map[string]string{
		"keywords": private.PasswordDSN("postgres", "chief", "pass word"),
		"url":      url,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			checkAttached(t, private, name, dsn)
		})
	}
}

// checkAttached attaches to a server and uses it.
func checkAttached(t *testing.T, private *server.Postgres, name, dsn string) {
	t.Helper()
	attached, err := server.AttachPostgres(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	if err := attached.CreateRole(t.Context(), name, "secret"); err != nil {
		t.Fatal(err)
	}
	if err := attached.CreateDatabase(t.Context(), server.DatabaseOptions{Name: name, Owner: name}); err != nil {
		t.Fatal(err)
	}
	const whoAndWhere = `SELECT current_user || '@' || current_database()`
	if got := query(t, attached.PasswordDSN(name, name, "secret"), whoAndWhere); got != name+"@"+name {
		t.Errorf("connected as %s", got)
	}
	var refusal *server.NotOursError
	if !errors.As(attached.Restart(t.Context()), &refusal) || !errors.As(attached.Kill(), &refusal) {
		t.Error("an attached server can be restarted or killed")
	}
	if err := attached.Stop(); err != nil {
		t.Error(err)
	}
	query(t, private.DSN(name, private.Superuser()), whoAndWhere)
}

func TestClusterIsKeptAndCopied(t *testing.T) {
	t.Parallel()
	kept := openFolder(t)
	var identifiers []string
	for range 2 {
		private := start(t, server.PostgresOptions{Kept: kept})
		if err := private.CreateOwned(t.Context(), server.DatabaseOptions{Name: "a", Owner: "b"}, "password"); err != nil {
			t.Fatal(err)
		}
		identifiers = append(identifiers, query(t, private.DSN("a", "b"), `SELECT system_identifier::text FROM pg_control_system()`))
		if err := private.DropOwned(t.Context(), "a", "b"); err != nil {
			t.Fatal(err)
		}
	}
	if identifiers[0] != identifiers[1] {
		t.Error("the second server has another cluster")
	}
	start(t, server.PostgresOptions{Kept: kept, Locale: "C.UTF-8"})
	if entries, err := os.ReadDir(kept); len(entries) != 2 {
		t.Errorf("%v, %v are kept; two kinds were made", entries, err)
	}
}
