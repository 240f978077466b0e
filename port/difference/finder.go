package difference

import (
	"cmp"
	"errors"
	"os"
	"sync"

	"github.com/zeebo/xxh3"
)

// DefaultMemoryLimit is how much memory a Finder takes at most if its options do not say, in bytes.
const DefaultMemoryLimit = 28 << 20

// Options of a Finder. The zero value is usable.
type Options struct {
	// MemoryLimit is how many bytes the unmatched rows may take before they go to temporary files; 0 stands for
	// DefaultMemoryLimit. Buffers for these files, at most half a megabyte, come on top.
	MemoryLimit int64
	// TempDir is the folder of temporary files; empty for the system's.
	TempDir string
}

// Entry is a row: equal rows have equal hashes, and only they.
type Entry struct {
	Hash xxh3.Uint128
	// At is the place of the row on its side.
	At int64
}

// ErrFinished is returned to who adds rows to a Finder that was finished or closed.
var ErrFinished = errors.New("the difference was finished or closed before")

// Finder takes the rows of both sides. A row that meets its equal of the other side vanishes at once, so that little
// memory is needed while both sides come in about the same order. Its methods may be called by several goroutines.
type Finder struct {
	mutex   sync.Mutex
	options Options
	rows    collector
	err     error // what ended the work
}

// New returns a Finder that has seen no rows.
func New(options Options) *Finder {
	options.MemoryLimit = cmp.Or(options.MemoryLimit, DefaultMemoryLimit)
	options.TempDir = cmp.Or(options.TempDir, os.TempDir())
	// A quarter is kept for the places of the result: a row takes four times the memory of its place.
	limit := options.MemoryLimit / 4 * 3
	return &Finder{options: options, rows: collector{table: newTable(limit), folder: options.TempDir, spilled: new(int64)}}
}

// Source takes rows of the source, best a thousand or so at once. It returns a *StorageError if temporary files cannot be
// written; no more rows are taken then.
func (f *Finder) Source(entries []Entry) error { return f.add(source, entries) }

// Target takes rows of the target as Source does those of the source.
func (f *Finder) Target(entries []Entry) error { return f.add(target, entries) }

func (f *Finder) add(from side, entries []Entry) error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.err != nil {
		return f.err
	}
	for i := range entries {
		if err := f.rows.add(from, entries[i]); err != nil {
			return errors.Join(err, f.end(err))
		}
	}
	return nil
}

// Finish returns what differs, once all rows were given. The Finder is closed then; the Result is to be closed.
func (f *Finder) Finish() (*Result, error) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	if f.err != nil {
		return nil, f.err
	}
	each := int(f.options.MemoryLimit / 8 / placeSize)
	result := &Result{}
	for i := range result.places {
		result.places[i] = places{folder: f.options.TempDir, most: max(each, 1)}
	}
	err := f.rows.finish(func(from side, at int64) error { return result.places[from].add(at) })
	result.OnlySource, result.OnlyTarget = result.places[source].count, result.places[target].count
	result.SpilledBytes = *f.rows.spilled
	if err != nil {
		return nil, errors.Join(err, result.Close(), f.end(err))
	}
	return result, f.end(ErrFinished)
}

// Close gives up a Finder that is not going to be finished, and removes its temporary files. It may be called always.
func (f *Finder) Close() error {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	return f.end(ErrFinished)
}

// end releases everything; the first reason stays.
func (f *Finder) end(reason error) error {
	if f.err == nil {
		f.err = reason
	}
	err := f.rows.close()
	f.rows.table = nil
	return err
}
