package mysql_test

import (
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine/mysql"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// readable opens files to the account of the server.
func readable(t *testing.T, paths ...string) {
	t.Helper()
	for _, path := range paths {
		if err := os.Chmod(path, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestEncryption(t *testing.T) {
	t.Parallel()
	folder := dbtest.NewServerFolder(t)
	ca, stranger, empty := filepath.Join(folder, "ca.crt"), filepath.Join(folder, "stranger.crt"), filepath.Join(folder, "empty.crt")
	dbtest.NewAuthority(t, folder, "ca").Issue(t, "server", x509.Certificate{DNSNames: []string{"db.example"}})
	dbtest.NewAuthority(t, folder, "stranger")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	readable(t, filepath.Join(folder, "server.crt"), filepath.Join(folder, "server.key"))
	_, config := special(t, map[string]string{
		"ssl-cert": filepath.Join(folder, "server.crt"), "ssl-key": filepath.Join(folder, "server.key"), "require-secure-transport": "ON",
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
