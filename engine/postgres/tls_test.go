package postgres_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/server"
)

// authority signs the certificates of a test.
type authority struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, folder, name string) *authority {
	t.Helper()
	made := &authority{folder: folder}
	made.key, made.certificate = made.issue(t, name, &x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
	return made
}

// issue writes NAME.crt and NAME.key, signed by the authority, or by itself
// when the authority is only being made.
func (a *authority) issue(t *testing.T, name string, template *x509.Certificate) (*ecdsa.PrivateKey, *x509.Certificate) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject = pkix.Name{CommonName: name}
	template.NotBefore, template.NotAfter = time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	parent, signer := a.certificate, a.key
	if parent == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	encodedKey, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(a.folder, name+".crt"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(a.folder, name+".key"), "PRIVATE KEY", encodedKey)
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return key, certificate
}

func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}

// readableByServer gives a file to the account that servers run as when the
// tests run as root.
func readableByServer(t *testing.T, path string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	account, err := user.Lookup("postgres")
	if err != nil {
		t.Fatal(err)
	}
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := os.Chown(path, uid, gid); err != nil {
		t.Fatal(err)
	}
}

// openFolder is a folder that the server's account can enter, which those of
// t.TempDir are not.
func openFolder(t *testing.T) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "synapse-tls-")
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

// secureServer starts a server with TLS, whose role u has the password pw and
// whose role c needs a certificate.
func secureServer(t *testing.T, folder string) *server.Postgres {
	t.Helper()
	root := newAuthority(t, folder, "root")
	newAuthority(t, folder, "stranger")
	root.issue(t, "server", &x509.Certificate{DNSNames: []string{"localhost"}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	root.issue(t, "c", &x509.Certificate{ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}})
	for _, name := range []string{"server.key", "server.crt", "root.crt"} {
		readableByServer(t, filepath.Join(folder, name))
	}
	started, err := server.StartPostgres(t.Context(), server.PostgresOptions{
		TCP: true,
		Settings: map[string]string{
			"ssl": "on", "ssl_cert_file": filepath.Join(folder, "server.crt"),
			"ssl_key_file": filepath.Join(folder, "server.key"), "ssl_ca_file": filepath.Join(folder, "root.crt"),
		},
		HBA: []string{"hostssl all c 127.0.0.1/32 cert", "hostssl all u 127.0.0.1/32 scram-sha-256", "hostnossl all u 127.0.0.1/32 reject"},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := started.Stop(); err != nil {
			t.Error(err)
		}
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
	folder := openFolder(t)
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
	root := newAuthority(t, folder, "root")
	root.issue(t, "one", &x509.Certificate{})
	root.issue(t, "two", &x509.Certificate{})
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
