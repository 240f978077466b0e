package store_test

import (
	"errors"
	"net"
	"strings"
	"sync"
	"testing"
)

// proxy stands between a client and a service, and cuts connections.
type proxy struct {
	listener net.Listener
	service  string
	// cut says after how many bytes to the service, or from it, a connection is cut, the first one being 0; negative: never.
	cut func(connection int) (to, from int64)

	mutex  sync.Mutex
	open   map[net.Conn]bool // nil when it has ended
	copies sync.WaitGroup
}

func uncut(int) (to, from int64) { return -1, -1 }

// newProxy returns a place that is reached through a proxy, and the proxy.
func newProxy(t *testing.T, p place, cut func(connection int) (to, from int64)) (place, *proxy) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	between := &proxy{listener: listener, service: strings.TrimPrefix(p.Endpoint, "http://"), cut: cut, open: map[net.Conn]bool{}}
	between.copies.Go(between.accept)
	t.Cleanup(func() {
		between.end()
		between.copies.Wait()
	})
	p.Endpoint = "http://" + listener.Addr().String()
	return p, between
}

// end cuts everything, for good.
func (p *proxy) end() {
	_ = p.listener.Close() // a second time
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for each := range p.open {
		_ = each.Close() // may have ended
	}
	p.open = nil
}

func (p *proxy) accept() {
	for number := 0; ; number++ {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		service, err := net.Dial("tcp", p.service)
		if err != nil {
			_ = client.Close() // as if the service were there no more
			continue
		}
		if !p.keep(client, service) {
			return
		}
		to, from := p.cut(number)
		p.copies.Go(func() { p.copy(service, client, to) })
		p.copies.Go(func() { p.copy(client, service, from) })
	}
}

// keep notes connections to be closed in the end, unless it has come.
func (p *proxy) keep(connections ...net.Conn) bool {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	for _, each := range connections {
		if p.open == nil {
			_ = each.Close() // never used
			continue
		}
		p.open[each] = true
	}
	return p.open != nil
}

// copy passes bytes on until one side ends or there were enough, and cuts both then.
func (p *proxy) copy(to, from net.Conn, limit int64) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if limit >= 0 {
			if limit -= int64(n); limit < 0 {
				n, err = n+int(limit), errors.New("enough")
			}
		}
		if _, writing := to.Write(buffer[:max(n, 0)]); err != nil || writing != nil {
			break
		}
	}
	_, _ = to.Close(), from.Close() // the other direction may have
	p.mutex.Lock()
	defer p.mutex.Unlock()
	delete(p.open, to)
	delete(p.open, from)
}
