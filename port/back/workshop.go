package back

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// partialSuffix is at the end of the name of the folder in which a file is made: everything that SQLite puts beside it is there too.
const partialSuffix = ".port-back-partial"

// The files of the folder. Others begin with one of these names.
const (
	partialFile = "database"
	lockFile    = "lock"
)

// workshop is the folder, locked as long as its process lives, so that what a killed one left can be told from work in progress.
type workshop struct {
	folder string
	lock   engine.Session
	unlock func() error
}

// busyError says that the folder is not ours.
type busyError struct{ problem engine.Problem }

func (e *busyError) Error() string { return e.problem.What }

// destinationProblems refuses what can be known to fail before anything is written.
func destinationProblems(path string) (engine.Problems, error) {
	var problems engine.Problems
	add := func(id engine.ProblemID, hint, format string, values ...any) {
		problems = append(problems, engine.Problem{ID: id, What: fmt.Sprintf(format, values...), Hint: hint})
	}
	if info, err := os.Stat(filepath.Dir(path)); err != nil || !info.IsDir() {
		add("target_folder", "make it first", "%s is no folder", filepath.Dir(path))
		return problems, nil
	}
	for _, suffix := range []string{"", "-wal", "-journal", "-shm"} {
		_, err := os.Lstat(path + suffix)
		switch {
		case errors.Is(err, fs.ErrNotExist):
		case err != nil:
			return nil, err
		case suffix == "":
			add("target_exists", "name another file; one that is there is never replaced", "%s exists already", path)
		default:
			add("target_log", "move it away, or name another file", "%s is there, of another database; SQLite would apply it to the new one", path+suffix)
		}
	}
	strangers, err := strangersIn(path + partialSuffix)
	if err != nil {
		return nil, err
	}
	if len(strangers) > 0 {
		add("target_partial", "move it away, or name another file", "the file is made in the folder %s, which is there with what this program does not put there: %s",
			path+partialSuffix, engine.List(strangers))
	}
	return problems, nil
}

// strangersIn lists what is in the folder and not ours.
func strangersIn(folder string) ([]string, error) {
	info, err := os.Lstat(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil && !info.IsDir() {
		return []string{"it is no folder"}, nil
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return nil, err
	}
	var strangers []string
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), partialFile) && !strings.HasPrefix(entry.Name(), lockFile) {
			strangers = append(strangers, entry.Name())
		}
	}
	return strangers, nil
}

// openWorkshop makes the folder, or takes over the one that a killed run has left.
func openWorkshop(ctx context.Context, destination string) (*workshop, error) {
	w := &workshop{folder: destination + partialSuffix}
	const attempts = 10 // another run may remove the folder between two of our steps
	var err error
	for range attempts {
		if err = w.open(ctx); err == nil || !errors.Is(err, fs.ErrNotExist) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	for _, suffix := range []string{"", "-wal", "-shm", "-journal", "-upgrade", "-updates"} {
		if err := os.Remove(w.path() + suffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, errors.Join(err, w.remove())
		}
	}
	return w, nil
}

// path is where the file is made.
func (w *workshop) path() string { return filepath.Join(w.folder, partialFile) }

// open locks a small database in the folder, by the lock that engine/sqlite has on every system.
func (w *workshop) open(ctx context.Context) error {
	if err := os.Mkdir(w.folder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: filepath.Join(w.folder, lockFile)}, nil)
	if err != nil {
		return err
	}
	waiting, stop := context.WithCancel(ctx)
	defer stop()
	holder := ""
	unlock, err := session.LockSchema(waiting, func(who string) {
		holder = who
		stop()
	})
	if err == nil {
		if _, err = os.Stat(filepath.Join(w.folder, lockFile)); err == nil { // else another run has just removed the folder
			w.lock, w.unlock = session, unlock
			return nil
		}
	}
	err = errors.Join(err, session.Close())
	if holder != "" && ctx.Err() == nil {
		return &busyError{engine.Problem{
			ID: "target_busy", What: "another move is just being written in " + w.folder + ": " + holder, Hint: "wait for it, or name another file",
		}}
	}
	return err
}

// remove takes the folder away with all that is in it, before its lock ends where that can be.
func (w *workshop) remove() error {
	if runtime.GOOS == "windows" {
		return errors.Join(w.unlock(), w.lock.Close(), os.RemoveAll(w.folder))
	}
	err := os.RemoveAll(w.folder)
	for _, end := range []func() error{w.unlock, w.lock.Close} {
		if ended := end(); !errors.Is(ended, fs.ErrNotExist) { // each ends the lock, which would remove its file, and that is gone
			err = errors.Join(err, ended)
		}
	}
	return err
}

// publish brings the file to the disk and gives it its name.
func (w *workshop) publish(destination string) error {
	if err := os.Chmod(w.path(), 0o600); err != nil {
		return err
	}
	if err := syncPath(w.path(), os.O_RDWR); err != nil {
		return err
	}
	if err := w.place(destination); err != nil {
		return err
	}
	if runtime.GOOS == "windows" { // folders cannot be synced there
		return nil
	}
	return syncPath(filepath.Dir(destination), os.O_RDONLY)
}

// place gives the file a second name, which replaces nothing, other than a rename does, where the file system can have one.
func (w *workshop) place(destination string) error {
	err := os.Link(w.path(), destination)
	if err == nil {
		return nil // the first name goes with the folder
	}
	if _, found := os.Lstat(destination); found == nil {
		return fmt.Errorf("%s has just been made by another program: %w", destination, err)
	}
	return os.Rename(w.path(), destination)
}

func syncPath(path string, mode int) error {
	file, err := os.OpenFile(path, mode, 0)
	if err != nil {
		return err
	}
	if err := errors.Join(file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("bring %s to the disk: %w", path, err)
	}
	return nil
}
