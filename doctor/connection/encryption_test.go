package connection_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/engine/postgres"
)

func TestMissingTLSIsExplained(t *testing.T) {
	t.Parallel()
	folder := certificates(t)
	p := start(t, map[string]string{"ssl": "on", "ssl_cert_file": folder + "/server.crt", "ssl_key_file": folder + "/server.key", "ssl_ca_file": folder + "/server.crt"})
	p.exec(t, "CREATE ROLE tls_role LOGIN PASSWORD '"+secret+"'", "CREATE ROLE localhost LOGIN")
	p.write(t, p.text(t, "SHOW hba_file"), ownLines+"hostssl all localhost all cert\nhostssl all all all scram-sha-256\n")
	for _, mode := range []string{"disable", "allow"} {
		given := p.tcp("tls_role", args{"sslmode": mode})
		if mode == "allow" { // comes to TLS by itself
			mustConnect(t, given)
			continue
		}
		if found := mustFind(t, given, connection.TLSRequired); !strings.Contains(found.Remedy.Text, "sslmode: require") {
			t.Errorf("%+v", found)
		}
	}
	mustConnect(t, p.tcp("tls_role", args{"sslmode": "require"}))
	mustConnect(t, p.tcp("tls_role", args{"sslmode": "verify-full", "host": "localhost", "hostaddr": "127.0.0.1", "sslrootcert": folder + "/server.crt"}))
	for name, test := range map[string]struct {
		user   string
		others args
		kind   postgres.FailureKind
		remedy string
	}{
		"another authority":    {"tls_role", args{"sslmode": "verify-ca", "sslrootcert": folder + "/other.crt"}, postgres.FailedCertificate, "let sslrootcert"},
		"another name":         {"tls_role", args{"sslmode": "verify-full", "sslrootcert": folder + "/server.crt"}, postgres.FailedCertificate, "give as host"},
		"no certificate of it": {"localhost", args{"sslmode": "require"}, postgres.FailedClientCertificate, "sslcert"},
	} {
		found := mustFind(t, p.tcp(test.user, test.others), connection.ID(test.kind))
		if !strings.Contains(found.Remedy.Text, test.remedy) {
			t.Errorf("%s: %+v", name, found)
		}
	}
	mustConnect(t, p.tcp("localhost", args{"sslmode": "require", "sslcert": folder + "/server.crt", "sslkey": folder + "/server.key"}))
}

// A server gets TLS, of a version that the client has not, then of one that it has.
func TestTLSThatTheServerHasNotIsExplainedAndOvercome(t *testing.T) {
	t.Parallel()
	folder := certificates(t)
	p := start(t, nil)
	p.exec(t, "CREATE ROLE ordinary LOGIN PASSWORD '"+secret+"'")
	given := p.tcp("ordinary", args{"sslmode": "require", "ssl_max_protocol_version": "TLSv1.2"})
	if found := mustFind(t, given, connection.ID(postgres.FailedTLSNotOffered)); !strings.Contains(found.Remedy.Text, "ssl = on") {
		t.Errorf("%+v", found)
	}
	mustConnect(t, p.tcp("ordinary", args{"sslmode": "prefer"}))
	p.exec(t, "ALTER SYSTEM SET ssl_cert_file = '"+folder+"/server.crt'", "ALTER SYSTEM SET ssl_key_file = '"+folder+"/server.key'",
		"ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.3'", "ALTER SYSTEM SET ssl = on", "SELECT pg_reload_conf()")
	mustConnect(t, p.tcp("ordinary", args{"sslmode": "require"}))
	mustFind(t, given, connection.ID(postgres.FailedTLS))
	p.exec(t, "ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1.2'", "SELECT pg_reload_conf()")
	mustConnect(t, given)
	certificatesEnd(t, p, folder)
}

// certificatesEnd renews a certificate in its file, and has the server reloaded, as the findings say.
func certificatesEnd(t *testing.T, p *private, folder string) {
	t.Helper()
	unverified := p.tcp("ordinary", args{"sslmode": "require"})
	verified := p.tcp("ordinary", args{"sslmode": "verify-full", "host": "localhost", "hostaddr": "127.0.0.1", "sslrootcert": folder + "/server.crt"})
	const expires, expired = "warning " + connection.ServerCertificateExpires, "warning " + connection.ServerCertificateExpired
	for _, test := range []struct {
		left                           time.Duration
		wantsUnverified, wantsVerified string
	}{
		{24 * time.Hour, expires, expires},
		{-time.Hour, expired, "error " + connection.ID(postgres.FailedCertificate)},
		{1000 * time.Hour, "", ""},
	} {
		selfSigned(t, folder, "server", test.left)
		p.exec(t, "SELECT pg_reload_conf()")
		for _, one := range []struct {
			given args
			want  string
		}{{unverified, test.wantsUnverified}, {verified, test.wantsVerified}} {
			eventually(t, "the server shows the new certificate", func() bool { return slices.Equal(aboutCertificates(t, one.given), strings.Fields(one.want)) })
		}
	}
}

// aboutCertificates are severity and ID of the finding about one.
func aboutCertificates(t *testing.T, given args) (found []string) {
	t.Helper()
	report, err := doctor.Check(t.Context(), optionsOf(t, given))
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range report.Findings {
		if strings.Contains(one.ID, "certificate") {
			found = append(found, string(one.Severity), one.ID)
			if strings.Contains(one.ID, "connection") && !strings.Contains(one.Remedy.Text, "renew the server's certificate") {
				t.Errorf("%+v", one)
			}
		}
	}
	return found
}
