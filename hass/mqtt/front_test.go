package mqtt_test

import (
	"bufio"
	"encoding/binary"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// front stands between a client and a broker. It counts what the client sends, can be deaf and dumb as a network is that has gone without a word, and can refuse MQTT 5 as an old broker does.
type front struct {
	address string
	broker  string
	// refuse5 is what a client of MQTT 5 gets before its connection ends; nil: it is let through.
	refuse5 *[]byte
	// deaf lets nothing through, in both directions.
	deaf atomic.Bool
	// unsubscribed makes the broker's answer to a subscription a refusal.
	unsubscribed atomic.Bool
	// connects are the connections by version, pings the signs of life that the client has sent.
	connects [6]atomic.Int64
	pings    atomic.Int64

	listener net.Listener
	mutex    sync.Mutex
	open     []net.Conn
	work     sync.WaitGroup
}

// newFront leads to a broker. It ends with the test.
func newFront(t testing.TB, broker string, refuse5 *[]byte) *front {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	made := &front{address: listener.Addr().String(), broker: broker, refuse5: refuse5, listener: listener}
	made.work.Go(made.accept)
	t.Cleanup(func() {
		_ = listener.Close() // it was open
		made.cut()
		made.work.Wait()
	})
	return made
}

func (f *front) url() string { return "mqtt://" + f.address }

func (f *front) accept() {
	for {
		client, err := f.listener.Accept()
		if err != nil {
			f.cut() // what has come last
			return
		}
		f.keep(client)
		f.work.Go(func() { f.serve(client) })
	}
}

func (f *front) keep(connection net.Conn) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	f.open = append(f.open, connection)
}

// cut ends all connections.
func (f *front) cut() {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for _, each := range f.open {
		_ = each.Close() // it may have ended
	}
	f.open = nil
}

func (f *front) serve(client net.Conn) {
	defer client.Close()
	source := bufio.NewReader(client)
	hello, err := readPacket(source)
	if err != nil {
		return
	}
	version := hello[len(hello)-len(body(hello))+6]
	f.connects[version].Add(1)
	if version == 5 && f.refuse5 != nil {
		_, _ = client.Write(*f.refuse5) // the client may have ended
		return
	}
	broker, err := net.Dial("tcp", f.broker)
	if err != nil {
		return
	}
	f.keep(broker)
	defer broker.Close()
	f.work.Go(func() { f.back(client, broker) })
	for next := hello; err == nil; next, err = readPacket(source) {
		const ping = 0xC0
		if next[0] == ping {
			f.pings.Add(1)
		}
		if f.deaf.Load() {
			continue
		}
		if _, err := broker.Write(next); err != nil {
			return
		}
	}
}

// back lets through what the broker sends.
func (f *front) back(client, broker net.Conn) {
	defer client.Close()
	source := bufio.NewReader(broker)
	for {
		next, err := readPacket(source)
		if err != nil {
			return
		}
		const subscribed, refused = 0x90, 0x80
		if next[0] == subscribed && f.unsubscribed.Load() {
			next[len(next)-1] = refused
		}
		if f.deaf.Load() {
			continue
		}
		if _, err := client.Write(next); err != nil {
			return
		}
	}
}

// readPacket returns the bytes of the next packet.
func readPacket(source *bufio.Reader) ([]byte, error) {
	first, err := source.ReadByte()
	if err != nil {
		return nil, err
	}
	length, err := binary.ReadUvarint(source)
	if err != nil {
		return nil, err
	}
	packet := binary.AppendUvarint([]byte{first}, length)
	header := len(packet)
	packet = append(packet, make([]byte, length)...)
	_, err = io.ReadFull(source, packet[header:])
	return packet, err
}

// body returns a packet without its header.
func body(packet []byte) []byte {
	_, size := binary.Uvarint(packet[1:])
	return packet[1+size:]
}
