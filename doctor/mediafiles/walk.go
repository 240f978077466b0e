package mediafiles

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"slices"
)

// linkReason is why a symbolic link is not looked at.
const linkReason = "a symbolic link, which is not followed"

// walk gives the files of a folder in the order of their paths, part by part. A folder that is not there has none.
func walk(ctx context.Context, store fs.FS, folder string) iter.Seq2[*entry, error] {
	return func(yield func(*entry, error) bool) {
		info, err := fs.Lstat(store, folder)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			yield(nil, err)
		case info.Mode()&fs.ModeSymlink != 0:
			yield(&entry{closed: linkReason}, nil)
		default:
			w := &walker{ended: ctx.Err, store: store, yield: yield}
			w.folder(folder, nil)
		}
	}
}

type walker struct {
	ended func() error
	store fs.FS
	yield func(*entry, error) bool
}

// folder reports whether the walk goes on. A folder that was deleted meanwhile has no files.
func (w *walker) folder(name string, parts []string) bool {
	if err := w.ended(); err != nil {
		return w.yield(nil, err)
	}
	entries, err := fs.ReadDir(w.store, name)
	switch {
	case errors.Is(err, fs.ErrPermission):
		return w.yield(&entry{path: parts, closed: err.Error()}, nil)
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return w.yield(nil, err)
	}
	for _, one := range entries {
		if !w.entry(one, name+"/"+one.Name(), append(slices.Clone(parts), one.Name())) {
			return false
		}
	}
	return true
}

func (w *walker) entry(one fs.DirEntry, name string, parts []string) bool {
	if one.Type()&fs.ModeSymlink != 0 {
		return w.yield(&entry{path: parts, closed: linkReason}, nil)
	}
	if one.IsDir() {
		return w.folder(name, parts)
	}
	info, err := one.Info()
	if errors.Is(err, fs.ErrNotExist) { // deleted meanwhile
		return true
	}
	if err != nil {
		return w.yield(nil, err)
	}
	return w.yield(&entry{path: parts, size: info.Size()}, nil)
}
