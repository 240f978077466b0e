package port_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"maps"
	"math/big"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

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
	folder := folderForServer(t)
	authority(t, folder)
	private, err := server.StartPostgres(t.Context(), server.PostgresOptions{
		TCP: true,
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": filepath.Join(folder, "server.crt"), "ssl_key_file": filepath.Join(folder, "server.key"),
		},
		HBA: []string{"hostssl all u 127.0.0.1/32 scram-sha-256", "hostnossl all u 127.0.0.1/32 reject"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := private.Stop(); err != nil {
			t.Error(err)
		}
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

// folderForServer is one that the server's account can enter, which those of t.TempDir are not.
func folderForServer(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "synapse-port-tls-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(folder); err != nil {
			t.Error(err)
		}
	})
	if err := os.Chmod(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder
}

// authority writes root.crt, a certificate for localhost that it has signed, and stranger.crt, which has signed nothing.
func authority(t *testing.T, folder string) {
	t.Helper()
	root, rootKey := certificate(t, folder, "root", nil, nil)
	certificate(t, folder, "stranger", nil, nil)
	certificate(t, folder, "server", root, rootKey)
	if os.Getuid() != 0 {
		return
	}
	account, err := user.Lookup("postgres") // whom servers run as when tests run as root
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	for _, name := range []string{"server.crt", "server.key"} {
		if err := os.Chown(filepath.Join(folder, name), uid, gid); err != nil {
			t.Fatal(err)
		}
	}
}

// certificate writes NAME.crt and NAME.key; without a parent it is an authority, which signs itself.
func certificate(t *testing.T, folder, name string, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	if parent == nil {
		template.IsCA, template.BasicConstraintsValid, template.KeyUsage = true, true, x509.KeyUsageCertSign
		parent, parentKey = template, key
	} else {
		template.DNSNames, template.ExtKeyUsage = []string{"localhost"}, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, parentKey)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for suffix, block := range map[string]*pem.Block{".crt": {Type: "CERTIFICATE", Bytes: der}, ".key": {Type: "PRIVATE KEY", Bytes: encoded}} {
		if err := os.WriteFile(filepath.Join(folder, name+suffix), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return made, key
}
