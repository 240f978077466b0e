package server

import (
	"errors"
	"fmt"
	"strings"
)

// NotInstalledError says that no installation of a database server was found on this machine.
type NotInstalledError struct {
	// Product is the server's name, such as "PostgreSQL".
	Product string
	// Looked lists the folders (patterns included) that were searched, in order.
	Looked []string
	// Hint says how to install the product on this system.
	Hint string
}

// Error names the product, the places searched and the way to install it.
func (e *NotInstalledError) Error() string {
	return fmt.Sprintf("no %s server found (looked in %s): %s", e.Product, strings.Join(e.Looked, ", "), e.Hint)
}

// StartError says that a private server, or a program it needs, did not come up.
type StartError struct {
	// Program is the full path of the program that ended or did not answer.
	Program string
	// Log is what the program wrote, at most the last 4 kB.
	Log string
	// Err is the cause: an *exec.ExitError, a connection error or the context's error.
	Err error
}

// Error names the program, the cause and ends with the program's own words.
func (e *StartError) Error() string {
	message := fmt.Sprintf("start private server: %s: %v", e.Program, e.Err)
	if log := strings.TrimSpace(e.Log); log != "" {
		message += "\nits log ends with:\n" + log
	}
	return message
}

// Unwrap returns the cause.
func (e *StartError) Unwrap() error { return e.Err }

// NotOursError is returned when a server that this package did not start is asked to stop, restart or crash.
type NotOursError struct {
	// Operation is what was asked, such as "restart".
	Operation string
}

// Error says why the operation is refused.
func (e *NotOursError) Error() string {
	return e.Operation + ": this server was attached to, not started here, so its processes are left alone"
}

// ErrStopped is returned when a server whose folder Stop has removed is asked to start again: start a new one.
var ErrStopped = errors.New("start private server: it was stopped for good and its data are gone")

// tail returns the last part of a log, cut to what fits on a screen.
func tail(log []byte) string {
	const limit = 4096
	if len(log) > limit {
		log = log[len(log)-limit:]
	}
	return string(log)
}
