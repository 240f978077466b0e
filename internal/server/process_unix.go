//go:build unix

package server

import "syscall"

// The signals that stop PostgreSQL's postmaster (its manual, "Shutting Down the Server").
const (
	signalFast      = syscall.SIGINT
	signalImmediate = syscall.SIGQUIT
)

// attributes puts a program under the account, in a process group of its own: a key pressed in the terminal (Ctrl-C) is
// for us, not for the server, which is then stopped in order.
func (a account) attributes() *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true}
	if a.other {
		attributes.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attributes
}

// supported returns nil: private servers can be run on this system.
func supported() error { return nil }
