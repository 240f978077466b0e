package connection

import (
	"context"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// The findings about connections that work.
const (
	KeepalivesSlow      = "keepalives_slow"
	UserTimeoutMissing  = "tcp_user_timeout_missing"
	PoolTooLarge        = "pool_too_large"
	FewProcesses        = "few_processes"
	ConnectionsUsed     = "connections_nearly_used"
	Unverified          = "sslmode_unverified"
	CertificateExpires  = "client_certificate_expires"
	CertificateUnusable = "client_certificate_expired"

	ServerCertificateExpires = "server_certificate_expires"
	ServerCertificateExpired = "server_certificate_expired"
)

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{
		{
			Name: "connection_settings", Engines: []engine.Kind{engine.Postgres},
			Reads: "the arguments of the configuration, the client's certificate, how the session is encrypted, and if it is, the server's certificate on a second connection", Run: checkLink,
		},
		{
			Name: "connection_limits", Engines: []engine.Kind{engine.Postgres},
			Reads: "the limits of connections of server, role and database, and how many there are", Run: checkLimits,
		},
	}
}

func checkLink(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	if subject.Postgres == nil {
		return nil, nil
	}
	link := subject.Postgres.Link()
	found := certificate(link.ClientCertificate)
	encrypted, err := encryption(ctx, subject.Session)
	if err != nil {
		return found, err
	}
	if encrypted {
		found = append(found, serverCertificate(ctx, subject.Postgres)...)
	}
	remote := subject.Postgres.Remote(ctx)
	if remote == "" { // a connection within a machine does not go silent, and nobody listens to it
		return found, nil
	}
	found = append(found, keepalives(link, remote)...)
	return append(found, unverified(link, remote, encrypted)...), nil
}
