package media

import (
	"context"
	"errors"
	"io/fs"
	"iter"
	"os"
	"slices"
	"time"
)

// File is a file of a store, or what stands for all that may be below it and is not looked at.
type File struct {
	// Path are the parts of its path below the store, the kind's folder first.
	Path []string
	// Size is in bytes.
	Size int64
	// Modified is the time of its last change.
	Modified time.Time
	// Closed says why it is not looked at; empty for a file.
	Closed string
}

// NotRegular is why what is neither a file nor a folder is not looked at.
const NotRegular = "not a regular file"

// linkReason is why a symbolic link is not looked at.
const linkReason = "a symbolic link, which is not followed"

// Walk gives the files of a kind in the order of their paths, part by part, as slices.Compare has it. A folder that is not there has
// none; a file that is deleted meanwhile is left out.
func Walk(ctx context.Context, store *os.Root, kind Kind) iter.Seq2[File, error] {
	return func(yield func(File, error) bool) {
		info, err := store.Lstat(string(kind))
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			yield(File{}, err)
		case info.Mode()&fs.ModeSymlink != 0:
			yield(File{Path: []string{string(kind)}, Closed: linkReason}, nil)
		default:
			w := &walker{ended: func() error { return context.Cause(ctx) }, yield: yield}
			w.folder(store, string(kind), []string{string(kind)})
		}
	}
}

type walker struct {
	ended func() error
	yield func(File, error) bool
}

// folder reports whether the walk goes on. What lies in it is opened from it, not from the top, which costs the system less.
func (w *walker) folder(above *os.Root, name string, parts []string) bool {
	if err := w.ended(); err != nil {
		w.yield(File{}, err)
		return false
	}
	entries, err := fs.ReadDir(above.FS(), name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true
	case errors.Is(err, fs.ErrPermission):
		return w.yield(File{Path: parts, Closed: err.Error()}, nil)
	case err != nil:
		w.yield(File{}, err)
		return false
	}
	if !slices.ContainsFunc(entries, fs.DirEntry.IsDir) {
		return w.entries(above, name+"/", entries, parts)
	}
	folder, err := above.OpenRoot(name)
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		w.yield(File{}, err)
		return false
	}
	defer func() { _ = folder.Close() }() // only read
	return w.entries(folder, "", entries, parts)
}

// entries are of a folder that is at the path within from.
func (w *walker) entries(from *os.Root, path string, entries []fs.DirEntry, parts []string) bool {
	for _, one := range entries {
		if !w.entry(from, path+one.Name(), one, append(slices.Clone(parts), one.Name())) {
			return false
		}
	}
	return true
}

func (w *walker) entry(from *os.Root, name string, one fs.DirEntry, parts []string) bool {
	switch {
	case one.Type()&fs.ModeSymlink != 0:
		return w.yield(File{Path: parts, Closed: linkReason}, nil)
	case one.IsDir():
		return w.folder(from, name, parts)
	case !one.Type().IsRegular():
		return w.yield(File{Path: parts, Closed: NotRegular}, nil)
	}
	info, err := one.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return true
	}
	if err != nil {
		w.yield(File{}, err)
		return false
	}
	return w.yield(File{Path: parts, Size: info.Size(), Modified: info.ModTime()}, nil)
}
