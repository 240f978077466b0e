package dump

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// stagingFolder holds files until all of them are complete. What a killed run left in it is removed by the next.
const stagingFolder = ".full-schemas-unfinished"

// Write puts files below a folder, which is made if it is missing: all or, when one cannot be written or ctx ends, none.
// It gives the paths of those that were written; a file that is there with the same content is left alone. A process
// that is killed leaves each file either as it was or complete.
func Write(ctx context.Context, folder string, files []File) (written []string, err error) {
	staging := filepath.Join(folder, stagingFolder)
	if err := os.RemoveAll(staging); err != nil {
		return nil, err
	}
	made := firstMissing(folder)
	if err := os.MkdirAll(staging, 0o755); err != nil { //nolint:gosec // a schema is no secret
		return nil, err
	}
	defer func() {
		err = errors.Join(err, os.RemoveAll(staging))
		if err != nil && made != "" {
			err = errors.Join(err, os.RemoveAll(made))
		}
	}()
	var changes []change
	for i, file := range files {
		one := change{path: filepath.Join(folder, filepath.FromSlash(file.Path)), staged: filepath.Join(staging, strconv.Itoa(i))}
		if one.before, err = os.ReadFile(one.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return nil, err
		}
		one.existed = err == nil
		if one.existed && bytes.Equal(one.before, file.Content) {
			continue
		}
		if err := writeWhole(one.staged, file.Content); err != nil {
			return nil, err
		}
		changes, written = append(changes, one), append(written, one.path)
	}
	if err := context.Cause(ctx); err != nil {
		return nil, err
	}
	if err := putInPlace(changes); err != nil {
		return nil, err
	}
	return written, nil
}

// change is one file that is to be replaced.
type change struct {
	path, staged string
	before       []byte
	existed      bool
	made         string // the first folder that was missing
}

// putInPlace renames all files, and takes those back that it has renamed when one fails.
func putInPlace(changes []change) error {
	for i := range changes {
		one := &changes[i]
		one.made = firstMissing(filepath.Dir(one.path))
		err := os.MkdirAll(filepath.Dir(one.path), 0o755) //nolint:gosec // as above
		if err == nil {
			err = os.Rename(one.staged, one.path)
		}
		if err == nil {
			err = syncFolder(filepath.Dir(one.path))
		}
		if err != nil {
			return errors.Join(err, takeBack(changes[:i+1]))
		}
	}
	return nil
}

func takeBack(changes []change) error {
	var errs []error
	for _, one := range slices.Backward(changes) {
		switch {
		case one.existed:
			errs = append(errs, writeWhole(one.staged, one.before), os.Rename(one.staged, one.path))
		case one.made != "":
			errs = append(errs, os.RemoveAll(one.made))
		default:
			if err := os.Remove(one.path); !errors.Is(err, fs.ErrNotExist) {
				errs = append(errs, err)
			}
		}
	}
	return errors.Join(errs...)
}

// firstMissing is the uppermost folder of a path that is not there, or "".
func firstMissing(folder string) string {
	missing := ""
	for {
		if _, err := os.Lstat(folder); !errors.Is(err, fs.ErrNotExist) {
			return missing
		}
		missing = folder
		parent := filepath.Dir(folder)
		if parent == folder {
			return missing
		}
		folder = parent
	}
}

// writeWhole writes a file so that a rename makes it appear complete, even after a power cut.
func writeWhole(path string, content []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o644) //nolint:gosec // a schema is no secret
	if err != nil {
		return err
	}
	_, err = file.Write(content)
	return errors.Join(err, file.Sync(), file.Close())
}

func syncFolder(folder string) error {
	opened, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(opened.Sync(), opened.Close())
}
