package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"
)

const (
	// startPatience is how long a server may take to accept its first connection.
	startPatience = time.Minute
	// portTries is how often a free port is looked for, as another program may take it before the server does.
	portTries = 5
	// probeInterval is how often a server that is starting is asked whether it accepts connections.
	probeInterval = 10 * time.Millisecond
)

// begin starts the server for the first time, on a port nobody uses.
func (p *Postgres) begin(ctx context.Context) error {
	var err error
	for range portTries {
		if p.options.TCP {
			if p.port, err = freePort(ctx); err != nil {
				return err
			}
		}
		if err = p.write("postgresql.conf", p.options.configuration(p.home.folder, p.port)); err != nil {
			return err
		}
		if err = p.start(ctx); err == nil || !p.options.TCP || portIsFree(ctx, p.port) {
			return err
		}
	}
	return err
}

// start runs the server and returns when it accepts connections.
func (p *Postgres) start(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.log == nil {
		return ErrStopped
	}
	started, err := p.home.launch(p.log, p.Bin("postgres"), "-D", p.data())
	if err != nil {
		return err
	}
	p.process = started
	ctx, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	if err := p.ready(ctx); err != nil {
		stopped := started.stop(signalFast, signalImmediate)
		return errors.Join(&StartError{Program: p.Bin("postgres"), Log: p.logTail(), Err: err}, stopped)
	}
	return nil
}

// ready waits until the server accepts a connection, has ended, or the context is done.
func (p *Postgres) ready(ctx context.Context) error {
	probe := time.NewTicker(probeInterval)
	defer probe.Stop()
	for {
		refused := p.readVersion(ctx)
		if refused == nil {
			return nil
		}
		select {
		case <-p.process.ended:
			return fmt.Errorf("the server ended: %w", errors.Join(p.process.err, refused))
		case <-ctx.Done():
			return errors.Join(ctx.Err(), refused)
		case <-probe.C:
		}
	}
}

// readVersion connects and keeps the server's version.
func (p *Postgres) readVersion(ctx context.Context) error {
	connection, err := p.Connect(ctx, "postgres")
	if err != nil {
		return err
	}
	defer connection.Close(ctx)
	const query = `SELECT current_setting('server_version_num')::int`
	if err := connection.QueryRow(ctx, query).Scan(&p.version); err != nil {
		return fmt.Errorf("read the server's version: %w", err)
	}
	return nil
}

// logTail returns the end of the server's log.
func (p *Postgres) logTail() string {
	log, err := os.ReadFile(p.logFile())
	if err != nil {
		return err.Error()
	}
	return tail(log)
}

// Restart ends the server's sessions, stops it if it runs, and starts it again on the same port. It also starts a
// server that Kill has ended; after Stop the error is ErrStopped.
func (p *Postgres) Restart(ctx context.Context) error {
	if p.attached != nil {
		return &NotOursError{Operation: "restart"}
	}
	if err := p.halt(signalFast, signalImmediate); err != nil {
		return err
	}
	return p.start(ctx)
}

// Kill ends the server at once, without a checkpoint and without a word to its clients, as a crash would. Restart
// starts it again.
func (p *Postgres) Kill() error {
	if p.attached != nil {
		return &NotOursError{Operation: "kill"}
	}
	return p.halt(signalImmediate)
}

// halt stops the server's process.
func (p *Postgres) halt(signals ...os.Signal) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.process == nil {
		return nil
	}
	return p.process.stop(signals...)
}

// Stop ends the server and removes its folder. A second call does nothing. An attached server is left as it is.
func (p *Postgres) Stop() error {
	if p.attached != nil {
		return nil
	}
	stopped := p.halt(signalFast, signalImmediate)
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.log == nil {
		return stopped
	}
	closed := p.log.Close()
	p.log = nil
	return errors.Join(stopped, closed, p.home.guard.release())
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
