package sqlite

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	lib "modernc.org/sqlite/lib"

	"github.com/synapsedb/synapse/engine"
)

// backupPlan is what is known before anything is written.
type backupPlan struct {
	source      string // absolute, without symbolic links
	destination string // absolute, its folder without symbolic links
	options     BackupOptions
}

func planBackup(source, destination string, options BackupOptions) (*backupPlan, error) {
	if !slices.Contains([]BackupCheck{"", QuickCheck, IntegrityCheck, NoCheck}, options.Check) {
		return nil, &engine.ValueError{Key: "check", Problem: "there is no such check", Allowed: "quick, integrity, none"}
	}
	target, err := resolve(source)
	if err != nil {
		return nil, err
	}
	plan := &backupPlan{source: target, options: options.complete()}
	if plan.destination, err = resolveDestination(destination); err != nil {
		return nil, err
	}
	if err := plan.checkDestination(); err != nil {
		return nil, err
	}
	info, err := os.Stat(target)
	if err != nil {
		return nil, pathError(target, err)
	}
	return plan, plan.checkSpace(info.Size())
}

// resolveDestination follows symbolic links to the folder, so that files can be compared by their names.
func resolveDestination(path string) (string, error) {
	absolute, err := filepath.Abs(path)
	if err != nil || path == "" {
		return "", &DestinationError{Path: fmt.Sprintf("%q", path), Problem: DestinationUnwritable, Err: err, Hint: "name a file"}
	}
	folder, err := filepath.EvalSymlinks(filepath.Dir(absolute))
	if err == nil {
		var info fs.FileInfo
		if info, err = os.Stat(folder); err == nil && !info.IsDir() {
			err = errors.New(folder + " is not a folder")
		}
	}
	if err != nil {
		return "", &DestinationError{Path: path, Problem: DestinationUnwritable, Err: err, Hint: "make its folder first"}
	}
	return filepath.Join(folder, filepath.Base(absolute)), nil
}

// checkDestination refuses whatever must not be replaced, and what the copy would be spoiled by.
func (p *backupPlan) checkDestination() error {
	if err := p.checkSource(); err != nil {
		return err
	}
	info, err := os.Lstat(p.destination)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return p.checkBeside()
	case err != nil:
		return &DestinationError{Path: p.destination, Problem: DestinationUnwritable, Err: err, Hint: "check the path"}
	case !info.Mode().IsRegular():
		return &DestinationError{Path: p.destination, Problem: DestinationSpecial, Hint: "name a file, no folder and no link"}
	case !p.options.Overwrite:
		return &DestinationError{Path: p.destination, Problem: DestinationExists, Hint: "name another file, or let it be replaced (--overwrite)"}
	case users(p.destination).elsewhere > 0:
		return &DestinationError{Path: p.destination, Problem: DestinationInUse, Hint: "stop that process, or name another file"}
	}
	return p.checkBeside()
}

// checkSource refuses to write over the source by any of its names, or over what SQLite keeps beside it.
func (p *backupPlan) checkSource() error {
	source, err := os.Stat(p.source)
	if err != nil {
		return pathError(p.source, err)
	}
	wrong := &DestinationError{Path: p.destination, Problem: DestinationIsSource, Hint: "name another file"}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", lockSuffix, updatesLockSuffix} {
		if p.destination == p.source+suffix {
			return wrong
		}
	}
	for _, path := range []string{p.destination, p.destination + partialSuffix} {
		if info, err := os.Stat(path); err == nil && os.SameFile(info, source) {
			return wrong
		}
	}
	return nil
}

// checkBeside looks for the log of a database that was at the destination before.
func (p *backupPlan) checkBeside() error {
	for _, suffix := range []string{"-wal", "-journal"} {
		beside, err := lookBeside(p.destination + suffix)
		if err != nil {
			return err
		}
		if beside.size > 0 {
			return &DestinationError{Path: p.destination + suffix, Problem: DestinationLog,
				Hint: "name another file, or remove it together with the database that it belongs to"}
		}
	}
	return nil
}

// checkSpace refuses a destination that has no room for a number of bytes, where the system tells.
func (p *backupPlan) checkSpace(need int64) error {
	free, known := engine.FreeSpace(filepath.Dir(p.destination))
	if !known || free >= need {
		return nil
	}
	return &DestinationError{Path: p.destination, Problem: DestinationFull,
		Err:  fmt.Errorf("the copy takes %d bytes, and %d are free", need, free),
		Hint: "make room, or name a file on another file system"}
}

// explain says of errors while writing that the destination is meant.
func (p *backupPlan) explain(err error) error {
	full := isFull(err)
	if code, _ := ResultCode(err); code&0xff == lib.SQLITE_FULL {
		full = true
	}
	if destination, own := errors.AsType[*DestinationError](err); !full || own && destination.Problem == DestinationFull {
		return err
	}
	return &DestinationError{Path: p.destination, Problem: DestinationFull, Err: err,
		Hint: "make room, or name a file on another file system; what was written has been removed"}
}
