package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"slices"
	"strings"
)

// List walks through the folders that the prefix leads to.
func (f *folder) List(ctx context.Context, prefix string) iter.Seq2[Info, error] {
	return func(yield func(Info, error) bool) {
		w := walk{folder: f, prefix: prefix, yield: yield}
		err := checkPrefix(prefix)
		if err == nil {
			err = w.into(ctx, folderOf(prefix))
		}
		if err != nil && !w.ended {
			yield(Info{}, fmt.Errorf("list %s in %s: %w", prefix, f.path, systemError(err)))
		}
	}
}

// walk is one call of List.
type walk struct {
	folder *folder
	prefix string
	yield  func(Info, error) bool
	ended  bool // by whoever gets what is found
}

// into lists a folder; its name is empty or ends with a slash.
func (w *walk) into(ctx context.Context, name string) error {
	entries, err := w.entries(name)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := w.visit(ctx, name+inOrder(entry)); err != nil || w.ended {
			return err
		}
	}
	return nil
}

// entries returns what is in a folder, in the order of whole names: "a-b" comes before "a/b", as the dash comes before the slash.
func (w *walk) entries(name string) ([]fs.DirEntry, error) {
	folder, err := w.folder.root.Open(strings.TrimSuffix("./"+name, "/"))
	if errors.Is(err, fs.ErrNotExist) || isNoFolder(err) {
		return nil, nil // or it has just been removed
	}
	if err != nil {
		return nil, err
	}
	defer folder.Close()
	if info, err := folder.Stat(); err != nil || !info.IsDir() {
		return nil, err
	}
	entries, err := folder.ReadDir(-1)
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(inOrder(a), inOrder(b)) })
	return entries, err
}

// inOrder is a name by which entries are sorted as the names below them are.
func inOrder(entry fs.DirEntry) string {
	if entry.IsDir() {
		return entry.Name() + "/"
	}
	return entry.Name()
}

func (w *walk) visit(ctx context.Context, name string) error {
	below, isFolder := strings.CutSuffix(name, "/")
	switch {
	case !validName(below):
		return nil // nobody has put it
	case isFolder && (strings.HasPrefix(name, w.prefix) || strings.HasPrefix(w.prefix, name)):
		return w.into(ctx, name)
	case isFolder || !strings.HasPrefix(name, w.prefix):
		return nil
	}
	info, err := w.folder.stat(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil {
		w.ended = !w.yield(Info{Name: name, Size: info.Size()}, nil)
	}
	return err
}
