//go:build !linux

package postgres

import (
	"errors"
	"net"
	"syscall"
)

const socketOptionsSupported = false

func (s socketOptions) control() func(network, address string, raw syscall.RawConn) error { return nil }

func peerName(*net.UnixConn) (string, error) { return "", errors.ErrUnsupported }
