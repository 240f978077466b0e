package backup

import (
	"errors"
	"io/fs"
	"os"
)

// damagedFolder has an empty file for each content of media that was found damaged, named as the content is. The next backup that finds
// the file in the homeserver's media store stores it anew, in the same place, for all backups.
const damagedFolder = "damaged"

// readDamaged reads these names.
func (r *Repository) readDamaged() error {
	entries, err := fs.ReadDir(r.root.FS(), damagedFolder)
	if unlessMissing(err) != nil {
		return err
	}
	r.damaged = map[string]struct{}{}
	for _, entry := range entries {
		r.damaged[entry.Name()] = struct{}{}
	}
	return nil
}

// noteDamaged writes down that a content is damaged. Several processes may do so at once.
func (r *Repository) noteDamaged(sum string) error {
	if err := r.root.Mkdir(damagedFolder, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	file, err := r.root.OpenFile(damagedFolder+"/"+sum, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// isDamaged reports whether a content is known as damaged. Several goroutines ask.
func (r *Repository) isDamaged(sum string) bool {
	r.opening.Lock()
	defer r.opening.Unlock()
	_, is := r.damaged[sum]
	return is
}

// noteMended takes that back.
func (r *Repository) noteMended(sum string) error {
	if !r.isDamaged(sum) {
		return nil
	}
	r.opening.Lock()
	delete(r.damaged, sum)
	r.opening.Unlock()
	return unlessMissing(r.root.Remove(damagedFolder + "/" + sum))
}

// replaced takes the note of a damaged content back when its new one is on the disk under its name.
func (r *Repository) replaced(sum string) error {
	if !r.isDamaged(sum) {
		return nil
	}
	if err := syncFolder(r.root, objectsFolder+"/"+sum[:2]); err != nil {
		return err
	}
	return r.noteMended(sum)
}

// forgetDamaged takes the notes of contents back that are not there any more.
func (r *Repository) forgetDamaged() error {
	for sum := range r.damaged {
		if !sumForm.MatchString(sum) {
			continue
		}
		if _, err := r.root.Lstat(object(sum)); !errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err := r.noteMended(sum); err != nil {
			return err
		}
	}
	return nil
}
