package port_test

import (
	"crypto/x509"
	"errors"
	"maps"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

// portOver ports a small source by the arguments of a connection, into tables that are created by it too, and runs the port
// a second time, which has to look at both sides again.
func portOver(t *testing.T, args map[string]any) {
	t.Helper()
	config, _, err := postgres.ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session), session.Close()); err != nil {
		t.Fatal(err)
	}
	options := port.Options{
		Source: demoSource(t, demo.Options{Events: 300, Seed: 1, Plain: true}), Target: config,
		SetAsideFile: filepath.Join(t.TempDir(), "aside.jsonl"),
	}
	for range 2 {
		report, err := port.Run(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if report.Result != port.ResultOK {
			t.Errorf("the result is %q", report.Result)
		}
	}
}

func TestPortOverAUnixSocket(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	args := maps.Clone(database.Config)
	args["host"] = dbtest.Postgres(t).SocketDir()
	portOver(t, args)
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		var users int
		err := conn.QueryRow(t.Context(), "SELECT count(*) FROM users").Scan(&users)
		if users == 0 {
			t.Error("no users were ported")
		}
		return err
	})
}

// The schema is named by the connection's own search_path, not by the role's.
func TestPortIntoTheSchemaThatTheConnectionNames(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), `CREATE SCHEMA matrix AUTHORIZATION `+postgres.QuoteIdentifier(database.Owner))
		return err
	})
	args := maps.Clone(database.Config)
	args["options"] = "-c search_path=matrix,public"
	portOver(t, args)
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		var ported, strangers int
		err := conn.QueryRow(t.Context(), `SELECT (SELECT count(*) FROM matrix.users),
			(SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace)`).Scan(&ported, &strangers)
		if ported == 0 || strangers > 0 {
			t.Errorf("%d users were ported, and %d objects are in public", ported, strangers)
		}
		return err
	})
}

// A server with a certificate of a private authority takes no connection without TLS, so all that a port opens have it.
func TestPortOverTLSThatIsVerified(t *testing.T) {
	t.Parallel()
	folder := dbtest.NewServerFolder(t)
	dbtest.NewAuthority(t, folder, "stranger")
	dbtest.NewAuthority(t, folder, "root").Issue(t, "server", x509.Certificate{
		DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	})
	dbtest.GiveToServer(t, filepath.Join(folder, "server.crt"), filepath.Join(folder, "server.key"))
	private := dbtest.StartPostgres(t, server.PostgresOptions{
		TCP: true,
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": filepath.Join(folder, "server.crt"), "ssl_key_file": filepath.Join(folder, "server.key"),
		},
		HBA: []string{"hostssl all u 127.0.0.1/32 scram-sha-256", "hostnossl all u 127.0.0.1/32 reject"},
	})
	if err := errors.Join(private.CreateRole(t.Context(), "u", "not-to-be-shown"), private.CreateDatabase(t.Context(), server.DatabaseOptions{Name: "homeserver", Owner: "u"})); err != nil {
		t.Fatal(err)
	}
	args := map[string]any{
		"host": "localhost", "hostaddr": "127.0.0.1", "port": private.Port(), "user": "u", "password": "not-to-be-shown", "dbname": "homeserver",
		"sslmode": "verify-full", "sslrootcert": filepath.Join(folder, "root.crt"),
	}
	portOver(t, args)
	for name, change := range map[string]map[string]any{
		"another name":      {"host": "127.0.0.1"},
		"another authority": {"sslrootcert": filepath.Join(folder, "stranger.crt")},
		"no TLS":            {"sslmode": "disable"},
	} {
		t.Run(name, func(t *testing.T) { unreachable(t, args, change) })
	}
}

// unreachable ports by arguments that do not lead to the target, which are refused without the password.
func unreachable(t *testing.T, args, change map[string]any) {
	t.Helper()
	wrong := maps.Clone(args)
	maps.Copy(wrong, change)
	config, _, err := postgres.ParseArgs(wrong)
	if err != nil {
		t.Fatal(err)
	}
	_, err = port.Run(t.Context(), port.Options{Source: demoSource(t, demo.Options{Events: 300, Seed: 1, Plain: true}), Target: config})
	refused, isRefused := errors.AsType[*port.RefusedError](err)
	if !isRefused || len(refused.Problems) != 1 || refused.Problems[0].ID != "target_unreachable" {
		t.Fatalf("got %v", err)
	}
	if strings.Contains(err.Error(), "not-to-be-shown") {
		t.Errorf("the password is in %v", err)
	}
}
