package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/pgprogram"
	"github.com/synapsedb/synapse/internal/phases"
)

// VerifyOptions say how much is looked at.
type VerifyOptions struct {
	// PgRestore is the path of that program, which is asked to list what a dump holds; empty leaves that out.
	PgRestore string
	// Progress may be nil.
	Progress func(Progress)
}

// Verified is what was read and found.
type Verified struct {
	ID string `json:"id"`
	// Files and Bytes were read.
	Files int64 `json:"files"`
	Bytes int64 `json:"bytes"`
	// Packs were read, of a packed repository; without a key no files can be told.
	Packs int64 `json:"packs,omitempty"`
	// Damaged says what is not as it was written; the first of them, when there are many.
	Damaged []string `json:"damaged"`
	// More counts further damage.
	More int64 `json:"more,omitempty"`
	// Noted says that it is written down in the repository what was found: by that Prune knows a backup that is whole, and the next backup
	// stores damaged contents of media anew.
	Noted bool `json:"noted"`
}

const mostDamaged = 100

// damage takes it down.
func (v *Verified) damage(damaged *DamagedError) {
	if len(v.Damaged) < mostDamaged {
		v.Damaged = append(v.Damaged, damaged.Error())
	} else {
		v.More++
	}
}

// Verify reads everything that a backup consists of and compares it with its checksums. What is wrong is in the report; an error is about
// reading itself, or about a manifest that cannot be read. That nothing is wrong is written down in the repository, if it can be written to.
func (r *Repository) Verify(ctx context.Context, id string, options VerifyOptions) (_ *Verified, err error) {
	if r.locked == nil {
		if err := r.lock(false); err != nil {
			return nil, err
		}
	}
	b, err := r.Open(id)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, b.Close()) }()
	if err := r.readDamaged(); err != nil {
		return nil, err
	}
	v := &verification{backup: b, report: &Verified{ID: b.Manifest.ID, Damaged: []string{}}, meter: newMeter(options.Progress)}
	if err := v.all(ctx, options); err != nil {
		return v.report, err
	}
	if len(v.report.Damaged) > 0 {
		err = v.noted(b.forgetVerified())
	} else {
		err = v.noted(b.noteVerified(time.Now()))
	}
	v.report.Noted = !v.readOnly && err == nil
	return v.report, err
}

type verification struct {
	backup   *Backup
	readOnly bool // the repository, so that nothing can be noted in it
	report   *Verified
	meter    *phases.Meter[step]
}

func (v *verification) all(ctx context.Context, options VerifyOptions) error {
	v.meter.Enter(at(PhaseProof, ""), v.backup.Manifest.size())
	for _, stored := range v.backup.Manifest.stored() {
		if err := v.note(checkStored(ctx, v.backup.root, stored, v.took), stored); err != nil {
			return err
		}
	}
	if err := v.media(ctx); err != nil {
		return err
	}
	if options.PgRestore == "" || len(v.report.Damaged) > 0 {
		return nil
	}
	return v.dumps(ctx, options.PgRestore)
}

func (v *verification) took(bytes int64) {
	v.report.Bytes += bytes
	v.meter.Add(bytes)
}

// note takes down damage; another error ends it.
func (v *verification) note(err error, of Stored) error {
	v.report.Files++
	damaged, isDamaged := errors.AsType[*DamagedError](err)
	switch {
	case err == nil:
		return nil
	case isDamaged:
		v.report.damage(damaged)
		return nil
	}
	return fmt.Errorf("read %s: %w", of.Name, err)
}

// stored are all files in the folder of the backup.
func (m *Manifest) stored() []Stored {
	var all []Stored
	for _, file := range m.Files {
		all = append(all, file.Stored)
	}
	for _, database := range m.Databases {
		all = append(all, database.Files...)
	}
	if m.Media.List != nil {
		all = append(all, *m.Media.List)
	}
	return all
}

// size is how many bytes a backup has, media included.
func (m *Manifest) size() int64 {
	bytes := m.Media.Bytes
	for _, stored := range m.stored() {
		bytes += stored.Size
	}
	return bytes
}

// media reads the contents of media, and looks that the list is whole.
func (v *verification) media(ctx context.Context) error {
	m := v.backup.Manifest.Media
	var files, bytes int64
	for medium, err := range v.backup.Media() {
		if err != nil {
			return v.note(err, *m.List)
		}
		files, bytes = files+1, bytes+medium.Size
		stored := Stored{Name: object(medium.SHA256), Size: medium.Size, SHA256: medium.SHA256}
		err := checkStored(ctx, v.backup.of.root, stored, v.took)
		if err := errors.Join(v.content(err, medium.SHA256), v.note(err, stored)); err != nil {
			return err
		}
	}
	if files != m.Files || bytes != m.Bytes {
		return v.note(&DamagedError{Name: listName, What: fmt.Sprintf("it lists %d files with %d bytes, and the manifest counts %d with %d", files, bytes, m.Files, m.Bytes)}, Stored{})
	}
	return nil
}

// content notes whether a content of media is damaged, for the next backup.
func (v *verification) content(err error, sum string) error {
	_, isDamaged := errors.AsType[*DamagedError](err)
	wasDamaged := v.backup.of.isDamaged(sum)
	switch {
	case isDamaged && !wasDamaged:
		return v.noted(v.backup.of.noteDamaged(sum))
	case err == nil && wasDamaged:
		return v.noted(v.backup.of.noteMended(sum))
	}
	return nil
}

// noted is told how the writing of a note has ended.
func (v *verification) noted(err error) error {
	if err != nil && unlessReadOnly(err) == nil {
		v.readOnly = true
		return nil
	}
	return err
}

// dumps has pg_restore read what each dump holds.
func (v *verification) dumps(ctx context.Context, program string) error {
	for _, database := range v.backup.Manifest.Databases {
		if database.Engine != string(engine.Postgres) {
			continue
		}
		contents, err := v.backup.contents(ctx, program, &database)
		if err != nil {
			return err
		}
		if missing := contents.missing(&database); missing != "" {
			if err := v.note(&DamagedError{Name: database.Dump, What: "pg_restore finds no rows of " + missing}, Stored{Name: database.Dump}); err != nil {
				return err
			}
		}
	}
	return nil
}

// path is that of something in the backup, for programs that open files by themselves. No link is followed: what the name leads to is
// a file or folder of this backup.
func (b *Backup) path(name string) (string, error) {
	info, err := b.root.Lstat(name)
	if err != nil {
		return "", err
	}
	if info.Mode()&fs.ModeSymlink != 0 {
		return "", &DamagedError{Name: name, What: "it is a symbolic link"}
	}
	return filepath.Abs(filepath.Join(b.of.path, backupsFolder, b.Manifest.ID, filepath.FromSlash(name)))
}

// contents lists what a dump holds.
func (b *Backup) contents(ctx context.Context, program string, database *Database) (contents, error) {
	path, err := b.path(database.Dump)
	if err != nil {
		return nil, err
	}
	listing := pgprogram.New(ctx, program, "--list", path)
	if err := listing.Run(); err != nil {
		return nil, fmt.Errorf("list what the dump %s holds: %w", database.Dump, err)
	}
	var found contents
	for line := range strings.Lines(listing.Output()) {
		if entry, ok := parseEntry(line); ok {
			found = append(found, entry)
		}
	}
	return found, nil
}
