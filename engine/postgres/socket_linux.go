package postgres

import (
	"errors"
	"fmt"
	"net"
	"os/user"
	"strconv"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

const socketOptionsSupported = true

// control sets TCP_USER_TIMEOUT before the connection is made, so that the
// first packets are under it too. It gives nil when there is nothing to set.
func (s socketOptions) control() func(network, address string, raw syscall.RawConn) error {
	if s.userTimeout <= 0 {
		return nil
	}
	milliseconds := int(s.userTimeout.Milliseconds())
	return func(network, _ string, raw syscall.RawConn) error {
		if !strings.HasPrefix(network, "tcp") {
			return nil
		}
		var failure error
		err := raw.Control(func(descriptor uintptr) {
			failure = unix.SetsockoptInt(int(descriptor), unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, milliseconds)
		})
		if err := errors.Join(err, failure); err != nil {
			return fmt.Errorf("set tcp_user_timeout: %w", err)
		}
		return nil
	}
}

// peerName is the name of the user that the other end of a Unix socket runs as.
func peerName(socket *net.UnixConn) (string, error) {
	raw, err := socket.SyscallConn()
	if err != nil {
		return "", fmt.Errorf("look at the socket: %w", err)
	}
	var credentials *unix.Ucred
	var failure error
	err = raw.Control(func(descriptor uintptr) {
		credentials, failure = unix.GetsockoptUcred(int(descriptor), unix.SOL_SOCKET, unix.SO_PEERCRED)
	})
	if err := errors.Join(err, failure); err != nil {
		return "", fmt.Errorf("ask for the socket's peer: %w", err)
	}
	peer, err := user.LookupId(strconv.Itoa(int(credentials.Uid)))
	if err != nil {
		return "", fmt.Errorf("look up the socket's peer: %w", err)
	}
	return peer.Username, nil
}
