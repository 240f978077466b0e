package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// As on a file system without links.
func TestRenamingWithoutLinksReplacesNothing(t *testing.T) {
	t.Parallel()
	path := t.TempDir()
	opened, err := OpenFolder(path)
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	f, _ := opened.(*folder)
	for _, name := range []string{"partial-1", "partial-2"} {
		if err := os.WriteFile(filepath.Join(path, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.renameWithoutLinks("partial-1", "name"); err != nil {
		t.Error(err)
	}
	if err := f.renameWithoutLinks("partial-2", "name"); !errors.Is(err, fs.ErrExist) {
		t.Errorf("%v, want fs.ErrExist", err)
	}
	if content, err := os.ReadFile(filepath.Join(path, "name")); string(content) != "partial-1" {
		t.Errorf("%q, %v", content, err)
	}
}

// A file that was removed by its last holder, while another one waited for it, locks nobody out.
func TestLockIsOnTheFileThatOthersFind(t *testing.T) {
	t.Parallel()
	opened, err := OpenFolder(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	f, _ := opened.(*folder)
	old, err := f.root.Create(folderLock)
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	for _, change := range []func() error{
		func() error { return f.root.Remove(folderLock) },
		func() error { return f.root.WriteFile(folderLock, nil, 0o600) },
	} {
		if err := change(); err != nil {
			t.Fatal(err)
		}
		if current, err := f.tryLock(old); current || err != nil {
			t.Errorf("%v, %v, want another try", current, err)
		}
	}
}
