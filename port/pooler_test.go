package port_test

import (
	"encoding/binary"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// startPooler passes connections on to the shared server as a pooler does, which tells its clients a process
// number of its own. It returns the port that it listens on.
func startPooler(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: dbtest.Postgres(t).Port()}
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			behind, err := net.DialTCP("tcp", nil, address)
			if err != nil {
				_ = client.Close()
				continue
			}
			running.Go(func() {
				_, _ = io.Copy(behind, client)
				_ = behind.Close()
			})
			running.Go(func() {
				renumber(client, behind)
				_ = client.Close()
			})
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

// renumber copies the server's messages, each a letter, a length that counts itself, and a body, until one side is gone.
func renumber(client io.Writer, behind io.Reader) {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(behind, head); err != nil {
			return
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(behind, body); err != nil {
			return
		}
		const backendKeyData = 'K'
		if head[0] == backendKeyData {
			binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)+1)
		}
		if _, err := client.Write(slices.Concat(head, body)); err != nil {
			return
		}
	}
}
