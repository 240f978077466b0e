//go:build unix

package server

import "syscall"

// The signals that stop PostgreSQL's postmaster (its manual, "Shutting Down the Server").
const (
	signalFast      = syscall.SIGINT
	signalImmediate = syscall.SIGQUIT
)

// signalShutdown stops MariaDB and MySQL in order.
const signalShutdown = syscall.SIGTERM

// attributes puts a program under the account and into a process group, a new one where group is 0. It is never our own
// group: a key pressed in the terminal (Ctrl-C) is for us, and the server is then stopped in order.
func (a account) attributes(group int) *syscall.SysProcAttr {
	attributes := &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if a.other {
		attributes.Credential = &syscall.Credential{Uid: a.uid, Gid: a.gid}
	}
	return attributes
}

// supported returns nil: private servers can be run on this system.
func supported() error { return nil }
