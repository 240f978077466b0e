package engine_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// lock takes a lock that nobody has.
func lock(t *testing.T, take func(context.Context, func(string)) (func() error, error)) (unlock func() error) {
	t.Helper()
	unlock, err := take(t.Context(), func(holder string) { t.Errorf("waits for %s", holder) })
	if err != nil {
		t.Fatal(err)
	}
	return unlock
}

// named is LockNamed of a session, for one name.
func named(session engine.Session, kind, name string) func(context.Context, func(string)) (func() error, error) {
	return func(ctx context.Context, waiting func(string)) (func() error, error) {
		return session.LockNamed(ctx, kind, name, waiting)
	}
}

func TestLocksOfOtherNamesAreOtherLocks(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		place, other := anyengine.New(t, kind), anyengine.New(t, kind)
		lock(t, place.Session(t).LockSchema)
		lock(t, place.Session(t).LockUpdates)
		for _, name := range []string{"", "a", "A", "a ", "a\x00", "../a", "ä🌡", strings.Repeat("long", 1000)} {
			lock(t, named(place.Session(t), "first", name))
			lock(t, named(place.Session(t), "second", name))
			lock(t, named(other.Session(t), "first", name))
		}
	})
}

func TestLockOfANameIsWaitedFor(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		place := anyengine.New(t, kind)
		holder, waiter := place.Session(t), place.Session(t)
		unlock := lock(t, named(holder, "work", "a"))
		told := 0
		again, err := waiter.LockNamed(t.Context(), "work", "a", func(who string) {
			told++
			if who == "" {
				t.Error("the holder has no name")
			}
			if err := unlock(); err != nil {
				t.Error(err)
			}
		})
		if err != nil || told != 1 {
			t.Fatalf("told %d times: %v", told, err)
		}
		short, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		defer cancel()
		if _, err := place.Session(t).LockNamed(short, "work", "a", nil); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a wait whose context has ended: %v", err)
		}
		if err := again(); err != nil {
			t.Error(err)
		}
		lock(t, named(holder, "work", "a"))
	})
}

func TestLockOfANameEndsWithItsSession(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		place := anyengine.New(t, kind)
		for range 2 {
			place.With(t, func(session engine.Session) error {
				_, err := session.LockNamed(t.Context(), "work", "a", nil)
				return err
			})
		}
		lock(t, named(place.Session(t), "work", "a"))
	})
}

// Who holds such a lock is in the way of an upgrade; sessions of one process never are in SQLite.
func TestOthersSeeWhoHoldsALockOfAName(t *testing.T) {
	t.Parallel()
	for _, kind := range []engine.Kind{engine.Postgres, engine.MySQL} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			place := anyengine.New(t, kind)
			holder, upgrader := place.Session(t), place.Session(t)
			others := func() []string {
				found, err := upgrader.OtherSessions(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				return found
			}
			if found := others(); len(found) != 0 {
				t.Errorf("before: %q", found)
			}
			lock(t, named(holder, "work", "a"))
			found := others()
			if len(found) != 1 || kind == engine.Postgres && !strings.Contains(found[0], "synapse work") {
				t.Errorf("%q", found)
			}
		})
	}
}

func TestPreparedStatement(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		session := anyengine.New(t, kind).Session(t)
		if _, err := session.Exec(t.Context(), "CREATE TABLE pairs (a BIGINT PRIMARY KEY, b TEXT)"); err != nil {
			t.Fatal(err)
		}
		err := session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
			prepared, err := tx.Prepare(t.Context(), "INSERT INTO pairs (a, b) VALUES (?, ?)")
			if err != nil {
				return err
			}
			for i := range 10 {
				if _, err := prepared.ExecContext(t.Context(), i, "?"); err != nil {
					return err
				}
			}
			return prepared.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
		var count int
		if err := session.QueryRow(t.Context(), "SELECT count(*) FROM pairs WHERE b = ?", "?").Scan(&count); err != nil || count != 10 {
			t.Errorf("%d rows, %v", count, err)
		}
	})
}
