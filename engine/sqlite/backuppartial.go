package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/synapsedb/synapse/internal/filelock"
)

// partialSuffix is at the end of the name of a copy that is not complete.
const partialSuffix = ".snapshot-partial"

// partialAttempts bounds how often others may remove our file between the moments in which it is made and locked.
const partialAttempts = 100

// partial is a copy that is not complete: a file that is locked as long as its process lives, so that what a killed one left
// can be told from work in progress.
type partial struct {
	path string
	file *os.File
}

// createPartial makes the file anew. removed says that one of a killed run was there and is gone.
func createPartial(destination string) (made *partial, removed bool, err error) {
	path := destination + partialSuffix
	for range partialAttempts {
		file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, fs.ErrExist) {
			if err := removeBroken(path); err != nil {
				return nil, false, err
			}
			removed = true
			continue
		}
		if err != nil {
			return nil, false, &DestinationError{Path: path, Problem: DestinationUnwritable, Err: err,
				Hint: "give this user the right to write to the folder, or name a file in another one"}
		}
		held, err := lockInPlace(file, path)
		if err == nil && held {
			return &partial{path: path, file: file}, removed, nil
		}
		if err := errors.Join(err, file.Close()); err != nil {
			return nil, false, err
		}
	}
	return nil, false, &DestinationError{Path: path, Problem: DestinationBusy, Hint: "wait for it, or name another file"}
}

// lockInPlace reports whether the file is ours now, and is the one that others find.
func lockInPlace(file *os.File, path string) (bool, error) {
	locked, err := filelock.Try(file, true)
	if err != nil {
		return false, fmt.Errorf("lock %s: %w", path, err)
	}
	if !locked {
		return false, nil
	}
	return (&schemaLock{path: path}).inPlace(file)
}

// removeBroken removes the file that a killed run left, which nobody has locked.
func removeBroken(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err == nil && !info.Mode().IsRegular() {
		return &DestinationError{Path: path, Problem: DestinationSpecial, Hint: "remove it; the copy is written there until it is complete"}
	}
	var file *os.File
	if err == nil {
		file, err = os.OpenFile(path, os.O_RDWR, 0)
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return &DestinationError{Path: path, Problem: DestinationUnwritable, Err: err, Hint: "remove it; a snapshot that was killed left it"}
	}
	held, err := lockInPlace(file, path)
	if err == nil && held {
		return (&partial{path: path, file: file}).discard()
	}
	err = errors.Join(err, file.Close())
	if err == nil && sameFile(path, info) {
		err = &DestinationError{Path: path, Problem: DestinationBusy, Hint: "wait for it, or name another file"}
	}
	return err
}

func sameFile(path string, before fs.FileInfo) bool {
	now, err := os.Lstat(path)
	return err == nil && os.SameFile(before, now)
}

// Where the header of a database says whether it is written and read by a write-ahead log (2) or a rollback journal (1).
const (
	formatOffset   = 18
	rollbackFormat = "\x01\x01"
)

// seal makes the copy a file that is complete in itself: in WAL mode SQLite would want to make two more beside it, even to
// read it. Then it is brought to the disk.
func (p *partial) seal() error {
	if _, err := p.file.WriteAt([]byte(rollbackFormat), formatOffset); err != nil {
		return fmt.Errorf("write %s: %w", p.path, err)
	}
	return p.sync()
}

func (p *partial) sync() error {
	if err := p.file.Sync(); err != nil {
		return fmt.Errorf("bring %s to the disk: %w", p.path, err)
	}
	return nil
}

// empty removes everything that an attempt has written.
func (p *partial) empty() error {
	if err := p.file.Truncate(0); err != nil {
		return fmt.Errorf("empty %s: %w", p.path, err)
	}
	return nil
}

// publish gives the file its name, and brings the name to the disk.
func (p *partial) publish(destination string, overwrite bool) error {
	if err := p.place(destination, overwrite); err != nil {
		return err
	}
	err := syncFolder(filepath.Dir(destination))
	if p.file != nil {
		err = errors.Join(err, p.file.Close())
		p.file = nil
	}
	if err != nil {
		return fmt.Errorf("bring the name %s to the disk: %w", destination, err)
	}
	return nil
}

// place renames the file. A second name replaces nothing, other than a rename does, where the file system can have one.
func (p *partial) place(destination string, overwrite bool) error {
	if !keepsOpen {
		if err := p.close(); err != nil {
			return err
		}
	}
	if !overwrite {
		err := os.Link(p.path, destination)
		if err == nil {
			return os.Remove(p.path)
		}
		if _, found := os.Lstat(destination); found == nil {
			return &DestinationError{Path: destination, Problem: DestinationExists, Err: err, Hint: "name another file; it has just been made"}
		}
	}
	if err := os.Rename(p.path, destination); err != nil {
		return &DestinationError{Path: destination, Problem: DestinationUnwritable, Err: err, Hint: "name another file"}
	}
	return nil
}

// discard removes the file, before its lock ends where that can be.
func (p *partial) discard() error {
	if !keepsOpen {
		if err := p.close(); err != nil {
			return err
		}
	}
	err := os.Remove(p.path)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil // it has got its name
	}
	return errors.Join(err, p.close())
}

func (p *partial) close() error {
	if p.file == nil {
		return nil
	}
	file := p.file
	p.file = nil
	if err := file.Close(); err != nil {
		return fmt.Errorf("close %s: %w", p.path, err)
	}
	return nil
}
