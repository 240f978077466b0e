package postgres

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"slices"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// connectFailure shortens the driver's account of all its attempts to one
// line. Its cause is kept without the driver's configuration, which holds the
// password.
type connectFailure struct {
	text  string
	cause error
}

func (f *connectFailure) Error() string { return f.text }
func (f *connectFailure) Unwrap() error { return f.cause }

// explain turns a failed connection into an error for an operator.
func (c *Config) explain(err error) error {
	if connect, ok := errors.AsType[*pgconn.ConnectError](err); ok {
		err = errors.Unwrap(connect)
	}
	return &engine.Error{
		Op:     "connect to PostgreSQL",
		Object: c.Describe(),
		Err:    &connectFailure{text: summary(err), cause: err},
		Hint:   c.connectHint(err),
	}
}

// summary names each different cause once, the most telling first: with
// sslmode=prefer the same one usually comes twice, and a server without TLS is
// no reason by itself where another answer came.
func summary(err error) string {
	var texts []string
	var answers int
	for _, cause := range byNearness(causes(err)) {
		text := strings.Join(strings.Fields(causeText(cause)), " ")
		if slices.Contains(texts, text) {
			continue
		}
		texts = append(texts, text)
		if nearness(cause) > unreached && !strings.HasSuffix(text, noTLS) {
			answers++
		}
	}
	if answers > 0 {
		texts = slices.DeleteFunc(texts, func(text string) bool { return strings.HasSuffix(text, noTLS) })
	}
	return strings.Join(texts, "; ")
}

// How far an attempt to connect came.
const (
	unreached = iota // no connection was made
	reached          // one was made, but not agreed upon: TLS, the peer, the login method
	answered         // the server gave its reason
)

func nearness(cause error) int {
	if _, server := errors.AsType[*pgconn.PgError](cause); server {
		return answered
	}
	_, lookup := errors.AsType[*net.DNSError](cause)
	network, isNetwork := errors.AsType[*net.OpError](cause)
	if lookup || isNetwork && network.Op == "dial" {
		return unreached
	}
	return reached
}

// byNearness sorts the causes of one failure, the nearest to success first. A
// name may stand for several addresses, of which the server listens on one:
// what came of that one must not be hidden by the others.
func byNearness(causes []error) []error {
	return slices.SortedStableFunc(slices.Values(causes), func(a, b error) int { return nearness(b) - nearness(a) })
}

// noTLS is how the driver says that the server wants no TLS.
const noTLS = "server refused TLS connection"

func causes(err error) []error {
	if joined, several := err.(interface{ Unwrap() []error }); several {
		return joined.Unwrap()
	}
	if inner := errors.Unwrap(err); inner != nil {
		if _, several := inner.(interface{ Unwrap() []error }); several {
			return causes(inner)
		}
	}
	return []error{err}
}

func causeText(cause error) string {
	if server, ok := errors.AsType[*pgconn.PgError](cause); ok {
		return server.Message + " (SQLSTATE " + server.Code + ")"
	}
	return cause.Error()
}

// connectHint says what to do about the cause that is nearest to success: a
// server that answered tells more than one that did not, and a connection that
// failed tells more than one that was not made.
func (c *Config) connectHint(err error) string {
	if server, ok := errors.AsType[*pgconn.PgError](err); ok {
		return c.serverHint(server)
	}
	if errors.Is(err, context.Canceled) {
		return ""
	}
	nearest := byNearness(causes(err))
	rest := slices.IndexFunc(nearest, func(cause error) bool { return nearness(cause) < nearness(nearest[0]) })
	if rest < 0 {
		rest = len(nearest)
	}
	return networkHint(errors.Join(nearest[:rest]...))
}

func (c *Config) serverHint(server *pgconn.PgError) string {
	switch server.Code {
	case "3D000":
		return "create the database: " + createDatabaseCommand(c.User(), c.Database(), false)
	case "28P01":
		return "check user and password in database.args"
	case "28000":
		if strings.Contains(server.Message, "pg_hba.conf") {
			return "add a line for this user, database and address to the server's pg_hba.conf, then reload the server"
		}
		return "check the user in database.args, and the login methods in the server's pg_hba.conf"
	case "42501":
		return "grant the role CONNECT on the database"
	case "53300":
		return "close other connections, or raise max_connections of the server"
	case "57P03":
		return "wait until the server has started"
	case "42704", "22023", "55P02":
		return "check options in database.args"
	}
	return ""
}

func networkHint(err error) string {
	var lookup *net.DNSError
	var refused *engine.ConflictError
	switch {
	case errors.As(err, &refused):
		return "check requirepeer in database.args"
	case errors.As(err, &lookup):
		return "check host in database.args: the name cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check host and port in database.args, and that the server runs and listens there (listen_addresses)"
	case errors.Is(err, fs.ErrNotExist):
		return "check that the server runs and keeps its socket in the directory given as host"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not use the server's socket: run as another user, or connect over TCP"
	case isTLSError(err):
		return "check sslmode and the ssl keys in database.args against the server's ssl settings"
	case pgconn.Timeout(err), errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "the server did not answer in time: check host, port and firewalls"
	}
	return ""
}

func isTLSError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name) ||
		strings.Contains(err.Error(), "tls error")
}
