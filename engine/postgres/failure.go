package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"regexp"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// FailureKind says why a connection could not be made.
type FailureKind string

// The kinds of failures.
const (
	FailedCanceled          FailureKind = "canceled"
	FailedRefused           FailureKind = "refused"
	FailedHostUnknown       FailureKind = "host_unknown"
	FailedTimeout           FailureKind = "timeout"
	FailedSocketMissing     FailureKind = "socket_missing"
	FailedSocketForbidden   FailureKind = "socket_forbidden"
	FailedOtherPeer         FailureKind = "other_peer"       // the server is not the user that requirepeer names
	FailedTLSNotOffered     FailureKind = "tls_not_offered"  // sslmode insists on TLS, the server has none
	FailedCertificate       FailureKind = "certificate"      // the server's certificate was not accepted here
	FailedTLS               FailureKind = "tls"              // anything else about TLS
	FailedDatabaseMissing   FailureKind = "database_missing" //
	FailedDatabaseClosed    FailureKind = "database_closed"  // ALLOW_CONNECTIONS false
	FailedRoleMissing       FailureKind = "role_missing"     //
	FailedRoleNoLogin       FailureKind = "role_no_login"    //
	FailedPassword          FailureKind = "password"         // wrong, or of another role, which the server does not tell
	FailedIdent             FailureKind = "ident"            //
	FailedPeer              FailureKind = "peer"             //
	FailedLogin             FailureKind = "login"            // another method of login failed
	FailedClientCertificate FailureKind = "client_certificate"
	FailedNoHBAEntry        FailureKind = "no_hba_entry" // no line of pg_hba.conf matches
	FailedHBAReject         FailureKind = "hba_reject"   // a line of pg_hba.conf says reject
	FailedConnectRight      FailureKind = "connect_right"
	FailedTooMany           FailureKind = "too_many"
	FailedStarting          FailureKind = "starting"
	FailedStopping          FailureKind = "stopping"
	FailedRecovery          FailureKind = "recovery"
	FailedNotReady          FailureKind = "not_ready" // one of the three before, in another language
	FailedOption            FailureKind = "option"    // the server does not take a parameter of the session
	FailedPooler            FailureKind = "pooler"    // ErrPooler
	FailedOther             FailureKind = "other"
)

// Failure is why a connection could not be made: of several attempts, the one that came nearest to success.
type Failure struct {
	Kind FailureKind
	// Message is the server's or the network's, in one line.
	Message string
	// SQLState is the server's code; empty when it did not answer.
	SQLState string
	// Routine of the server's program that refused; empty when it did not answer. It tells apart what has one SQLState, in any language.
	Routine string
	// Server is the address that was connected to, "127.0.0.1:5432"; empty when it is not known.
	Server string
	// Client is this program's address as the server sees it, when the server named it.
	Client string
	// Cause is the error of that attempt.
	Cause error
}

// FailureOf finds out why a connection could not be made from an error of this package; it is nil for an error that is about something
// else.
func (c *Config) FailureOf(err error) *Failure {
	cause := err
	if failed, ok := errors.AsType[*connectFailure](err); ok {
		cause = failed.cause
	} else if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		cause = errors.Unwrap(connect)
	} else if !errors.Is(err, ErrPooler) {
		return nil
	}
	return c.failure(cause)
}

func (c *Config) failure(err error) *Failure {
	nearest := nearest(err)
	first := nearest[0]
	failure := &Failure{Message: strings.Join(strings.Fields(causeText(first)), " "), Server: dialled(first), Cause: first}
	if server, ok := errors.AsType[*pgconn.PgError](first); ok {
		failure.SQLState, failure.Routine = server.Code, server.Routine
		failure.Kind, failure.Client = c.serverFailure(server), hostNamed(server.Message)
		return failure
	}
	failure.Kind = networkFailure(errors.Join(nearest...))
	return failure
}

// nearest gives those causes that came as near to success as any did.
func nearest(err error) []error {
	sorted := byNearness(causes(err))
	rest := slices.IndexFunc(sorted, func(cause error) bool { return nearness(cause) < nearness(sorted[0]) })
	if rest < 0 {
		rest = len(sorted)
	}
	return sorted[:rest]
}

// dialled reads the address out of the driver's message, "address (host): …", which is the only place where it is.
func dialled(cause error) string {
	address, _, found := strings.Cut(cause.Error(), " (")
	if !found || strings.ContainsAny(address, " \t\n") {
		return ""
	}
	return address
}

// hostNamed reads the client's address out of what the server says when pg_hba.conf lets nobody in from there.
func hostNamed(message string) string {
	if !strings.Contains(message, "pg_hba.conf") {
		return ""
	}
	for _, word := range regexp.MustCompile(`[0-9a-fA-F.:]{3,}`).FindAllString(message, -1) {
		if address := net.ParseIP(word); address != nil {
			return address.String()
		}
	}
	return ""
}

func (c *Config) serverFailure(server *pgconn.PgError) FailureKind {
	kinds := map[string]FailureKind{
		"3D000": FailedDatabaseMissing, "55000": FailedDatabaseClosed, "28P01": FailedPassword, "42501": FailedConnectRight,
		"53300": FailedTooMany, "42704": FailedOption, "22023": FailedOption, "55P02": FailedOption, "57P01": FailedStopping,
	}
	switch server.Code {
	case "28000":
		return c.loginFailure(server)
	case "57P03":
		return notReady(server.Message)
	}
	if kind, known := kinds[server.Code]; known {
		return kind
	}
	return FailedOther
}

// loginFailure tells apart what the server has one code for: by its routine, which has no language, and by words that translations
// leave as they are.
func (c *Config) loginFailure(server *pgconn.PgError) FailureKind {
	text := strings.ToLower(strings.ReplaceAll(server.Message, `"`+c.User()+`"`, ""))
	switch {
	case server.Routine == "InitializeSessionUserId" && strings.Contains(text, "log in"):
		return FailedRoleNoLogin
	case server.Routine == "InitializeSessionUserId":
		return FailedRoleMissing
	case strings.Contains(text, "rejects") || strings.Contains(text, "host rejected"):
		return FailedHBAReject
	case strings.Contains(text, "pg_hba.conf"):
		return FailedNoHBAEntry
	case strings.Contains(text, "certificate"):
		return FailedClientCertificate
	case strings.Contains(text, "ident"):
		return FailedIdent
	case strings.Contains(text, "peer"):
		return FailedPeer
	}
	return FailedLogin
}

func notReady(message string) FailureKind {
	switch {
	case strings.Contains(message, "starting up"):
		return FailedStarting
	case strings.Contains(message, "shutting down"):
		return FailedStopping
	case strings.Contains(message, "recovery"), strings.Contains(message, "not yet accepting"), strings.Contains(message, "not accepting"):
		return FailedRecovery
	}
	return FailedNotReady
}

func networkFailure(err error) FailureKind {
	var lookup *net.DNSError
	var refused *engine.ConflictError
	switch {
	case errors.Is(err, ErrPooler):
		return FailedPooler
	case errors.Is(err, context.Canceled):
		return FailedCanceled
	case errors.As(err, &refused):
		return FailedOtherPeer
	case errors.As(err, &lookup):
		return FailedHostUnknown
	case errors.Is(err, syscall.ECONNREFUSED):
		return FailedRefused
	case errors.Is(err, fs.ErrNotExist):
		return FailedSocketMissing
	case errors.Is(err, fs.ErrPermission):
		return FailedSocketForbidden
	case isTLSError(err):
		return tlsFailure(err)
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return FailedTimeout
	}
	return FailedOther
}

func tlsFailure(err error) FailureKind {
	switch {
	case strings.HasSuffix(err.Error(), noTLS):
		return FailedTLSNotOffered
	case isCertificateError(err):
		return FailedCertificate
	}
	return FailedTLS
}

func isCertificateError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name)
}

func isTLSError(err error) bool {
	return isCertificateError(err) || isAlert(err) || strings.Contains(err.Error(), "tls error")
}

// isAlert reports whether one side ended the connection by an alert of TLS. With TLS 1.3 the server's comes after the client has found
// the handshake done.
func isAlert(err error) bool {
	network, isNetwork := errors.AsType[*net.OpError](err)
	return isNetwork && (network.Op == "remote error" || network.Op == "local error")
}
