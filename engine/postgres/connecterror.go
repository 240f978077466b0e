package postgres

import (
	"errors"
	"net"
	"slices"
	"strings"

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
	kind := c.failure(err).Kind
	if kind == FailedDatabaseMissing {
		return "create the database: " + createDatabaseCommand(c.User(), c.Database(), false)
	}
	return hints()[kind]
}

// hints are about failures that need no more than the arguments to be explained.
func hints() map[FailureKind]string {
	const (
		hba   = "add a line for this user, database and address to the server's pg_hba.conf, then reload the server"
		login = "check the user in database.args, and the login methods in the server's pg_hba.conf"
		tls   = "check sslmode and the ssl keys in database.args against the server's ssl settings"
		wait  = "wait until the server has started"
	)
	return map[FailureKind]string{
		FailedPassword: "check user and password in database.args", FailedNoHBAEntry: hba, FailedHBAReject: hba,
		FailedIdent: login, FailedPeer: login, FailedLogin: login, FailedRoleMissing: login, FailedRoleNoLogin: login, FailedClientCertificate: login,
		FailedConnectRight: "grant the role CONNECT on the database",
		FailedTooMany:      "close other connections, or raise max_connections of the server",
		FailedStarting:     wait, FailedStopping: wait, FailedRecovery: wait, FailedNotReady: wait,
		FailedOption:          "check options in database.args",
		FailedOtherPeer:       "check requirepeer in database.args",
		FailedHostUnknown:     "check host in database.args: the name cannot be looked up",
		FailedRefused:         "check host and port in database.args, and that the server runs and listens there (listen_addresses)",
		FailedSocketMissing:   "check that the server runs and keeps its socket in the directory given as host",
		FailedSocketForbidden: "this user may not use the server's socket: run as another user, or connect over TCP",
		FailedTLS:             tls, FailedTLSNotOffered: tls, FailedCertificate: tls,
		FailedTimeout: "the server did not answer in time: check host, port and firewalls",
	}
}
