package postgres_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"maps"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// secureServer starts a server with TLS, whose role u has the password pw and
// whose role c needs a certificate.
func secureServer(t *testing.T, folder string) *server.Postgres {
	t.Helper()
	root := dbtest.NewAuthority(t, folder, "root")
	dbtest.NewAuthority(t, folder, "stranger")
	root.Issue(t, "server", x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	root.Issue(t, "c", x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	dbtest.GiveToServer(t, filepath.Join(folder, "server.key"), filepath.Join(folder, "server.crt"), filepath.Join(folder, "root.crt"))
	started := dbtest.StartPostgres(t, server.PostgresOptions{
		TCP: true,
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": filepath.Join(folder, "server.crt"),
			"ssl_key_file": filepath.Join(folder, "server.key"), "ssl_ca_file": filepath.Join(folder, "root.crt"),
		},
		HBA: []string{"hostssl all c 127.0.0.1/32 cert", "hostssl all u 127.0.0.1/32 scram-sha-256", "hostnossl all u 127.0.0.1/32 reject"},
	})
	for _, role := range []string{"u", "c"} {
		if err := started.CreateRole(t.Context(), role, "pw"); err != nil {
			t.Fatal(err)
		}
	}
	return started
}

func TestTLS(t *testing.T) {
	t.Parallel()
	folder := dbtest.NewServerFolder(t)
	secure := secureServer(t, folder)
	file := func(name string) string { return filepath.Join(folder, name) }
	passfile := file("pass")
	if err := os.WriteFile(passfile, []byte(fmt.Sprintf("other:*:*:*:x\nlocalhost:%d:postgres:u:pw\n", secure.Port())), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		args    args
		version uint16 // of TLS; 0 where the connection must fail
		failure string
	}{
		"prefer":                     {args{}, tls.VersionTLS13, ""},
		"require":                    {args{"sslmode": "require"}, tls.VersionTLS13, ""},
		"allow, refused without":     {args{"sslmode": "allow"}, tls.VersionTLS13, ""},
		"disable, refused":           {args{"sslmode": "disable"}, 0, "pg_hba.conf rejects connection for host"},
		"verify-full":                {args{"sslmode": "verify-full", "sslrootcert": file("root.crt")}, tls.VersionTLS13, ""},
		"verify-ca, other name":      {args{"sslmode": "verify-ca", "sslrootcert": file("root.crt"), "host": "127.0.0.1"}, tls.VersionTLS13, ""},
		"verify-full, other name":    {args{"sslmode": "verify-full", "sslrootcert": file("root.crt"), "host": "127.0.0.1"}, 0, "check sslmode and the ssl keys"},
		"name from host":             {args{"sslmode": "verify-full", "sslrootcert": file("root.crt"), "hostaddr": "127.0.0.1"}, tls.VersionTLS13, ""},
		"verify-full, stranger":      {args{"sslmode": "verify-full", "sslrootcert": file("stranger.crt")}, 0, "check sslmode and the ssl keys"},
		"require verifies, too":      {args{"sslmode": "require", "sslrootcert": file("stranger.crt")}, 0, "check sslmode and the ssl keys"},
		"system's certificates":      {args{"sslrootcert": "system"}, 0, "check sslmode and the ssl keys"},
		"nothing at other address":   {args{"host": "localhost,localhost", "hostaddr": "127.0.0.1,::1", "sslmode": "verify-full", "sslrootcert": file("stranger.crt")}, 0, "check sslmode and the ssl keys"},
		"nothing at first address":   {args{"host": "localhost,localhost", "hostaddr": "::1,127.0.0.1", "sslmode": "verify-full", "sslrootcert": file("stranger.crt")}, 0, "check sslmode and the ssl keys"},
		"rejected, nothing at other": {args{"host": "localhost,localhost", "hostaddr": "127.0.0.1,::1", "sslmode": "disable"}, 0, "pg_hba.conf, then reload"},
		"refused login, and nothing": {args{"host": "localhost,localhost", "hostaddr": "::1,127.0.0.1", "require_auth": "!scram-sha-256"}, 0, "authentication method requirement"},
		"second address":             {args{"host": "localhost,localhost", "hostaddr": "::1,127.0.0.1"}, tls.VersionTLS13, ""},
		"highest version":            {args{"sslmode": "require", "ssl_max_protocol_version": "TLSv1.2"}, tls.VersionTLS12, ""},
		"lowest version":             {args{"sslmode": "require", "ssl_min_protocol_version": "TLSv1.3"}, tls.VersionTLS13, ""},
		"without the server name":    {args{"sslmode": "require", "sslsni": 0}, tls.VersionTLS13, ""},
		"channel binding":            {args{"sslmode": "require", "channel_binding": "require"}, tls.VersionTLS13, ""},
		"password file":              {args{"password": nil, "passfile": passfile}, tls.VersionTLS13, ""},
		"no password":                {args{"password": nil, "passfile": file("none")}, 0, "password"},
		"certificate":                {args{"user": "c", "sslcert": file("c.crt"), "sslkey": file("c.key"), "sslmode": "require", "sslcertmode": "require"}, tls.VersionTLS13, ""},
		"certificate not sent":       {args{"user": "c", "sslcert": file("c.crt"), "sslkey": file("c.key"), "sslmode": "require", "sslcertmode": "disable"}, 0, "certificate"},
		"login method not allowed":   {args{"require_auth": "!scram-sha-256"}, 0, "authentication method requirement"},
		"connection string":          {args{"dsn": "sslmode=verify-full sslrootcert=" + file("root.crt")}, tls.VersionTLS13, ""},
	} {
		t.Run(name, func(t *testing.T) {
			given := args{"host": "localhost", "port": secure.Port(), "user": "u", "password": "pw", "dbname": "postgres"}
			maps.Copy(given, test.args)
			config, _, err := postgres.ParseArgs(given)
			if err != nil {
				t.Fatal(err)
			}
			connection, err := config.Connect(t.Context(), nil)
			if test.version == 0 {
				if err == nil || !strings.Contains(err.Error(), test.failure) {
					t.Errorf("error %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = connection.Close(context.Background()) }()
			secured, isTLS := connection.PgConn().Conn().(*tls.Conn)
			if !isTLS || secured.ConnectionState().Version != test.version {
				t.Errorf("TLS %v", isTLS)
			}
		})
	}
}

func TestTLSFilesThatDoNotFit(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	root := dbtest.NewAuthority(t, folder, "root")
	root.Issue(t, "one", x509.Certificate{})
	root.Issue(t, "two", x509.Certificate{})
	file := func(name string) string { return filepath.Join(folder, name) }
	if err := os.WriteFile(file("empty"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for want, given := range map[string]args{
		"sslrootcert: holds no certificate":                    {"sslrootcert": file("empty")},
		"sslkey: holds no private key":                         {"sslcert": file("one.crt"), "sslkey": file("empty")},
		"sslkey: cannot be read: no such file or directory":    {"sslcert": file("one.crt"), "sslkey": file("none")},
		"sslcert: cannot be read: no such file or directory":   {"sslcert": file("none"), "sslkey": file("one.key")},
		"sslcert: is no certificate, or not the one of sslkey": {"sslcert": file("two.crt"), "sslkey": file("one.key")},
	} {
		given["host"] = net.IPv4zero.String()
		_, _, err := postgres.ParseArgs(given)
		if fmt.Sprint(err) != want {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if _, _, err := postgres.ParseArgs(args{"host": "h", "sslmode": "disable", "sslrootcert": file("none"), "sslkey": file("none")}); err != nil {
		t.Errorf("files are not needed without TLS: %v", err)
	}
}
