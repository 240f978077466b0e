package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
)

// A batch is what is brought to the disk at once, before any of it gets its name.
const (
	batchFiles = 4096
	batchBytes = 1 << 30
)

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// object is the name of a content in the repository.
func object(sum string) string { return objectsFolder + "/" + sum[:2] + "/" + sum }

// has reports whether the repository has a content, as far as its size tells.
func (r *Repository) has(sum string, size int64) bool {
	if _, isDamaged := r.damaged[sum]; isDamaged || !sumForm.MatchString(sum) {
		return false
	}
	info, err := r.root.Lstat(object(sum))
	return err == nil && info.Mode().IsRegular() && info.Size() == size
}

// adding puts contents into the repository. What is not on the disk has no name there.
type adding struct {
	to      *Repository
	folder  *os.Root         // where contents are as long as they have no name
	partial string           // the name of that folder
	waiting map[string]int64 // the sizes by checksum
	bytes   int64
}

const waitingFolder = "new"

func (a *adding) waitingName(sum string) string { return waitingFolder + "/" + sum }

// add takes a content, and tells what it is, and whether it is new.
func (a *adding) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	unnamed := waitingFolder + "/content-" + strconv.Itoa(len(a.waiting))
	stored, err = storeCopy(ctx, a.folder, unnamed, from, took)
	if err != nil {
		return stored, false, errors.Join(err, unlessMissing(a.folder.Remove(unnamed)))
	}
	if _, waits := a.waiting[stored.SHA256]; waits || a.to.has(stored.SHA256, stored.Size) {
		return stored, false, a.folder.Remove(unnamed)
	}
	if err := a.folder.Rename(unnamed, a.waitingName(stored.SHA256)); err != nil {
		return stored, false, err
	}
	a.waiting[stored.SHA256] = stored.Size
	a.bytes += stored.Size
	if len(a.waiting) >= batchFiles || a.bytes >= batchBytes {
		err = a.flush(ctx)
	}
	return stored, true, err
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// flush brings to the disk what waits, and gives it its names.
func (a *adding) flush(ctx context.Context) error {
	if len(a.waiting) == 0 {
		return nil
	}
	if err := syncAll(ctx, a.folder, waitingFolder); err != nil {
		return err
	}
	for sum := range a.waiting {
		name := object(sum)
		if err := a.to.root.Mkdir(objectsFolder+"/"+sum[:2], 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := a.to.root.Rename(a.inRepository(sum), name); err != nil {
			return fmt.Errorf("name the content %s: %w", name, err)
		}
		if err := a.to.replaced(sum); err != nil {
			return err
		}
	}
	clear(a.waiting)
	a.bytes = 0
	return nil
}

func (a *adding) inRepository(sum string) string {
	return backupsFolder + "/" + a.partial + "/" + a.waitingName(sum)
}
