package port_test

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/port"
)

// patience is how long a port may take to say that it is disturbed.
const patience = 20 * time.Second

// disturbed ports and calls disturb once the phase has begun to move rows. It returns what the port returned.
func disturbed(
	t *testing.T, source string, target *dbtest.Database, phase port.Phase, disturb func(), change func(*port.Options),
) error {
	t.Helper()
	progress, done := port.NewProgress(), make(chan error, 1)
	go func() {
		_, err := portInto(t, source, target, func(options *port.Options) {
			options.Progress = progress
			if change != nil {
				change(options)
			}
		})
		done <- err
	}()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for state := progress.Snapshot(); state.Phase != phase || state.Done == 0; state = progress.Snapshot() {
		select {
		case err := <-done:
			t.Fatalf("the port ended before the phase %s: %v", phase, err)
		case <-tick.C:
		}
	}
	disturb()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		t.Fatalf("the port hangs; it is in %+v", progress.Snapshot())
		return nil
	}
}

// mustBeUnfinished checks an error that came after the first write, and the guard.
func mustBeUnfinished(t *testing.T, err error, target *dbtest.Database) {
	t.Helper()
	if _, ok := errors.AsType[*port.UnfinishedError](err); !ok {
		t.Errorf("the error is %v", err)
	}
	if state := lookAtGuard(t, target); state != guarded() {
		t.Errorf("the guard is %+v", state)
	}
	waitForSessionsToEnd(t, target)
}

// privateTarget returns a prepared database on a server that only this test uses.
func privateTarget(t *testing.T) (*server.Postgres, *dbtest.Database) {
	t.Helper()
	private := dbtest.StartPostgres(t, server.PostgresOptions{TCP: true})
	const name = "private"
	err := errors.Join(private.CreateRole(t.Context(), name, name),
		private.CreateDatabase(t.Context(), server.DatabaseOptions{Name: name, Owner: name}))
	if err != nil {
		t.Fatal(err)
	}
	target := &dbtest.Database{
		Name: name, Owner: name, Password: name,
		DSN: private.PasswordDSN(name, name, name), SuperuserDSN: private.DSN(name, private.Superuser()),
		Config: map[string]any{"host": "127.0.0.1", "port": private.Port(), "user": name, "password": name, "dbname": name},
	}
	prepare(t, target)
	return private, target
}

func TestServerThatEndsInTheMiddle(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	for name, test := range map[string]struct {
		end       func(*server.Postgres) error
		reconnect time.Duration
		goesOn    bool
	}{
		"crash":                    {func(s *server.Postgres) error { return s.Kill() }, time.Second, false},
		"restart, no reconnection": {func(s *server.Postgres) error { return s.Restart(context.Background()) }, -1, false},
		"restart":                  {func(s *server.Postgres) error { return s.Restart(context.Background()) }, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			private, target := privateTarget(t)
			err := disturbed(t, source, target, port.PhaseCopy, func() {
				if err := test.end(private); err != nil {
					t.Error(err)
				}
			}, func(options *port.Options) { options.Reconnect = test.reconnect })
			if test.goesOn {
				if err != nil {
					t.Fatal(err)
				}
				expected.complete(t, source, target)
				return
			}
			if err := private.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			mustBeUnfinished(t, err, target)
			if _, err := portInto(t, source, target, nil); err != nil {
				t.Fatal(err)
			}
			expected.complete(t, source, target)
		})
	}
}

// relay passes connections on to a server until they are cut.
type relay struct {
	listener net.Listener
	behind   string
	mutex    sync.Mutex
	open     []net.Conn
	running  sync.WaitGroup
}

func startRelay(t *testing.T, behind string) *relay {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{listener: listener, behind: behind}
	r.running.Go(r.accept)
	t.Cleanup(r.cut)
	return r
}

func (r *relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return
		}
		server, err := new(net.Dialer).DialContext(context.Background(), "tcp", r.behind)
		if err != nil {
			_ = client.Close()
			continue
		}
		r.mutex.Lock()
		r.open = append(r.open, client, server)
		r.mutex.Unlock()
		for _, pair := range [][2]net.Conn{{client, server}, {server, client}} {
			r.running.Go(func() {
				_, _ = io.Copy(pair[0], pair[1]) // ends when either side does
				_, _ = pair[0].Close(), pair[1].Close()
			})
		}
	}
}

// cut ends all connections and takes no more.
func (r *relay) cut() {
	_ = r.listener.Close()
	r.drop()
	r.running.Wait()
}

// drop ends all connections; new ones are taken.
func (r *relay) drop() {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	for _, conn := range r.open {
		_ = conn.Close()
	}
	r.open = nil
}

// throughRelay makes a port go by way of a relay.
func throughRelay(t *testing.T, way *relay, target *dbtest.Database, options *port.Options) {
	t.Helper()
	through := *target
	through.Config = map[string]any{
		"host": "127.0.0.1", "port": way.listener.Addr().(*net.TCPAddr).Port,
		"user": target.Owner, "password": target.Password, "dbname": target.Name,
	}
	options.Target = targetConfig(t, &through)
}

// When the way is there again, the port goes on by itself.
func TestConnectionThatIsCutForAMoment(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	for name, test := range map[string]struct {
		phase  port.Phase
		second bool // into a target that is complete
	}{
		"copy": {port.PhaseCopy, false}, "verify": {port.PhaseVerify, false},
		"compare": {port.PhaseScan, true}, "update": {port.PhaseCopy, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source, target := demoSource(t, demo.Options{Events: killedEvents, Seed: 1}), preparedTarget(t)
			if test.second {
				if _, err := portInto(t, source, target, nil); err != nil {
					t.Fatal(err)
				}
				asSuperuser(t, target, func(conn *pgx.Conn) error {
					_, err := conn.Exec(t.Context(), "UPDATE events SET sender = 'changed'; UPDATE event_json SET json = '{}'")
					return err
				})
				waitForSessionsToEnd(t, target)
			}
			way := startRelay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(dbtest.Postgres(t).Port())))
			err := disturbed(t, source, target, test.phase, way.drop, func(options *port.Options) {
				throughRelay(t, way, target, options)
				options.DiscardTargetChanges = test.second
			})
			if err != nil {
				t.Fatal(err)
			}
			expected.complete(t, source, target)
		})
	}
}

func TestConnectionThatIsCut(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	for _, phase := range []port.Phase{port.PhaseCopy, port.PhaseVerify} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			target := preparedTarget(t)
			way := startRelay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(dbtest.Postgres(t).Port())))
			err := disturbed(t, source, target, phase, way.cut, func(options *port.Options) {
				throughRelay(t, way, target, options)
				options.Reconnect = time.Second
			})
			mustBeUnfinished(t, err, target)
			if strings.Contains(err.Error(), target.Password) {
				t.Error("the message holds the password")
			}
			if _, err := portInto(t, source, target, nil); err != nil {
				t.Fatal(err)
			}
			expected.complete(t, source, target)
		})
	}
}

func TestSourceThatChangesIsNotTakenForDone(t *testing.T) {
	t.Parallel()
	original := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	content, err := os.ReadFile(original)
	if err != nil {
		t.Fatal(err)
	}
	expected := expect(t, original, port.Fail)
	for name, test := range map[string]struct {
		change   func(path string) error
		noVerify bool
	}{
		"replaced": {func(path string) error {
			return errors.Join(os.WriteFile(path+".new", content, 0o600), os.Rename(path+".new", path))
		}, true},
		"written to past SQLite's locks": {moveChangeCounter, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
			target := preparedTarget(t)
			err := disturbed(t, source, target, port.PhaseCopy, func() {
				if err := test.change(source); err != nil {
					t.Error(err)
				}
			}, func(options *port.Options) { options.NoVerify = test.noVerify })
			if _, ok := errors.AsType[*sqlite.ChangedError](err); !ok {
				t.Errorf("the error does not say that the source changed: %v", err)
			}
			mustBeUnfinished(t, err, target)
			if _, err := portInto(t, original, target, nil); err != nil {
				t.Fatal(err)
			}
			expected.complete(t, original, target)
		})
	}
}

func moveChangeCounter(path string) error {
	file, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	const place = 24 // in the header (SQLite, "Database File Format")
	_, err = file.WriteAt([]byte{9, 9, 9, 9}, place)
	return errors.Join(err, file.Close())
}

// A server that is still running, in SQLite's rollback mode, waits for the port instead of disturbing it.
func TestWriterWaitsForThePort(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	target := preparedTarget(t)
	err := disturbed(t, source, target, port.PhaseScan, func() {
		conn := target.Connect(t) // the port waits for this lock
		tx, err := conn.Begin(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		if _, err := tx.Exec(t.Context(), "LOCK TABLE events IN ACCESS EXCLUSIVE MODE"); err != nil {
			t.Error(err)
		}
		var output bytes.Buffer
		writer := portProcess{Source: source, Write: "UPDATE rooms SET creator = 'changed'"}
		if writer.process().Start(t, &output).Wait() == nil {
			t.Error("another process could write to the source")
		}
		if !strings.Contains(output.String(), "locked") {
			t.Errorf("the writer said: %s", output.String())
		}
		if err := errors.Join(tx.Rollback(t.Context()), conn.Close(t.Context())); err != nil {
			t.Error(err)
		}
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	expected.complete(t, source, target)
}

func TestFileForRowsSetAsideThatCannotBeMade(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 40, Seed: 1, BadValues: true})
	target := preparedTarget(t)
	before := content(t, target)
	waitForSessionsToEnd(t, target)
	occupied := filepath.Join(t.TempDir(), "occupied")
	if err := os.WriteFile(occupied, []byte("of an earlier port"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, path := range map[string]string{
		"no such folder": filepath.Join(t.TempDir(), "missing", "aside.jsonl"), "exists": occupied,
	} {
		_, err := portInto(t, source, target, func(o *port.Options) { o.OnBadValue, o.SetAsideFile = port.Repair, path })
		if refused, ok := errors.AsType[*port.RefusedError](err); !ok || !refused.Has("set_aside_file") {
			t.Errorf("%s: the error is %v", name, err)
		}
	}
	if left, err := os.ReadFile(occupied); err != nil || string(left) != "of an earlier port" {
		t.Errorf("the file that was there holds %q, %v", left, err)
	}
	if after := content(t, target); len(after) != len(before) || lookAtGuard(t, target).Unfinished {
		t.Error("the target was touched")
	}
}

// A limit of the process stands for a disk that is full.
func TestFullDiskBelowTheRowsSetAside(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 40, Seed: 1, BadValues: true})
	expected := expect(t, source, port.Repair)
	target := preparedTarget(t)
	process := portProcess{
		Source: source, Target: target.Config, Aside: filepath.Join(t.TempDir(), "aside.jsonl"), Policy: port.Repair, FileLimit: 100,
	}
	var output bytes.Buffer
	if process.process().Start(t, &output).Wait() == nil {
		t.Fatal("a port whose rows set aside are lost succeeded")
	}
	if !strings.Contains(output.String(), "file for rows set aside") || !strings.Contains(output.String(), "file too large") {
		t.Errorf("the port said: %s", output.String())
	}
	if state := lookAtGuard(t, target); state != guarded() {
		t.Errorf("the guard is %+v", state)
	}
	process.FileLimit = 0
	process.process().MustEnd(t)
	expected.complete(t, source, target)
	asideIsWhole(t, process)
}

func TestPortEndsWithItsContext(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expect(t, source, port.Fail)
	for range dbtest.Rounds(t, 2) {
		target := preparedTarget(t)
		moment := rand.N(expected.duration)
		ctx, cancel := context.WithTimeout(t.Context(), moment)
		_, err := port.Run(ctx, port.Options{Source: source, Target: targetConfig(t, target)})
		cancel()
		var interrupted *port.InterruptedError
		switch {
		case err == nil:
		case !errors.Is(err, context.DeadlineExceeded):
			t.Errorf("after %v: %v", moment, err)
		case errors.As(err, &interrupted):
			waitForSessionsToEnd(t, target)
			if finished := expected.wholeOrGuarded(t, target); finished {
				t.Logf("after %v the port was complete and did not know it", moment)
			}
		case !strings.Contains(err.Error(), "before anything was written"):
			t.Errorf("after %v: %v", moment, err)
		case lookAtGuard(t, target).Unfinished:
			t.Errorf("after %v something was written: %v", moment, err)
		}
	}
}

func TestHugeValuesPort(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 40, Seed: 1})
	db, err := sql.Open("sqlite", source)
	if err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{
		`UPDATE event_json SET json = '{"body":"' || replace(hex(zeroblob(100000)), '0', 'x') || '"}'`,
		`UPDATE event_json SET json = '{"body":"' || replace(hex(zeroblob(26214400)), '0', 'ä') || '"}'
			WHERE rowid = (SELECT max(rowid) FROM event_json)`,
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	target := preparedTarget(t)
	if _, err := portInto(t, source, target, nil); err != nil {
		t.Fatal(err)
	}
	asSuperuser(t, target, func(conn *pgx.Conn) error {
		var longest, shortest int
		err := conn.QueryRow(t.Context(), "SELECT max(octet_length(json)), min(octet_length(json)) FROM event_json").Scan(&longest, &shortest)
		if longest < 50<<20 || shortest < 200_000 {
			t.Errorf("the longest value has %d bytes, the shortest %d", longest, shortest)
		}
		return err
	})
}
