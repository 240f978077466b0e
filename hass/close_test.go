package hass_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// Close ends what OnCommand waits for, and has the last state told all the same.
func TestCloseWaitsForACommand(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	store := s.open(t)
	called := make(chan struct{})
	lamp := define(t, store, "lamp", false, component.Switch{}, func(d *hass.Definition[bool, attributes]) {
		d.OnCommand = func(ctx context.Context, _ hass.Command[bool]) error {
			close(called)
			<-ctx.Done()
			return nil // it has been done all the same
		}
	})
	link := s.connect(t, store)
	settled(t, link)
	seen.command(t, s, "lamp", "ON")
	<-called
	var work sync.WaitGroup
	for range 2 {
		work.Go(func() { closed(t, link) })
	}
	work.Wait()
	retained := s.retained(t)
	if retained[s.topic("lamp", "state")] != "ON" || retained[s.status()] != "offline" || !lamp.State() {
		t.Errorf("the lamp is %t, and retained is\n%s", lamp.State(), lines(retained))
	}
}

func TestCloseInTheMiddleOfEverythingLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	version, _ := counters(200)
	for range 5 {
		running, err := version.of(s).start(t.Context())
		must(t, err)
		dbtest.Await(t, func() bool { return running.link.Status().Published > 0 })
		running.stop(t)
		same(t, "the status", "offline", s.retained(t)[s.status()])
	}
	last := ofParts(lamp).of(s)
	last.run(t).stop(t)
	same(t, "topics of which something is retained", last.topics(), s.topics(t))
}

// swallowing leads to a broker until it is to swallow what the program says, as a network does that has broken without a word.
type swallowing struct {
	port int

	mu        sync.Mutex
	swallows  bool
	connected []net.Conn
}

func swallow(t *testing.T, broker string) *swallowing {
	t.Helper()
	made := &swallowing{}
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	must(t, err)
	made.port = listener.Addr().(*net.TCPAddr).Port
	var work sync.WaitGroup
	work.Go(func() { made.accept(listener, broker, &work) })
	t.Cleanup(func() {
		_ = listener.Close() // it ends accept
		made.end()
		work.Wait()
	})
	return made
}

func (s *swallowing) accept(listener net.Listener, broker string, work *sync.WaitGroup) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", broker)
		if err != nil {
			_ = client.Close() // as if the broker were not there
			continue
		}
		s.mu.Lock()
		s.connected = append(s.connected, client, server)
		s.mu.Unlock()
		work.Go(func() { _, _ = io.Copy(client, server); _ = client.Close() }) // it ends as they do
		work.Go(func() { _, _ = io.Copy(s.to(server), client); _ = server.Close() })
	}
}

// to writes to the broker, or nowhere.
func (s *swallowing) to(server net.Conn) io.Writer {
	return writer(func(text []byte) (int, error) {
		s.mu.Lock()
		swallows := s.swallows
		s.mu.Unlock()
		if swallows {
			return len(text), nil
		}
		return server.Write(text)
	})
}

type writer func([]byte) (int, error)

func (w writer) Write(text []byte) (int, error) { return w(text) }

func (s *swallowing) swallow() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.swallows = true
}

func (s *swallowing) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, one := range s.connected {
		_ = one.Close() // it may have ended
	}
}

// A broker that answers nothing any more holds Close up no longer than it is told, and publishes the last will when it learns of the end.
func TestCloseWithABrokerThatDoesNotAnswer(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	between := swallow(t, dbtest.Mosquitto(t).Address())
	version := ofParts(lamp).of(s)
	version.Broker = "mqtt://127.0.0.1:" + strconv.Itoa(between.port)
	running := version.run(t)
	between.swallow()
	_, err := running.next(t.Context(), "lamp")
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := running.link.Close(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("Close gives %v", err)
	}
	seen.awaits(t, s.status(), "offline")
}

// While the database is away, Home Assistant is shown what there is, and its commands are applied.
func TestDatabaseThatIsAwayIsNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newScene(t, dbtest.Mosquitto(t).URL())
	seen := s.observe(t)
	running, err := ofParts(changed(lamp, func(p *part) { p.Durable = true })).of(s).start(t.Context())
	must(t, err)
	t.Cleanup(func() { running.stop(t) })
	settled(t, running.link)
	anyengine.Database{Path: s.path}.With(t, func(session engine.Session) error {
		if _, err := session.Exec(t.Context(), "BEGIN IMMEDIATE"); err != nil {
			return err
		}
		seen.command(t, s, "lamp", "7")
		seen.awaits(t, s.topic("lamp", "state"), "7")
		dbtest.Await(t, func() bool { return running.link.Status().Commands == 1 }) // after five seconds
		if err := running.link.Status().LastError; !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("that it is not stored is told as %v", err)
		}
		_, err := session.Exec(t.Context(), "ROLLBACK")
		return err
	})
	must(t, running.store.Flush(t.Context()))
	same(t, "the state in the database", "7", s.rows(t)["lamp"])
}
