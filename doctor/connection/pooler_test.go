package connection_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// pooler stands before a server as PgBouncer does: it says hello itself, with a process number of its own, and hands what clients want to
// the server's sessions.
type pooler struct {
	t        *testing.T
	database *dbtest.Database
	// session gives the server's session for a client: always the same one in transaction mode.
	session func() *serverSession
	running sync.WaitGroup
}

// serverSession is used by one client at a time.
type serverSession struct {
	sync.Mutex
	frontend *pgproto3.Frontend
}

func (p *pooler) open() *serverSession {
	made, err := pgconn.Connect(p.t.Context(), p.database.SuperuserDSN)
	if err != nil {
		p.t.Error(err)
		return nil
	}
	raw, err := made.Hijack()
	if err != nil {
		p.t.Error(err)
		return nil
	}
	p.t.Cleanup(func() { _ = raw.Conn.Close() })
	return &serverSession{frontend: raw.Frontend}
}

func (p *pooler) listen() int {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() {
		_ = listener.Close()
		p.running.Wait()
	})
	p.running.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			p.running.Go(func() {
				if err := p.serve(client); err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, net.ErrClosed) {
					p.t.Error(err)
				}
				_ = client.Close()
			})
		}
	})
	return listener.Addr().(*net.TCPAddr).Port
}

func (p *pooler) serve(client net.Conn) error {
	backend := pgproto3.NewBackend(client, client)
	if _, err := backend.ReceiveStartupMessage(); err != nil {
		return err
	}
	backend.Send(&pgproto3.AuthenticationOk{})
	backend.Send(&pgproto3.ParameterStatus{Name: "standard_conforming_strings", Value: "on"})
	backend.Send(&pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"})
	backend.Send(&pgproto3.BackendKeyData{ProcessID: 1, SecretKey: []byte{1, 2, 3, 4}})
	backend.Send(&pgproto3.ReadyForQuery{TxStatus: 'I'})
	if err := backend.Flush(); err != nil {
		return err
	}
	session := p.session()
	for {
		if err := session.exchange(backend); err != nil {
			return err
		}
	}
}

// exchange hands on what a client says up to its next Sync or Query, and the answer.
func (s *serverSession) exchange(backend *pgproto3.Backend) error {
	message, err := backend.Receive()
	if err != nil {
		return err
	}
	s.Lock()
	defer s.Unlock()
	for {
		if _, ends := message.(*pgproto3.Terminate); ends {
			return io.EOF
		}
		s.frontend.Send(message)
		if err := s.frontend.Flush(); err != nil { // before the message's memory is used again
			return err
		}
		_, isSync := message.(*pgproto3.Sync)
		_, isQuery := message.(*pgproto3.Query)
		if isSync || isQuery {
			return s.answer(backend)
		}
		if message, err = backend.Receive(); err != nil {
			return err
		}
	}
}

func (s *serverSession) answer(backend *pgproto3.Backend) error {
	for {
		message, err := s.frontend.Receive()
		if err != nil {
			return err
		}
		backend.Send(message)
		if err := backend.Flush(); err != nil {
			return err
		}
		if _, ready := message.(*pgproto3.ReadyForQuery); ready {
			return nil
		}
	}
}

func TestPoolersAreToldApart(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		shared   bool
		id       string
		severity finding.Severity
	}{
		"transaction mode": {true, connection.PoolerTransactions, finding.Error},
		"session mode":     {false, connection.PoolerSessions, finding.Warning},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := &pooler{t: t, database: dbtest.NewDatabase(t)}
			p.session = p.open
			if test.shared {
				one := p.open()
				p.session = func() *serverSession { return one }
			}
			found := mustFind(t, args{"host": "127.0.0.1", "port": p.listen(), "user": "u", "dbname": "d", "password": secret, "sslmode": "disable"}, test.id)
			if found.Severity != test.severity {
				t.Errorf("%+v", found)
			}
		})
	}
}
