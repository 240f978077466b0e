package sqlite

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A second connection sees what is committed, beside the first one, whose locks it leaves alone.
func TestReaderBesideASession(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"UTF-8", "UTF-16le"} {
		path := filepath.Join(t.TempDir(), "te?st.db")
		session := openSession(t, path)
		run(t, session, "PRAGMA encoding = '"+encoding+"'", "CREATE TABLE a (b)")
		if _, err := session.LockNamed(t.Context(), "work", "a", nil); err != nil {
			t.Fatal(err)
		}
		link := filepath.Join(t.TempDir(), "link.db")
		if err := os.Symlink(path, link); err != nil {
			t.Fatal(err)
		}
		run(t, session, "INSERT INTO a VALUES ('ä🌡'), (7)", "BEGIN IMMEDIATE", "INSERT INTO a VALUES ('not committed')")
		var got []string
		err := Config{Database: link}.WithReader(t.Context(), func(reader *Reader) error {
			return reader.each(t.Context(), "SELECT b FROM a WHERE b <> ?", []any{8}, func(rows *Rows) { got = append(got, rows.text(0)) })
		})
		if err != nil {
			t.Fatal(err)
		}
		if difference := cmp.Diff([]string{"ä🌡", "7"}, got); difference != "" {
			t.Error(difference)
		}
		run(t, session, "COMMIT")
		wantPragmas(t, session, "journal_mode wal")
	}
}

func TestReaderRefusals(t *testing.T) {
	t.Parallel()
	none := func(*Reader) error {
		t.Error("work without a database")
		return nil
	}
	for _, location := range []string{":memory:", "", "file:a?mode=memory&cache=shared"} {
		if err := (Config{Database: location}).WithReader(t.Context(), none); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%q: %v", location, err)
		}
	}
	missing := filepath.Join(t.TempDir(), "missing.db")
	if err := (Config{Database: missing}).WithReader(t.Context(), none); err == nil {
		t.Error("a file that is missing was read")
	}
	session, path := newSession(t)
	run(t, session, "CREATE TABLE a (b)")
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	err := Config{Database: path}.WithReader(ctx, func(reader *Reader) error {
		cancel(stopped)
		return reader.each(ctx, "SELECT b FROM a", nil, func(*Rows) {})
	})
	if !errors.Is(err, stopped) {
		t.Error(err)
	}
}
