package store_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// onMount puts files into a small file system of its own until that is full, or into one that is read-only, and prints what comes of it.
func (c child) onMount(ctx context.Context) error {
	if err := syscall.Mount("none", c.Place.Folder, "tmpfs", 0, "size=4m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	opened, err := c.Place.open(ctx)
	if err != nil {
		return err
	}
	defer opened.Close()
	if err := opened.Put(ctx, "packs/first", content("some content", 1<<20)); err != nil {
		return err
	}
	if c.ReadOnly {
		err := syscall.Mount("none", c.Place.Folder, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
		if err != nil {
			return err
		}
	}
	refused := opened.Put(ctx, "packs/second", content("some content", 4<<20))
	fmt.Println(errors.Is(refused, syscall.ENOSPC), errors.Is(refused, syscall.EROFS))
	_, unlock, err := opened.Lock(ctx)
	fmt.Println(errors.Is(err, syscall.EROFS))
	for info, err := range opened.List(ctx, "") {
		fmt.Println(info.Name, err)
	}
	entries, err := os.ReadDir(c.Place.Folder)
	fmt.Println(len(entries), err)
	if unlock != nil {
		return unlock()
	}
	return nil
}

// A full disk leaves nothing behind and can be locked, so that something can be removed from it.
func TestFolderThatIsFullOrReadOnly(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		readOnly bool
		want     string
	}{
		"full":      {want: "true false\nfalse\npacks/first <nil>\n2 <nil>\n"}, // packs and the lock
		"read-only": {readOnly: true, want: "false true\ntrue\npacks/first <nil>\n1 <nil>\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			command := child{Place: place{Folder: t.TempDir()}, Work: "mount", ReadOnly: test.readOnly}.command(t)
			dbtest.OwnMounts(command)
			output, err := command.Output()
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(test.want, string(output)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFilesAreTheirOwnersAlone(t *testing.T) {
	t.Parallel()
	p := place{Folder: t.TempDir()}
	mustPut(t, p.mustOpen(t), "packs/ab/one", []byte("secret"))
	for name, want := range map[string]fs.FileMode{"packs": fs.ModeDir | 0o700, "packs/ab": fs.ModeDir | 0o700, "packs/ab/one": 0o600} {
		info, err := os.Stat(filepath.Join(p.Folder, name))
		if err != nil || info.Mode() != want {
			t.Errorf("%s: %v, %v, want %v", name, info.Mode(), err, want)
		}
	}
}

// Other things may lie in the folder; none of them is a file of the store, and none is followed.
func TestWhatIsNoFileOfTheStoreIsPassedOver(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	outside := filepath.Join(t.TempDir(), "outside")
	err := errors.Join(
		os.WriteFile(outside, []byte("secret"), 0o600),
		os.Symlink(outside, filepath.Join(folder, "link")),
		os.Symlink(filepath.Dir(outside), filepath.Join(folder, "linked-folder")),
		syscall.Mkfifo(filepath.Join(folder, "pipe"), 0o600),
		os.WriteFile(filepath.Join(folder, ".partial-X"), nil, 0o600),
		os.WriteFile(filepath.Join(folder, "read me first"), nil, 0o600),
		os.MkdirAll(filepath.Join(folder, "lost+found"), 0o000),
		os.MkdirAll(filepath.Join(folder, "folder"), 0o700),
	)
	if err != nil {
		t.Fatal(err)
	}
	opened := place{Folder: folder}.mustOpen(t)
	mustPut(t, opened, "one", nil)
	if diff := cmp.Diff([]store.Info{{Name: "one"}}, list(t, opened, "")); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
	for _, name := range []string{"link", "pipe", "folder", "linked-folder"} {
		if _, err := get(t.Context(), opened, name); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("get %s: %v, want fs.ErrNotExist", name, err)
		}
	}
	if content, err := get(t.Context(), opened, "linked-folder/outside"); err == nil {
		t.Errorf("a link led to %q", content)
	}
	if err := opened.Put(t.Context(), "linked-folder/new", nil); err == nil {
		t.Error("a link led out")
	}
}

func TestMissingFolderIsNamed(t *testing.T) {
	t.Parallel()
	missing := filepath.Join(t.TempDir(), "missing")
	if _, err := store.OpenFolder(missing); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), missing) {
		t.Errorf("%v, want fs.ErrNotExist with the path", err)
	}
}
