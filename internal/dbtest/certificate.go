package dbtest

import (
	"cmp"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is a certificate of TLS with its key, in the files NAME.crt and NAME.key of a folder.
type Certificate struct {
	folder      string
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// NewAuthority makes a certificate that can sign others.
func NewAuthority(t testing.TB, folder, name string) *Certificate {
	t.Helper()
	return NewCertificate(t, folder, name, x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign})
}

// NewCertificate makes a certificate that signs itself. What the template leaves out of subject and times is filled in: the name, and an
// hour from now.
func NewCertificate(t testing.TB, folder, name string, template x509.Certificate) *Certificate {
	t.Helper()
	return (&Certificate{folder: folder}).Issue(t, name, template)
}

// Issue makes a certificate that this one signs, in the same folder.
func (c *Certificate) Issue(t testing.TB, name string, template x509.Certificate) *Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	complete(&template, name)
	parent, signer := c.certificate, c.key
	if parent == nil {
		parent, signer = &template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	writePEM(t, filepath.Join(c.folder, name+".crt"), "CERTIFICATE", der)
	writePEM(t, filepath.Join(c.folder, name+".key"), "PRIVATE KEY", encoded)
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &Certificate{folder: c.folder, certificate: made, key: key}
}

func complete(template *x509.Certificate, name string) {
	const lifetime = 2000 * time.Hour // less than that is left of one that ends in an hour
	template.SerialNumber = big.NewInt(time.Now().UnixNano())
	template.Subject.CommonName = cmp.Or(template.Subject.CommonName, name)
	if template.NotAfter.IsZero() {
		template.NotAfter = time.Now().Add(time.Hour)
	}
	if template.NotBefore.IsZero() {
		template.NotBefore = template.NotAfter.Add(-lifetime)
	}
}

func writePEM(t testing.TB, path, kind string, der []byte) {
	t.Helper()
	if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		t.Fatal(err)
	}
}
