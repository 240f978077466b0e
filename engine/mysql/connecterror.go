package mysql

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io/fs"
	"net"
	"os"
	"slices"
	"syscall"

	"github.com/go-sql-driver/mysql"

	"github.com/synapsedb/synapse/engine"
)

// The server's error numbers that this package knows
// (https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html).
const (
	errTooManyConnections     = 1040
	errDatabaseAccessDenied   = 1044
	errAccessDenied           = 1045
	errUnknownDatabase        = 1049
	errHostBlocked            = 1129
	errHostNotAllowed         = 1130
	errTooManyUserConnections = 1203
	errLockWaitTimeout        = 1205
	errDeadlock               = 1213
	errRowChanged             = 1020
	errUnknownEngine          = 1286
	errTooManyUserResources   = 1226
	errInsecureTransport      = 3159
	errNoNull                 = 1048
	errDuplicate              = 1062
	errRowTooBig              = 1118
	errCheckMySQL             = 3819
	errCheckMariaDB           = 4025
	errUnknown                = 1105
	errPacketTooLarge         = 1153
	errOutOfRange             = 1264
	errWrongValue             = 1292
	errWrongText              = 1366
	errTooLong                = 1406
)

// explain turns a failed connection into an error for an operator.
func (c Config) explain(err error) error {
	if _, done := errors.AsType[*engine.Error](err); done {
		return err
	}
	return &engine.Error{Op: "open", Object: c.Name(), Err: err, Hint: c.connectHint(err)}
}

func (c Config) connectHint(err error) string {
	if refusal, ok := errors.AsType[*mysql.MySQLError](err); ok {
		return c.serverHint(refusal.Number)
	}
	if hint := driverHint(err); hint != "" {
		return hint
	}
	return c.networkHint(err)
}

func (c Config) serverHint(number uint16) string {
	switch number {
	case errAccessDenied:
		if c.TLS == TLSDisabled && c.Socket == "" {
			return "check user and password, and whether the server wants this user to use TLS"
		}
		return "check user and password"
	case errDatabaseAccessDenied:
		return "as an administrator: GRANT ALL ON " + QuoteIdentifier(c.Database) + ".* to the user " + c.User
	case errUnknownDatabase:
		return "create the database: CREATE DATABASE " + QuoteIdentifier(c.Database) + " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
	case errTooManyConnections, errTooManyUserConnections, errTooManyUserResources:
		return "close other connections, or raise max_connections or the user's limit on the server"
	case errHostNotAllowed:
		return "the server knows no user that may come from this machine: check user, and the hosts it is allowed on"
	case errHostBlocked:
		return "as an administrator: FLUSH HOSTS, after having found out what failed so often"
	case errInsecureTransport:
		return "set tls to required, or better to verify_identity"
	case errUnknownEngine:
		return "turn InnoDB on: the other storage engines have no transactions"
	}
	return ""
}

func driverHint(err error) string {
	switch {
	case errors.Is(err, mysql.ErrNoTLS):
		return "turn TLS on at the server, or set tls to preferred"
	case errors.Is(err, mysql.ErrUnknownPlugin), errors.Is(err, mysql.ErrNativePassword), errors.Is(err, mysql.ErrOldPassword):
		return "let the user log in with caching_sha2_password, ed25519 or mysql_native_password"
	case errors.Is(err, mysql.ErrCleartextPassword):
		return "let the user log in by a method that does not send the password as it is"
	case errors.Is(err, mysql.ErrMalformPkt), errors.Is(err, mysql.ErrPktSync), errors.Is(err, mysql.ErrOldProtocol):
		return "check host and port: what answers there does not speak as MariaDB and MySQL do"
	case errors.Is(err, mysql.ErrInvalidConn):
		return "the server ended the connection: look at its log"
	}
	return ""
}

func (c Config) networkHint(err error) string {
	var lookup *net.DNSError
	switch {
	case errors.Is(err, context.Canceled):
		return ""
	case errors.As(err, &lookup):
		return "check host: the name cannot be looked up"
	case errors.Is(err, syscall.ECONNREFUSED) && c.Socket != "":
		return "start the server: its socket is there, and nobody listens"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "check host and port, and that the server runs and listens there (bind_address, skip_networking)"
	case c.Socket != "" && errors.Is(err, fs.ErrNotExist):
		return "check that the server runs, and that this is its socket"
	case c.Socket != "" && errors.Is(err, fs.ErrPermission):
		return "this user may not use the server's socket: run as another user, or connect over TCP"
	case isTLSError(err):
		return "check tls and tls_ca against the server's certificate"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return "the server did not answer in time: check host, port and firewalls"
	}
	return ""
}

func isTLSError(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var name x509.HostnameError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &name) ||
		errors.As(err, &record) || errors.As(err, &alert)
}

// isNumber reports whether an error is one of the server's with one of the numbers.
func isNumber(err error, numbers ...uint16) bool {
	refusal, ok := errors.AsType[*mysql.MySQLError](err)
	return ok && slices.Contains(numbers, refusal.Number)
}
