package dbtest

import (
	"io"
	"net"
	"sync"
	"testing"
)

// Relay stands between a program and a server. Cut takes the server away, as a broken network or a restart does: open connections
// end, and new ones are refused until Restore.
type Relay struct {
	// Host and Port are where the program finds the server.
	Host string
	Port int

	network, server string

	mutex    sync.Mutex
	listener net.Listener // nil while it is cut
	open     map[net.Conn]bool
	accepts  sync.WaitGroup
	work     sync.WaitGroup
}

// NewRelay leads to a server: "tcp" and HOST:PORT, or "unix" and a socket. It ends with the test.
func NewRelay(t testing.TB, network, server string) *Relay {
	t.Helper()
	made := &Relay{network: network, server: server, open: map[net.Conn]bool{}}
	if err := made.listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	address, err := net.ResolveTCPAddr("tcp", made.listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	made.Host, made.Port = "127.0.0.1", address.Port
	t.Cleanup(func() {
		made.Cut()
		made.work.Wait()
	})
	return made
}

func (r *Relay) listen(address string) error {
	listener, err := net.Listen("tcp", address) //nolint:noctx // it is quick
	if err != nil {
		return err
	}
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.listener = listener
	r.accepts.Go(func() { r.accept(listener) })
	return nil
}

// Cut takes the server away. A second time does nothing.
func (r *Relay) Cut() {
	r.close()
	r.accepts.Wait() // until then the address is in use
}

func (r *Relay) close() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	if r.listener != nil {
		_ = r.listener.Close() // it was open
		r.listener = nil
	}
	for each := range r.open {
		_ = each.Close() // it may have ended
	}
}

// Restore brings the server back, at the same address.
func (r *Relay) Restore(t testing.TB) {
	t.Helper()
	address := net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: r.Port}
	if err := r.listen(address.String()); err != nil {
		t.Fatal(err)
	}
}

func (r *Relay) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial(r.network, r.server) //nolint:noctx // it is on this machine
		if err != nil {
			_ = client.Close() // as if the server were not there
			continue
		}
		if r.keep(listener, client, server) {
			r.work.Go(func() { r.copy(server, client) })
			r.work.Go(func() { r.copy(client, server) })
		}
	}
}

// keep notes connections to be cut, unless that has just happened.
func (r *Relay) keep(listener net.Listener, connections ...net.Conn) bool {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, each := range connections {
		if r.listener != listener {
			_ = each.Close() // never used
			continue
		}
		r.open[each] = true
	}
	return r.listener == listener
}

func (r *Relay) copy(to, from net.Conn) {
	_, _ = io.Copy(to, from) // it ends as its connections do
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, each := range []net.Conn{to, from} {
		_ = each.Close() // the other direction may have done so
		delete(r.open, each)
	}
}
