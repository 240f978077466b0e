package postgres_test

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"sync"
	"testing"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// A pooler tells its clients a process number of its own.
func TestPoolerIsRecognised(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	forward(t, listener, renumber)
	port := listener.Addr().(*net.TCPAddr).Port
	database := dbtest.NewDatabase(t)
	config := configOf(t, database, args{"host": "127.0.0.1", "port": port, "sslmode": "disable"})
	behind, err := postgres.BehindPooler(t.Context(), connect(t, config, nil))
	if !behind || err != nil {
		t.Errorf("%v, %v", behind, err)
	}
	if err := mustRefuseSession(t, "pooler", config, database.Password); !errors.Is(err, postgres.ErrPooler) {
		t.Error(err)
	}
}

// Abstract sockets are Linux's; TLS is not used on them, whatever is asked for.
func TestAbstractSocket(t *testing.T) {
	t.Parallel()
	host := "@synapse-" + rand.Text()
	listener, err := net.Listen("unix", host+"/.s.PGSQL.5432")
	if err != nil {
		t.Fatal(err)
	}
	forward(t, listener, renumber)
	config := configOf(t, dbtest.NewDatabase(t), args{"host": host, "port": 5432, "sslmode": "require"})
	if err := connect(t, config, nil).Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// forward passes connections on to the shared server until the test ends, and
// the server's answers back through the given function.
func forward(t *testing.T, listener net.Listener, answers func(io.Writer, io.Reader) error) {
	t.Helper()
	address := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: dbtest.Postgres(t).Port()}
	var running sync.WaitGroup
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.DialTCP("tcp", nil, address)
			if err != nil {
				t.Error(err)
				return
			}
			running.Go(func() {
				_, _ = io.Copy(server, client)
				_ = server.Close()
			})
			running.Go(func() {
				if err := answers(client, server); err != nil && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				_ = client.Close()
			})
		}
	})
}

// renumber copies the server's messages: a letter, a length that counts itself,
// and a body.
func renumber(client io.Writer, server io.Reader) error {
	for {
		head := make([]byte, 5)
		if _, err := io.ReadFull(server, head); err != nil {
			return err
		}
		body := make([]byte, binary.BigEndian.Uint32(head[1:])-4)
		if _, err := io.ReadFull(server, body); err != nil {
			return err
		}
		const backendKeyData = 'K'
		if head[0] == backendKeyData {
			binary.BigEndian.PutUint32(body, binary.BigEndian.Uint32(body)+1)
		}
		if _, err := client.Write(slices.Concat(head, body)); err != nil {
			return err
		}
	}
}
