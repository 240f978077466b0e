package sqlite

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/filelock"
)

// How often the lock is asked for, and after what time the caller is told who holds it.
const (
	schemaLockInterval = 50 * time.Millisecond
	schemaLockPatience = time.Second
)

// The names of the lock files are the database's with one of these, or with what LockNamed makes.
const (
	lockSuffix        = "-upgrade"
	updatesLockSuffix = "-updates"
)

// LockSchema locks a file beside the database, DATABASE-upgrade, which is there only while the lock is held or waited for.
// The lock of a process that was killed is gone with it, and the next holder removes its file. A database in memory has
// no other process that could change it.
func (s *schemaSession) LockSchema(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockFile(ctx, lockSuffix, waiting)
}

// LockUpdates locks DATABASE-updates in the same way.
func (s *schemaSession) LockUpdates(ctx context.Context, waiting func(holder string)) (unlock func() error, err error) {
	return s.lockFile(ctx, updatesLockSuffix, waiting)
}

// LockNamed locks DATABASE-KIND-MARK in the same way; the mark stands for the name, in which there may be anything.
func (s *schemaSession) LockNamed(ctx context.Context, kind, name string, waiting func(holder string)) (unlock func() error, err error) {
	sum := sha256.Sum256([]byte(name))
	return s.lockFile(ctx, "-"+kind+"-"+hex.EncodeToString(sum[:8]), waiting)
}

func (s *schemaSession) lockFile(ctx context.Context, suffix string, waiting func(holder string)) (unlock func() error, err error) {
	if s.db.InMemory() {
		return func() error { return nil }, nil
	}
	// SQLite keeps its own files beside the one that a symbolic link leads to.
	target, err := filepath.EvalSymlinks(s.db.Path())
	if err != nil {
		return nil, pathError(s.db.Path(), err)
	}
	lock := &schemaLock{path: target + suffix, waiting: waiting, begun: time.Now()}
	for {
		file, err := lock.acquire(ctx)
		if err != nil {
			return nil, err
		}
		if file != nil {
			return s.locked(ctx, sync.OnceValue(func() error { return lock.release(file) }))
		}
	}
}

// locked puts the file into WAL mode, as Open does: not before, since a session may be there only to look.
func (s *schemaSession) locked(ctx context.Context, unlock func() error) (func() error, error) {
	if err := s.db.useWAL(ctx, s.connection); err != nil {
		return nil, errors.Join(s.db.place.explain(err), unlock())
	}
	s.unlocks = append(s.unlocks, unlock)
	return unlock, nil
}

// schemaLock is one wait for the lock.
type schemaLock struct {
	path    string
	waiting func(holder string)
	told    bool
	begun   time.Time
}

// acquire gives nil when its file was removed by the holder it waited for, and another one has to be opened.
func (l *schemaLock) acquire(ctx context.Context) (*os.File, error) {
	file, err := os.OpenFile(l.path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, &FileError{Path: l.path, Problem: Unwritable, Err: err,
			Hint: "give this user the right to write to the folder; if another user's process was killed and left the file, remove it"}
	}
	valid, err := l.wait(ctx, file)
	if err == nil && valid {
		if err = writeHolder(file); err == nil {
			return file, nil
		}
	}
	return nil, errors.Join(err, file.Close())
}

func (l *schemaLock) wait(ctx context.Context, file *os.File) (valid bool, err error) {
	for {
		locked, err := filelock.Try(file, true)
		if err != nil {
			return false, fmt.Errorf("lock %s: %w", l.path, err)
		}
		if locked {
			return l.inPlace(file)
		}
		l.tell()
		if err := engine.Wait(ctx, schemaLockInterval); err != nil {
			return false, fmt.Errorf("wait for the lock on %s: %w", l.path, err)
		}
	}
}

// inPlace reports whether the file that was opened is the one that others will open.
func (l *schemaLock) inPlace(file *os.File) (bool, error) {
	opened, err := file.Stat()
	if err != nil {
		return false, fmt.Errorf("look at the lock file: %w", err)
	}
	now, err := os.Stat(l.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("look at the lock file: %w", err)
	}
	return os.SameFile(opened, now), nil
}

// tell calls waiting once, as soon as the wait has lasted a while and the holder has written down who it is.
func (l *schemaLock) tell() {
	if l.told || l.waiting == nil || time.Since(l.begun) < schemaLockPatience {
		return
	}
	content, err := os.ReadFile(l.path)
	if err != nil {
		return // it has just been released
	}
	if process, err := strconv.Atoi(strings.TrimSpace(string(content))); err == nil {
		l.told = true
		l.waiting(describeProcess(process))
	}
}

func writeHolder(file *os.File) error {
	if err := file.Truncate(0); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if _, err := file.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	if _, err := fmt.Fprintln(file, os.Getpid()); err != nil {
		return fmt.Errorf("write the lock file: %w", err)
	}
	return nil
}

// describeProcess gives a process's number, and its name where the system tells it.
func describeProcess(process int) string {
	text := fmt.Sprintf("process %d", process)
	if name := processName(process); name != "" {
		text += " (" + name + ")"
	}
	return text
}
