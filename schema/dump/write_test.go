package dump_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema/dump"
)

func filesToWrite() []dump.File {
	return []dump.File{
		{Path: "common/full_schemas/2/full.sql.sqlite", Content: []byte("first")},
		{Path: "main/full_schemas/2/full.sql.sqlite", Content: []byte("second")},
	}
}

// fileTexts are the files below a folder.
func fileTexts(t *testing.T, folder string) map[string]string {
	t.Helper()
	found := map[string]string{}
	for name, file := range copyOf(t, os.DirFS(folder)) {
		found[name] = string(file.Data)
	}
	return found
}

func TestWrite(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "new", "schema")
	first, second := filepath.Join(folder, "common/full_schemas/2/full.sql.sqlite"), filepath.Join(folder, "main/full_schemas/2/full.sql.sqlite")
	for _, want := range [][]string{{first, second}, nil} {
		written, err := dump.Write(t.Context(), folder, filesToWrite())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, written); diff != "" {
			t.Errorf("written (-want +got):\n%s", diff)
		}
	}
	if err := os.WriteFile(first, []byte("other"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(folder, ".full-schemas-unfinished", "of a killed run"), 0o700); err != nil {
		t.Fatal(err)
	}
	written, err := dump.Write(t.Context(), folder, filesToWrite())
	if err != nil || !cmp.Equal(written, []string{first}) {
		t.Errorf("written %q, error %v", written, err)
	}
	want := map[string]string{"common/full_schemas/2/full.sql.sqlite": "first", "main/full_schemas/2/full.sql.sqlite": "second"}
	if diff := cmp.Diff(want, fileTexts(t, folder)); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestInterruptedWriteLeavesNothing(t *testing.T) {
	t.Parallel()
	parent := t.TempDir()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := dump.Write(ctx, filepath.Join(parent, "new", "schema"), filesToWrite()); !errors.Is(err, context.Canceled) {
		t.Errorf("the error is %v", err)
	}
	if diff := cmp.Diff(map[string]string{}, dbtest.Listing(t, parent)); diff != "" {
		t.Errorf("left behind:\n%s", diff)
	}
}

// The last file cannot be put in its place, since a link to nowhere is in the way: the ones before it are taken back.
func TestFailedWriteChangesNothing(t *testing.T) {
	t.Parallel()
	for name, existing := range map[string]map[string]string{
		"nothing was there":  {},
		"a file was there":   {"common/full_schemas/2/full.sql.sqlite": "before"},
		"a folder was there": {"common/full_schemas/2/full.sql.postgres": "another"},
	} {
		folder := t.TempDir()
		write := func(path, text string) {
			path = filepath.Join(folder, path)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		for path, text := range existing {
			write(path, text)
		}
		write("main/full_schemas/1/full.sql.sqlite", "older")
		link := filepath.Join(folder, "main/full_schemas/2")
		if err := os.Symlink("nowhere", link); err != nil {
			t.Fatal(err)
		}
		if _, err := dump.Write(t.Context(), folder, filesToWrite()); err == nil {
			t.Errorf("%s: no error", name)
		}
		if err := os.Remove(link); err != nil {
			t.Fatal(err)
		}
		existing["main/full_schemas/1/full.sql.sqlite"] = "older"
		if diff := cmp.Diff(existing, fileTexts(t, folder)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if _, err := os.Stat(filepath.Join(folder, "common")); (err == nil) != (len(existing) > 1) {
			t.Errorf("%s: the folder common: %v", name, err)
		}
	}
}
