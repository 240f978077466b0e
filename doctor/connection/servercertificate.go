package connection

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

// serverCertificate looks at the certificates that the server shows. One that has ended and is verified lets no connection be made at all:
// then nothing but that is found, as connection_certificate.
func serverCertificate(ctx context.Context, config *postgres.Config) []finding.Finding {
	first := firstToEnd(shownCertificates(ctx, config))
	if first == nil || time.Until(first.NotAfter) > expiry {
		return nil
	}
	verifies := strings.HasPrefix(config.Link().SSLMode, "verify-")
	day := first.NotAfter.Format(time.DateOnly)
	result := finding.Finding{
		ID: ServerCertificateExpires, Severity: finding.Warning, What: "the server's certificate expires on " + day,
		Meaning:  "from then on every client that verifies it (sslmode verify-ca, verify-full) refuses to connect; " + ofThisOne(verifies, config),
		Evidence: []string{"certificate of " + first.Subject.String(), "valid until " + first.NotAfter.UTC().Format(time.RFC3339)},
		Remedy: finding.Remedy{
			Text:     asAdministrator + "renew the certificate in the file that ssl_cert_file names, and reload the server: sessions that are open go on",
			Commands: []string{"SHOW ssl_cert_file;", "SELECT pg_reload_conf();"},
		},
	}
	if time.Until(first.NotAfter) < 0 {
		result.ID, result.What = ServerCertificateExpired, "the server's certificate has expired on "+day
		result.Meaning = "every client that verifies it (sslmode verify-ca, verify-full) refuses to connect; " + ofThisOne(verifies, config)
	}
	return []finding.Finding{result}
}

func ofThisOne(verifies bool, config *postgres.Config) string {
	if verifies {
		return "the homeserver is one of them"
	}
	return fmt.Sprintf("the homeserver's sslmode %s looks at no date", config.Link().SSLMode)
}

// shownCertificates are those of a connection of its own, since a session does not tell. None, when no more connection can be made: that
// is another check's finding.
func shownCertificates(ctx context.Context, config *postgres.Config) []*x509.Certificate {
	connection, err := config.Connect(ctx, nil)
	if err != nil {
		return nil
	}
	defer connection.Close(ctx)
	secure, isSecure := connection.PgConn().Conn().(*tls.Conn)
	if !isSecure {
		return nil
	}
	return secure.ConnectionState().PeerCertificates
}

// firstToEnd is nil without certificates. A chain is worth no more than that of its links which ends first.
func firstToEnd(chain []*x509.Certificate) *x509.Certificate {
	if len(chain) == 0 {
		return nil
	}
	return slices.MinFunc(chain, func(a, b *x509.Certificate) int { return a.NotAfter.Compare(b.NotAfter) })
}
