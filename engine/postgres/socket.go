package postgres

import (
	"context"
	"net"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
)

// socketOptions are libpq's settings of the socket itself.
type socketOptions struct {
	keepAlive   net.KeepAliveConfig
	userTimeout time.Duration
	// requiredPeer is the user a server at a Unix socket must run as.
	requiredPeer string
}

func (r *reader) socket(all settings) socketOptions {
	options := socketOptions{
		keepAlive: net.KeepAliveConfig{
			Enable:   all.value("keepalives") != "0",
			Idle:     keepAliveTime(all.value("keepalives_idle")),
			Interval: keepAliveTime(all.value("keepalives_interval")),
			Count:    keepAliveNumber(all.value("keepalives_count")),
		},
		userTimeout:  time.Duration(number(all.value("tcp_user_timeout"))) * time.Millisecond,
		requiredPeer: all.value("requirepeer"),
	}
	if options.userTimeout > 0 && !socketOptionsSupported {
		r.warn("tcp_user_timeout", "this operating system has no such timeout")
	}
	if options.requiredPeer != "" && !socketOptionsSupported {
		r.reject(&engine.ValueError{Key: "requirepeer", Problem: "this operating system does not tell a socket's peer"})
	}
	return options
}

// keepAliveTime is a number of seconds, or negative to leave the system's
// default: zero would stand for Go's own defaults, which are not libpq's.
func keepAliveTime(value string) time.Duration {
	return time.Duration(keepAliveNumber(value)) * time.Second
}

func keepAliveNumber(value string) int {
	if n := number(value); n > 0 {
		return n
	}
	return -1
}

// number reads a checked integer; an empty value is zero.
func number(value string) int {
	n, err := strconv.Atoi(value)
	if err != nil {
		return 0
	}
	return n
}

// dial gives the function that opens every socket of a configuration. The
// timeout is for one address; zero is none.
func (s socketOptions) dial(timeout time.Duration) pgconn.DialFunc {
	dialer := &net.Dialer{Timeout: timeout, KeepAliveConfig: s.keepAlive, Control: s.control()}
	if !s.keepAlive.Enable {
		dialer.KeepAlive = -1
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		if name, abstract := abstractSocket(address); abstract {
			network, address = "unix", name
		}
		connection, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return s.verifyPeer(connection)
	}
}

// verifyPeer closes a Unix socket whose server runs as another user than the
// required one.
func (s socketOptions) verifyPeer(connection net.Conn) (net.Conn, error) {
	socket, isUnix := connection.(*net.UnixConn)
	if !isUnix || s.requiredPeer == "" {
		return connection, nil
	}
	peer, err := peerName(socket)
	if err == nil && peer != s.requiredPeer {
		err = &engine.ConflictError{Keys: []string{"requirepeer"}, Problem: "the server runs as " + strconv.Quote(peer) + ", not as the required user"}
	}
	if err != nil {
		_ = connection.Close() // the refusal is what matters
		return nil, err
	}
	return connection, nil
}
