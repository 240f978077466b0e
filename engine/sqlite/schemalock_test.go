package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
)

// upgrade counts in a way that loses a step when somebody else does the same at once, each step with a lock of its own.
func upgrade(path string) error {
	session, err := OpenSession(context.Background(), Config{Database: path}, nil)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	for range 5 {
		if err := stepAlone(session); err != nil {
			return err
		}
	}
	return session.Close()
}

func stepAlone(session engine.Session) error {
	ctx := context.Background()
	unlock, err := session.LockSchema(ctx, nil)
	if err != nil {
		return err
	}
	if others, err := session.OtherSessions(ctx); err != nil || len(others) != 0 {
		return fmt.Errorf("others %q: %w", others, err)
	}
	var n int
	if err := session.QueryRow(ctx, "SELECT n FROM steps").Scan(&n); err != nil {
		return err
	}
	if _, err := session.Exec(ctx, "UPDATE steps SET n = ?", n+1); err != nil {
		return err
	}
	return unlock()
}

// holdLock takes the lock, says so, and keeps it until its input is closed or it is killed.
func holdLock(path string) error {
	session, err := OpenSession(context.Background(), Config{Database: path}, nil)
	if err != nil {
		return err
	}
	unlock, err := session.LockSchema(context.Background(), func(string) { fmt.Println("waiting") })
	if err != nil {
		return err
	}
	fmt.Println("ready")
	if _, err := io.Copy(io.Discard, os.Stdin); err != nil {
		return err
	}
	return errors.Join(unlock(), session.Close())
}

func TestSchemaLockExcludesProcesses(t *testing.T) {
	t.Parallel()
	for _, count := range []int{2, 10} {
		path := filepath.Join(t.TempDir(), "homeserver.db")
		execute(t, path, "CREATE TABLE steps (n INT)", "INSERT INTO steps VALUES (0)")
		var processes []*process
		for range count {
			processes = append(processes, start(t, "upgrade", nil, path))
		}
		for _, process := range processes {
			process.expect(t, "ready")
		}
		for _, process := range processes {
			if err := process.input.Close(); err != nil {
				t.Fatal(err)
			}
		}
		for _, process := range processes {
			if err := process.command.Wait(); err != nil {
				t.Error(err)
			}
		}
		if got := one[int](t, openSession(t, path), "SELECT n FROM steps"); got != 5*count {
			t.Errorf("%d of %d steps", got, 5*count)
		}
		mustBeGone(t, path+lockSuffix)
	}
}

func mustBeGone(tb testing.TB, path string) {
	tb.Helper()
	if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
		tb.Errorf("%s is left behind: %v", path, err)
	}
}

// Sessions of one process are kept apart too, also when one comes by a symbolic link.
func TestSchemaLockExcludesSessions(t *testing.T) {
	t.Parallel()
	holder, path := newSession(t)
	unlock, err := holder.LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(path + lockSuffix); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	link := filepath.Join(t.TempDir(), "link.db")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	waiter := openSession(t, link)
	var told string
	unlockWaiter, err := waiter.LockSchema(t.Context(), func(holder string) {
		told = holder
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if want := "process " + strconv.Itoa(os.Getpid()) + " ("; !strings.HasPrefix(told, want) {
		t.Error(told)
	}
	if err := unlockWaiter(); err != nil {
		t.Error(err)
	}
	mustBeGone(t, path+lockSuffix)
}

func TestSchemaLockEndsWithItsContext(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "homeserver.db")
	holder := start(t, "lock", nil, path)
	holder.expect(t, "ready")
	ctx, cancel := context.WithCancel(t.Context())
	var told string
	_, err := openSession(t, path).LockSchema(ctx, func(holder string) {
		told = holder
		cancel()
	})
	if !errors.Is(err, context.Canceled) || !strings.HasPrefix(told, "process "+strconv.Itoa(holder.command.Process.Pid)+" (") {
		t.Errorf("%q, %v", told, err)
	}
	holder.end(t)
	mustBeGone(t, path+lockSuffix)
}

func TestSchemaLockOfAKilledProcess(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "homeserver.db")
	holder := start(t, "lock", nil, path)
	holder.expect(t, "ready")
	waiter := start(t, "lock", nil, path)
	waiter.expect(t, "waiting")
	holder.kill(t)
	waiter.expect(t, "ready")
	waiter.kill(t)
	if _, err := os.Stat(path + lockSuffix); err != nil {
		t.Error(err)
	}
	unlock, err := openSession(t, path).LockSchema(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	mustBeGone(t, path+lockSuffix)
}

func TestOtherSessions(t *testing.T) {
	t.Parallel()
	session, path := newSession(t)
	run(t, session, "CREATE TABLE a (b)")
	upgrader := start(t, "lock", nil, path)
	upgrader.expect(t, "ready")
	if others, err := session.OtherSessions(t.Context()); err != nil || len(others) != 0 {
		t.Errorf("%q, %v", others, err)
	}
	server := startHolding(t, path, "SELECT count(*) FROM a")
	others, err := session.OtherSessions(t.Context())
	want := "process " + strconv.Itoa(server.command.Process.Pid) + " ("
	if err != nil || len(others) != 1 || !strings.HasPrefix(others[0], want) {
		t.Errorf("%q, %v", others, err)
	}
	server.end(t)
	upgrader.end(t)
}
