package connection_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestServersThatAreNotThereAreExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.exec(t, "CREATE ROLE ordinary LOGIN PASSWORD '"+secret+"'")
	tcp, socket := p.tcp("ordinary", nil), p.socket("ordinary", nil)
	mustConnect(t, tcp)
	p.signal(t, p.text(t, "SHOW data_directory"), syscall.SIGINT)
	eventually(t, "the server is stopped", func() bool {
		_, err := os.Stat(filepath.Join(p.SocketDir(), fmt.Sprintf(".s.PGSQL.%d", p.Port())))
		return errors.Is(err, fs.ErrNotExist) && errors.Is(dial(t, p), syscall.ECONNREFUSED)
	})
	t.Cleanup(func() { // when each was found
		if err := p.Restart(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
			return
		}
		for _, given := range []args{tcp, socket} {
			made, err := configOf(t, given).Connect(context.WithoutCancel(t.Context()), nil)
			if err != nil {
				t.Error(err)
				continue
			}
			_ = made.Close(context.WithoutCancel(t.Context()))
		}
	})
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = silent.Close() })
	for name, test := range map[string]struct {
		given args
		kind  postgres.FailureKind
	}{
		"stopped, over TCP": {tcp, postgres.FailedRefused},
		"stopped, socket":   {socket, postgres.FailedSocketMissing},
		"unknown host":      {p.tcp("postgres", args{"host": "name.invalid"}), postgres.FailedHostUnknown},
		"another protocol":  {p.tcp("postgres", args{"port": greeter(t)}), postgres.FailedOther},
		"no answer":         {p.tcp("postgres", args{"port": silent.Addr().(*net.TCPAddr).Port, "connect_timeout": 2}), postgres.FailedTimeout},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			mustFind(t, test.given, connection.ID(test.kind))
		})
	}
}

// dial says whether anything listens at the server's port.
func dial(t *testing.T, p *private) error {
	t.Helper()
	made, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", p.Port()))
	if err == nil {
		err = made.Close()
	}
	return err
}

// greeter speaks first, as servers of mail do. It returns its port.
func greeter(t *testing.T) int {
	t.Helper()
	return answering(t, func(client net.Conn) error {
		_, err := io.Copy(client, strings.NewReader("220 mail.example.org ESMTP\r\n"))
		_, _ = client.Read(make([]byte, 1000)) // so that closing does not take back what was sent
		return err
	})
}

func TestRefusalsOfTheServerAreExplainedAndOvercome(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.exec(t, "CREATE ROLE ordinary LOGIN", "CREATE ROLE closed NOLOGIN", "CREATE ROLE few LOGIN CONNECTION LIMIT 0",
		"CREATE DATABASE secluded", "REVOKE CONNECT ON DATABASE secluded FROM PUBLIC", "CREATE DATABASE shut ALLOW_CONNECTIONS false",
		"CREATE DATABASE small CONNECTION LIMIT 0")
	for name, test := range map[string]struct {
		given args
		kind  postgres.FailureKind
		fix   int // which command mends it, -1 is the last
	}{
		"no database":       {p.socket("ordinary", args{"dbname": "none such"}), postgres.FailedDatabaseMissing, 0},
		"closed database":   {p.socket("ordinary", args{"dbname": "shut"}), postgres.FailedDatabaseClosed, 0},
		"no role":           {p.socket("no such", nil), postgres.FailedRoleMissing, 0},
		"no login":          {p.socket("closed", nil), postgres.FailedRoleNoLogin, 0},
		"no right":          {p.socket("ordinary", args{"dbname": "secluded"}), postgres.FailedConnectRight, 0},
		"limit of the role": {p.socket("few", nil), postgres.FailedTooMany, -1},
		"of the database":   {p.socket("ordinary", args{"dbname": "small"}), postgres.FailedTooMany, -1},
	} {
		t.Run(name, func(t *testing.T) {
			found := mustFind(t, test.given, connection.ID(test.kind))
			commands := found.Remedy.Commands
			fix := commands[(test.fix+len(commands))%len(commands)]
			p.exec(t, fix)
			mustConnect(t, test.given)
		})
	}
	mustFind(t, p.socket("ordinary", args{"options": "-c no_such_parameter=1"}), connection.ID(postgres.FailedOption))
	mustFind(t, p.socket("ordinary", args{"requirepeer": "nobody"}), connection.ID(postgres.FailedOtherPeer))
	mustConnect(t, p.socket("ordinary", args{"options": "-c geqo=off", "requirepeer": p.account(t)}))
}

func TestTooManyConnectionsAreExplained(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"max_connections": "6", "superuser_reserved_connections": "3", "max_wal_senders": "0"})
	p.exec(t, "CREATE ROLE ordinary LOGIN")
	var last *pgx.Conn
	for {
		connection, err := configOf(t, p.socket("ordinary", nil)).Connect(t.Context(), nil)
		if err != nil {
			break
		}
		last = connection
		t.Cleanup(func() { _ = connection.Close(t.Context()) })
	}
	found := mustFind(t, p.socket("ordinary", nil), connection.ID(postgres.FailedTooMany))
	if !strings.Contains(found.What, "max_connections") {
		t.Errorf("%+v", found)
	}
	if err := last.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	mustConnect(t, p.socket("ordinary", nil))
}

// A smart shutdown waits for the sessions, and tells new ones why they are refused.
func TestAServerThatShutsDownIsExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.signal(t, p.text(t, "SHOW data_directory"), syscall.SIGTERM)
	config := configOf(t, p.socket("postgres", nil))
	eventually(t, "the server refuses", func() bool {
		made, err := config.Connect(t.Context(), nil)
		if err == nil {
			_ = made.Close(t.Context())
		}
		return err != nil
	})
	mustFind(t, p.socket("postgres", nil), connection.ID(postgres.FailedStopping))
	if err := errors.Join(p.admin.Close(t.Context()), p.Restart(t.Context())); err != nil {
		t.Fatal(err)
	}
	mustConnect(t, p.socket("postgres", nil))
}

// account is the operating system's user that the server runs as.
func (p *private) account(t *testing.T) string {
	t.Helper()
	info, err := os.Stat(p.text(t, "SHOW data_directory"))
	if err != nil {
		t.Fatal(err)
	}
	owner, err := user.LookupId(strconv.Itoa(int(info.Sys().(*syscall.Stat_t).Uid)))
	if err != nil {
		t.Fatal(err)
	}
	return owner.Username
}

// signal sends one to the server's first process.
func (p *private) signal(t *testing.T, folder string, signal syscall.Signal) {
	t.Helper()
	running, err := os.ReadFile(filepath.Join(folder, "postmaster.pid"))
	if err != nil {
		t.Fatal(err)
	}
	process, err := strconv.Atoi(strings.SplitN(string(running), "\n", 2)[0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(process, signal); err != nil {
		t.Fatal(err)
	}
}

// A standby that lets nobody in is in recovery until it is promoted.
func TestAServerInRecoveryIsExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	folder := p.text(t, "SHOW data_directory")
	p.exec(t, "ALTER SYSTEM SET hot_standby = off")
	touch(t, filepath.Join(folder, "standby.signal"))
	var restarting sync.WaitGroup
	restarting.Go(func() {
		if err := p.Restart(t.Context()); err != nil { // it waits until somebody is let in
			t.Error(err)
		}
	})
	given := p.socket("postgres", nil)
	eventually(t, "the server is in recovery", func() bool {
		report, err := doctor.Check(t.Context(), optionsOf(t, given))
		if err != nil {
			t.Fatal(err)
		}
		return len(report.Findings) == 1 && report.Findings[0].ID == connection.ID(postgres.FailedRecovery)
	})
	touch(t, filepath.Join(folder, "promote"))
	p.signal(t, folder, syscall.SIGUSR1)
	restarting.Wait()
	mustConnect(t, given)
}

// While it looks in the archive for what to recover from, a server is starting. It says so in its own language, which is not always
// known: then nothing more is said than that it is not ready.
func TestAServerThatStartsIsExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	hold := filepath.Join(p.text(t, "SHOW data_directory"), "hold")
	p.exec(t, "ALTER SYSTEM SET restore_command = 'while test -e "+hold+"; do sleep 0.1; done; false'")
	touch(t, hold)
	touch(t, filepath.Join(filepath.Dir(hold), "recovery.signal"))
	var restarting sync.WaitGroup
	restarting.Go(func() {
		if err := p.Restart(t.Context()); err != nil { // it waits until somebody is let in
			t.Error(err)
		}
	})
	given := p.tcp("postgres", nil)
	eventually(t, "the server is starting", func() bool {
		report, err := doctor.Check(t.Context(), optionsOf(t, given))
		if err != nil {
			t.Fatal(err)
		}
		return len(report.Findings) == 1 && report.Findings[0].ID == connection.ID(postgres.FailedStarting)
	})
	mustFind(t, merge(given, args{"port": translated(t, configOf(t, given))}), connection.ID(postgres.FailedNotReady))
	if err := os.Remove(hold); err != nil {
		t.Fatal(err)
	}
	restarting.Wait()
	mustConnect(t, p.socket("postgres", nil))
}

// translated hands on what a server that is starting says, in German: few machines have its messages in another language. It returns a
// port.
func translated(t *testing.T, config *postgres.Config) int {
	t.Helper()
	return answering(t, func(client net.Conn) error {
		backend := pgproto3.NewBackend(client, client)
		_, err := backend.ReceiveStartupMessage()
		_, refused := config.Connect(t.Context(), nil)
		said, isSaid := errors.AsType[*pgconn.PgError](refused)
		if !isSaid || err != nil {
			return err
		}
		backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: said.Code, Message: "das Datenbanksystem startet", Routine: said.Routine})
		return backend.Flush()
	})
}

func touch(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dbtest.GiveToServer(t, path)
}
