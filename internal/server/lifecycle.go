package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"
)

const (
	loopback = "127.0.0.1"
	// startPatience is how long a server may take to accept its first connection.
	startPatience = time.Minute
	// portTries is how often a free port is looked for, as another program may take it before the server does.
	portTries = 5
	// probeInterval is how often a server that is starting is asked whether it accepts connections.
	probeInterval = 10 * time.Millisecond
)

// product is what differs between the servers of several makers.
type product interface {
	// fill makes the server's data.
	fill(ctx context.Context) error
	// configure prepares a start on the instance's port.
	configure() error
	// command is the program that is the server, and its arguments.
	command() (program string, arguments []string)
	// probe connects once, and returns the version as the server numbers it.
	probe(ctx context.Context) (version int, err error)
}

// instance is a server whatever its product: its folder, its port, its process.
type instance struct {
	product product
	home    home
	// tcp is true where the server listens on a port that has to be found.
	tcp  bool
	port int
	// orderly are the signals that end the server with its work done, sudden those that end it without. A kill follows.
	orderly, sudden []os.Signal
	// attached is true for a server that somebody else runs.
	attached bool

	// mutex protects what follows, and lets one process at a time be started or stopped.
	mutex   sync.Mutex
	version int
	process *process
	log     *os.File // nil once the server has been stopped for good
}

// privateNames are the names of a private server's files, which the folder's path has to leave room for.
type privateNames struct {
	// prefix begins the folder's name.
	prefix string
	// socket is the longest name that the socket can have.
	socket string
	// running is a file that is there while the server runs, as seen from the folder; empty where nothing outlives a server
	// that is killed.
	running string
}

// open makes the folder, the guard that removes it in the end, and the server's data, and starts the server.
func (i *instance) open(ctx context.Context, names privateNames) error {
	if err := i.create(ctx, names); err != nil {
		return err
	}
	if err := i.begin(ctx); err != nil {
		return errors.Join(err, i.stop())
	}
	return nil
}

// create makes the folder, the guard and the data.
func (i *instance) create(ctx context.Context, names privateNames) error {
	folder, err := privateFolder(i.home.account, names.prefix, names.socket)
	if err != nil {
		return err
	}
	i.home.folder = folder
	running := names.running
	if running != "" {
		running = filepath.Join(folder, running)
	}
	if i.home.guard, err = startGuard(i.home.account, folder, running); err != nil {
		return errors.Join(err, os.RemoveAll(folder))
	}
	if err := i.fill(ctx); err != nil {
		return errors.Join(err, i.home.guard.release())
	}
	return nil
}

// fill makes the data and the log file.
func (i *instance) fill(ctx context.Context) error {
	if err := i.product.fill(ctx); err != nil {
		return err
	}
	log, err := os.Create(i.logFile())
	if err != nil {
		return fmt.Errorf("make the server's log: %w", err)
	}
	i.log = log
	return nil
}

// data is the folder of the server's data.
func (i *instance) data() string { return filepath.Join(i.home.folder, "data") }

// logFile is where the server writes what it has to say.
func (i *instance) logFile() string { return filepath.Join(i.home.folder, "log") }

// write puts a file of the server's into its folder.
func (i *instance) write(name, text string) error {
	path := filepath.Join(i.home.folder, name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the server's %s: %w", name, err)
	}
	return i.home.account.own(path)
}

// begin starts the server for the first time, on a port nobody uses.
func (i *instance) begin(ctx context.Context) error {
	var err error
	for range portTries {
		if i.tcp {
			if i.port, err = freePort(ctx); err != nil {
				return err
			}
		}
		if err = i.product.configure(); err != nil {
			return err
		}
		if err = i.start(ctx); err == nil || !i.tcp || portIsFree(ctx, i.port) {
			return err
		}
	}
	return err
}

// start runs the server and returns when it accepts connections.
func (i *instance) start(ctx context.Context) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.log == nil {
		return ErrStopped
	}
	program, arguments := i.product.command()
	started, err := i.home.launch(i.log, program, arguments...)
	if err != nil {
		return err
	}
	i.process = started
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := i.ready(ctx); err != nil {
		stopped := started.stop(slices.Concat(i.orderly, i.sudden)...)
		return errors.Join(&StartError{Program: program, Log: i.logTail(), Err: err}, stopped)
	}
	return nil
}

// ready waits until the server accepts a connection, has ended, or the context is done.
func (i *instance) ready(ctx context.Context) error {
	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	for {
		refused := i.readVersion(ctx)
		if refused == nil {
			return nil
		}
		select {
		case <-i.process.ended:
			return fmt.Errorf("the server ended: %w", errors.Join(i.process.err, refused))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), refused)
		case <-probe.C:
		}
	}
}

// readVersion connects and keeps the server's version.
func (i *instance) readVersion(ctx context.Context) error {
	version, err := i.product.probe(ctx)
	if err != nil {
		return err
	}
	i.version = version
	return nil
}

// versionNumber returns the version that was read last.
func (i *instance) versionNumber() int {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	return i.version
}

// logTail returns the end of the server's log.
func (i *instance) logTail() string {
	log, err := os.ReadFile(i.logFile())
	if err != nil {
		return err.Error()
	}
	return tail(log)
}

// restart stops the server if it runs, and starts it again on the same port.
func (i *instance) restart(ctx context.Context) error {
	if i.attached {
		return &NotOursError{Operation: "restart"}
	}
	if err := i.halt(slices.Concat(i.orderly, i.sudden)...); err != nil {
		return err
	}
	return i.start(ctx)
}

// kill ends the server as a crash would.
func (i *instance) kill() error {
	if i.attached {
		return &NotOursError{Operation: "kill"}
	}
	return i.halt(i.sudden...)
}

// halt stops the server's process.
func (i *instance) halt(signals ...os.Signal) error {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.process == nil {
		return nil
	}
	return i.process.stop(signals...)
}

// stop ends the server for good and removes its folder.
func (i *instance) stop() error {
	if i.attached {
		return nil
	}
	stopped := i.halt(slices.Concat(i.orderly, i.sudden)...)
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.log == nil {
		return stopped
	}
	closed := i.log.Close()
	i.log = nil
	return errors.Join(stopped, closed, i.home.guard.release())
}

// freePort returns a port of this machine's own address that nobody uses at this moment.
func freePort(ctx context.Context) (int, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(loopback, "0"))
	if err != nil {
		return 0, fmt.Errorf("look for a free port: %w", err)
	}
	defer listener.Close()
	address, ok := listener.Addr().(*net.TCPAddr)
	if !ok {
		return 0, fmt.Errorf("look for a free port: %s is no TCP address", listener.Addr())
	}
	return address.Port, nil
}

// portIsFree reports whether a server could listen on a port.
func portIsFree(ctx context.Context, port int) bool {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp4", net.JoinHostPort(loopback, strconv.Itoa(port)))
	if err != nil {
		return false
	}
	return listener.Close() == nil
}
