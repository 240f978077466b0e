package store_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestOneHasTheLock(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		for range 2 { // a lock that was never there, and one that was given back
			unlock := lockAtOnce(t, p)
			for range 2 {
				if err := unlock(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if left := list(t, p.mustOpen(t), ""); left != nil {
			t.Errorf("the lock shows: %v", left)
		}
	})
}

// lockAtOnce has several take the lock, of whom one gets it.
func lockAtOnce(t *testing.T, p place) (unlock func() error) {
	t.Helper()
	const writers = 6
	results, unlocks := make([]error, writers), make([]func() error, writers)
	var group errgroup.Group
	for i := range writers {
		opened := p.mustOpen(t)
		group.Go(func() error {
			_, unlocks[i], results[i] = opened.Lock(t.Context())
			return nil
		})
	}
	_ = group.Wait() // they return nil
	for i, err := range results {
		if err == nil && unlock != nil {
			t.Fatal("two have the lock")
		}
		if err == nil {
			unlock = unlocks[i]
			continue
		}
		if locked, ok := errors.AsType[*store.LockedError](err); !ok || !strings.Contains(err.Error(), locked.Store) || !strings.Contains(err.Error(), "wait") {
			t.Errorf("%v, want a LockedError", err)
		}
	}
	if unlock == nil {
		t.Fatalf("nobody has the lock: %v", results)
	}
	return unlock
}

func TestWhoeverIsKeptOutLearnsWhoHasTheLock(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		_, unlock, err := p.mustOpen(t).Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		_, _, err = p.mustOpen(t).Lock(t.Context())
		if want := fmt.Sprintf("process %d on ", os.Getpid()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%v, want it to begin with %s", err, want)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
}

func TestLockEndsWithUnlockAndContext(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		held, unlock, err := opened.Lock(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(held.Err(), unlock()); err != nil || held.Err() == nil {
			t.Errorf("%v; after unlock: %v", err, held.Err())
		}
		stopped := errors.New("the operator has had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		held, unlock, err = opened.Lock(ctx)
		if err != nil {
			t.Fatal(err)
		}
		cancel(stopped)
		<-held.Done()
		if cause := context.Cause(held); !errors.Is(cause, stopped) {
			t.Error(cause)
		}
		if err := unlock(); err != nil {
			t.Error(err)
		}
		if _, unlock, err = opened.Lock(t.Context()); err != nil || unlock() != nil {
			t.Errorf("the lock is not free: %v", err)
		}
	})
}

func TestLockOfAKilledProcessEnds(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		p.Lease = 2 * time.Second
		holder := child{Place: p, Work: "lock"}.start(t)
		opened := p.mustOpen(t)
		_, _, err := opened.Lock(t.Context())
		if _, ok := errors.AsType[*store.LockedError](err); !ok {
			t.Fatalf("%v, want a LockedError", err)
		}
		kill(t, holder)
		unlock := awaitLock(t, opened)
		if err := unlock(); err != nil {
			t.Error(err)
		}
	})
}

// awaitLock takes the lock when it is free.
func awaitLock(t *testing.T, opened store.Store) (unlock func() error) {
	t.Helper()
	dbtest.Await(t, func() bool {
		var err error
		_, unlock, err = opened.Lock(t.Context())
		if _, locked := errors.AsType[*store.LockedError](err); err != nil && !locked {
			t.Fatal(err)
		}
		return err == nil
	})
	return unlock
}

// What a killed process was about to put never shows, and the next one that takes the lock removes it.
func TestKilledWriterLeavesWholeFiles(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		for round := range dbtest.Rounds(t, 3) {
			writer := child{Place: p, Work: "put"}.start(t)
			dbtest.Await(t, func() bool { return len(list(t, opened, "packs/")) > round })
			kill(t, writer)
			_, unlock, err := opened.Lock(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range list(t, opened, "") {
				got := mustGet(t, opened, file.Name)
				seed, _, _ := strings.Cut(string(got), "\n")
				if string(content(seed, 3<<20)) != string(got) || int64(len(got)) != file.Size {
					t.Errorf("%s has %d bytes, of which not all are right", file.Name, len(got))
				}
			}
			if err := unlock(); err != nil {
				t.Error(err)
			}
			if p.Folder != "" {
				onlyFiles(t, p.Folder)
			}
		}
	})
}

// onlyFiles fails for what a killed writer has left.
func onlyFiles(t *testing.T, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	if len(entries) != 1 || entries[0].Name() != "packs" {
		t.Errorf("left: %v", entries)
	}
}
