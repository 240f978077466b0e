package sqlite

import (
	"errors"
	"path/filepath"
	"testing"
)

// In WAL mode commits wait for the disk only where that is asked for.
func TestDurable(t *testing.T) {
	t.Parallel()
	for durable, want := range map[bool]string{false: "synchronous 1", true: "synchronous 2"} {
		session, err := OpenSession(t.Context(), Config{Database: filepath.Join(t.TempDir(), "test.db"), Durable: durable}, nil)
		if err != nil {
			t.Fatal(err)
		}
		unlock, err := session.LockNamed(t.Context(), "work", "a", nil)
		if err != nil {
			t.Fatal(err)
		}
		wantPragmas(t, session, "journal_mode wal", want)
		if err := errors.Join(unlock(), session.Close()); err != nil {
			t.Error(err)
		}
	}
}

func TestOnlyReads(t *testing.T) {
	t.Parallel()
	for location, want := range map[string]bool{
		"a.db": false, "file:a.db": false, "file:a.db?mode=ro": true, "file:a.db?immutable=1": true, "file:a.db?mode=rw": false, ":memory:": false, "": false,
	} {
		if got := (Config{Database: location}).OnlyReads(); got != want {
			t.Errorf("%q: %t", location, got)
		}
	}
}
