package connection_test

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"path/filepath"
	"testing"
	"time"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// certificates makes a folder with server.crt and server.key, of a server called localhost, and other.crt of somebody else.
func certificates(t *testing.T) string {
	t.Helper()
	folder := dbtest.NewServerFolder(t)
	for _, name := range []string{"server", "other"} {
		selfSigned(t, folder, name, time.Hour)
	}
	return folder
}

// selfSigned writes NAME.crt and NAME.key, which the server may read, of a server called localhost.
func selfSigned(t *testing.T, folder, name string, left time.Duration) {
	t.Helper()
	dbtest.NewCertificate(t, folder, name, x509.Certificate{
		Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, NotAfter: time.Now().Add(left),
		IsCA: true, BasicConstraintsValid: true,
	})
	dbtest.GiveToServer(t, filepath.Join(folder, name+".crt"), filepath.Join(folder, name+".key"))
}
