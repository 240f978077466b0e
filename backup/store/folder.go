package store

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"

	"github.com/synapsedb/synapse/engine"
)

// partialBegins begins the names of files that are being written. They lie in the store's own folder, where whoever has the lock finds what killed
// processes have left.
const partialBegins = ".partial-"

// folder is a store in a folder.
type folder struct {
	path string
	root *os.Root
}

// OpenFolder opens a folder that is there. Files get the rights 0600, folders 0700. The error is fs.ErrNotExist without the folder.
//
//nolint:ireturn // callers work with either store
func OpenFolder(path string) (Store, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the folder of backups: %w", err)
	}
	return &folder{path: path, root: root}, nil
}

// String returns the path.
func (f *folder) String() string { return f.path }

// Free asks the file system.
func (f *folder) Free() (bytes int64, known bool) { return engine.FreeSpace(f.path) }

// Close closes the folder.
func (f *folder) Close() error { return f.root.Close() }

// Put writes a file beside all others and gives it its name when it is on the disk.
func (f *folder) Put(ctx context.Context, name string, content []byte) error {
	err := checkName(name)
	if err == nil {
		err = f.put(ctx, name, content)
	}
	if err != nil {
		return fmt.Errorf("store %s in %s: %w", name, f.path, systemError(err))
	}
	return nil
}

func (f *folder) put(ctx context.Context, name string, content []byte) error {
	if _, err := f.root.Lstat(name); err == nil {
		return fs.ErrExist // known before anything is written
	}
	partial := partialBegins + rand.Text()
	err := f.write(ctx, partial, content)
	if err == nil {
		err = f.place(partial, name)
	}
	if removed := f.root.Remove(partial); !errors.Is(removed, fs.ErrNotExist) {
		err = errors.Join(err, removed)
	}
	return err
}

// write makes a file that only its owner may read, and brings it to the disk.
func (f *folder) write(ctx context.Context, name string, content []byte) error {
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(file, &reading{ctx: ctx, Reader: bytes.NewReader(content)})
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// place gives a file its name, and brings that to the disk with the names of all folders above, which an earlier process may have made and not synced.
func (f *folder) place(partial, name string) error {
	const attempts = 5 // a Remove may take a folder away that has just been empty
	var err error
	for range attempts {
		if err = f.makeFolders(path.Dir(name)); err != nil {
			return err
		}
		if err = f.rename(partial, name); !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	for at := name; err == nil && at != "."; {
		at = path.Dir(at)
		err = syncFolder(f.root, at)
	}
	return err
}

func (f *folder) makeFolders(name string) error {
	if name == "." {
		return nil
	}
	return f.root.MkdirAll(name, 0o700)
}

// rename never replaces a file. A link cannot; where a file system has no links, the lock has to keep others away that would put the same name.
func (f *folder) rename(partial, name string) error {
	err := f.root.Link(partial, name)
	if err == nil || errors.Is(err, fs.ErrExist) || errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.renameWithoutLinks(partial, name)
}

func (f *folder) renameWithoutLinks(partial, name string) error {
	_, err := f.root.Lstat(name)
	if err == nil {
		return fs.ErrExist
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return f.root.Rename(partial, name)
}

// Get opens a file.
func (f *folder) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	file, err := f.open(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("read %s in %s: %w", name, f.path, systemError(err))
	}
	return &readingFile{reading: reading{ctx: ctx, Reader: file}, Closer: file}, nil
}

func (f *folder) open(ctx context.Context, name string) (*os.File, error) {
	if err := errors.Join(checkName(name), context.Cause(ctx)); err != nil {
		return nil, err
	}
	if _, err := f.stat(name); err != nil {
		return nil, err
	}
	return f.root.Open(name)
}

// stat returns fs.ErrNotExist for whatever is no regular file: folders, and pipes, which nobody could read to their end.
func (f *folder) stat(name string) (fs.FileInfo, error) {
	info, err := f.root.Lstat(name)
	if err == nil && !info.Mode().IsRegular() || isNoFolder(err) {
		err = fs.ErrNotExist
	}
	return info, err
}

// Remove removes a file, and the folders that are empty without it.
func (f *folder) Remove(ctx context.Context, name string) error {
	if err := errors.Join(checkName(name), context.Cause(ctx)); err != nil {
		return fmt.Errorf("remove %s in %s: %w", name, f.path, err)
	}
	if err := f.remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove %s in %s: %w", name, f.path, systemError(err))
	}
	return nil
}

func (f *folder) remove(name string) error {
	if _, err := f.stat(name); err != nil {
		return err
	}
	if err := f.root.Remove(name); err != nil {
		return err
	}
	if err := syncFolder(f.root, path.Dir(name)); err != nil {
		return err
	}
	above := path.Dir(name)
	for above != "." && f.root.Remove(above) == nil { // until others are in it
		above = path.Dir(above)
	}
	return nil
}

// reading ends when its context does.
type reading struct {
	io.Reader

	ctx context.Context //nolint:containedctx // a Reader is not given one
}

// Read reads, or returns the cause of the context's end.
func (r *reading) Read(into []byte) (int, error) {
	if err := context.Cause(r.ctx); err != nil {
		return 0, err
	}
	return r.Reader.Read(into)
}

type readingFile struct {
	reading
	io.Closer
}
