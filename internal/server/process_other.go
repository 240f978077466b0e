//go:build !unix

package server

import (
	"errors"
	"fmt"
	"runtime"
	"syscall"
)

// The only signals there are on systems that are no Unix.
const (
	signalFast      = syscall.SIGKILL
	signalImmediate = syscall.SIGKILL
	signalShutdown  = syscall.SIGKILL
)

// attributes returns nil: there are no Unix accounts and groups on this system.
func (a account) attributes(int) *syscall.SysProcAttr { return nil }

// supported returns an error: stopping in order and cleaning up after a crash are written for Unix only.
func supported() error {
	return fmt.Errorf("start a private server on %s: %w: use Linux, macOS or a BSD, or point at a server that runs already",
		runtime.GOOS, errors.ErrUnsupported)
}
