package mysql_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine/mysql"
)

// authority signs a server's certificate.
type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// newAuthority makes an authority and writes its certificate to a file.
func newAuthority(t *testing.T, path string) *authority {
	t.Helper()
	made := &authority{key: newKey(t), certificate: certificateOf("authority")}
	made.certificate.IsCA, made.certificate.BasicConstraintsValid, made.certificate.KeyUsage = true, true, x509.KeyUsageCertSign
	made.sign(t, path, made.certificate, made.key)
	return made
}

// issue writes the certificate of the server db.example and its key.
func (a *authority) issue(t *testing.T, path, keyPath string) {
	t.Helper()
	certificate, key := certificateOf("db.example"), newKey(t)
	certificate.DNSNames = []string{"db.example"}
	a.sign(t, path, certificate, key)
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, keyPath, "PRIVATE KEY", encoded)
}

func (a *authority) sign(t *testing.T, path string, certificate *x509.Certificate, key *ecdsa.PrivateKey) {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, certificate, a.certificate, &key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, path, "CERTIFICATE", der)
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func certificateOf(name string) *x509.Certificate {
	return &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
}

// writePEM writes a file that the server's account can read.
func writePEM(t *testing.T, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o644); err != nil {
		t.Fatal(err)
	}
}

// openFolder makes a folder that the server's account can enter, which those of t.TempDir are not.
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

func TestEncryption(t *testing.T) {
	t.Parallel()
	folder := openFolder(t)
	ca, stranger, empty := filepath.Join(folder, "ca.pem"), filepath.Join(folder, "stranger.pem"), filepath.Join(folder, "empty.pem")
	newAuthority(t, ca).issue(t, filepath.Join(folder, "server.pem"), filepath.Join(folder, "server.key"))
	newAuthority(t, stranger)
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, config := special(t, map[string]string{
		"ssl-cert": filepath.Join(folder, "server.pem"), "ssl-key": filepath.Join(folder, "server.key"), "require-secure-transport": "ON",
	})
	for name, test := range map[string]struct {
		change func(*mysql.Config)
		want   string // of the message; empty where it works
	}{
		"preferred":             {func(*mysql.Config) {}, ""},
		"required":              {func(c *mysql.Config) { c.TLS = mysql.TLSRequired }, ""},
		"disabled":              {func(c *mysql.Config) { c.TLS = mysql.TLSDisabled }, "whether the server wants this user to use TLS"},
		"signed":                {func(c *mysql.Config) { c.TLS, c.TLSCA = mysql.TLSVerifyCA, ca }, ""},
		"signed by another":     {func(c *mysql.Config) { c.TLS, c.TLSCA = mysql.TLSVerifyCA, stranger }, "check tls and tls_ca"},
		"signed by no CA known": {func(c *mysql.Config) { c.TLS = mysql.TLSVerifyCA }, "check tls and tls_ca"},
		"another name":          {func(c *mysql.Config) { c.TLS, c.TLSCA = mysql.TLSVerifyIdentity, ca }, "check tls and tls_ca"},
		"no certificates":       {func(c *mysql.Config) { c.TLS, c.TLSCA = mysql.TLSVerifyCA, empty }, "holds no certificate"},
	} {
		t.Run(name, func(t *testing.T) {
			changed := config
			test.change(&changed)
			if test.want == "" {
				checkEncrypted(t, changed)
				return
			}
			if err := opens(t, changed); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// checkEncrypted connects and asks the server whether the connection is encrypted.
func checkEncrypted(t *testing.T, config mysql.Config) {
	t.Helper()
	var name, cipher string
	if err := open(t, config).QueryRowContext(t.Context(), `SHOW SESSION STATUS LIKE 'Ssl_cipher'`).Scan(&name, &cipher); err != nil || cipher == "" {
		t.Errorf("the cipher is %q, %v", cipher, err)
	}
}
