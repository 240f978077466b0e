package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/phases"
)

// Part is something that can be restored alone.
type Part string

// The parts.
const (
	PartDatabase Part = "database"
	PartMedia    Part = "media"
	PartConfig   Part = "config"
)

// RestoreOptions say what is brought back, and to where: Config or Folder.
type RestoreOptions struct {
	// Backup is the ID; the newest when empty.
	Backup string
	// Config is the configuration of the new place: databases and media go to where it says, and those files that it refers to
	// and that are not there to their paths.
	Config *config.Config
	// Folder takes everything else than PostgreSQL: SQLite databases, media, and configuration below its old paths.
	Folder string
	// Databases are where dumps of PostgreSQL go to with Folder, by label.
	Databases map[string]*postgres.Config
	// Only are the parts to restore; nil is all.
	Only []Part
	// NewSigningKey makes a new key in place of the old one.
	NewSigningKey bool
	// SequenceMargin is how far sequences are moved, so that no id is given a second time; 0 is DefaultSequenceMargin.
	SequenceMargin int64
	// Jobs is how many tables pg_restore works on at a time; 0 is 2.
	Jobs int
	// PgRestore is the path of that program; needed for PostgreSQL alone.
	PgRestore string
	// Take says that the repository is removed after this, so that media on the same file system need not be copied. One that was fetched is.
	Take bool
	// Progress may be nil.
	Progress func(Progress)
	// Log may be nil.
	Log *slog.Logger
}

// DefaultSequenceMargin is more than a homeserver takes of a sequence in a day, as a rule, and a two-thousandth of what columns of 32
// bits have room for.
const DefaultSequenceMargin = 1_000_000

func (o RestoreOptions) withDefaults() RestoreOptions {
	if o.SequenceMargin == 0 {
		o.SequenceMargin = DefaultSequenceMargin
	}
	if o.Jobs == 0 {
		o.Jobs = defaultJobs
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// Restored is what came back, and what did not.
type Restored struct {
	Backup     string             `json:"backup"`
	Created    time.Time          `json:"created"`
	ServerName string             `json:"server_name"`
	Continued  bool               `json:"continued"` // a restore that was stopped
	Databases  []RestoredDatabase `json:"databases"`
	Files      []RestoredFile     `json:"files"`
	// MediaPath, MediaFiles and MediaBytes are of the media store.
	MediaPath  string `json:"media_path,omitempty"`
	MediaFiles int64  `json:"media_files"`
	MediaBytes int64  `json:"media_bytes"`
	// SigningKeys are those that the server has now.
	SigningKeys []SigningKey `json:"signing_keys"`
	// OldSigningKeys is an entry for homeserver.yaml, when there is a new key.
	OldSigningKeys string `json:"old_signing_keys,omitempty"`
	// NotRestored is what the backup has and did not come back; NotIncluded, what it never had.
	NotRestored []string `json:"not_restored"`
	NotIncluded []string `json:"not_included"`
	// Notes are what admins must know.
	Notes   []string `json:"notes"`
	Seconds float64  `json:"seconds"`
}

// RestoredDatabase is one that was filled and compared with the manifest.
type RestoredDatabase struct {
	Label     string    `json:"label"`
	Target    string    `json:"target"`
	Snapshot  time.Time `json:"snapshot"`
	Tables    int       `json:"tables"`
	Rows      int64     `json:"rows"`
	Sequences int       `json:"sequences"` // that were moved
	Emptied   []string  `json:"emptied"`   // tables whose rows did not come back
}

// RestoredFile is a file of the configuration.
type RestoredFile struct {
	Reference

	Target string `json:"target"`
	// Kept says that it was there: the same, or a file of the configuration that was given.
	Kept bool `json:"kept"`
}

// MismatchError says in what a restored database differs from the manifest. Its guard stays.
type MismatchError struct {
	Database    string
	Differences []string
}

// Error names the differences.
func (e *MismatchError) Error() string {
	return fmt.Sprintf("the restored database %s differs from what was backed up: %s; no homeserver starts on it", e.Database, e.Differences)
}

// target is a database that is filled.
type target interface {
	// check refuses what is not empty or does not fit, and reports whether a stopped restore goes on.
	check(ctx context.Context) (continues bool, err error)
	// fill does everything but the last step.
	fill(ctx context.Context) error
	// finish takes the guard away, and says in the mark that the database is complete.
	finish(ctx context.Context) error
	// unmark takes the mark away.
	unmark(ctx context.Context) error
	close() error
}

// restoration is one restore.
type restoration struct {
	options RestoreOptions
	from    *Repository
	backup  *Backup
	report  *Restored
	meter   *phases.Meter[step]
	targets []target
	files   []placedFile
	media   *folderTarget // nil when media are not restored
	folder  *folderTarget // of Folder, or nil
	key     *newKeyFile   // nil without a new key
}

// Restore brings a backup back into an empty place. It refuses with *RefusedError before the first write. When it is stopped or killed,
// the same call goes on; until its end no homeserver starts on its databases.
func (r *Repository) Restore(ctx context.Context, options RestoreOptions) (_ *Restored, err error) {
	begun := time.Now()
	m := &restoration{options: options.withDefaults(), from: r, meter: newMeter(options.Progress)}
	if r.locked == nil {
		if err := r.lock(false); err != nil {
			return nil, err
		}
	}
	if m.backup, err = r.Open(options.Backup); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.close()) }()
	m.begin()
	if err := m.check(ctx); err != nil {
		return nil, err
	}
	if err := m.write(ctx); err != nil {
		return nil, err
	}
	m.report.Notes = m.notes()
	m.report.Seconds = time.Since(begun).Seconds()
	return m.report, nil
}

func (m *restoration) begin() {
	manifest := m.backup.Manifest
	m.report = &Restored{
		Backup: manifest.ID, Created: manifest.Created, ServerName: manifest.ServerName, SigningKeys: manifest.SigningKeys,
		Databases: []RestoredDatabase{}, Files: []RestoredFile{}, NotRestored: []string{}, NotIncluded: slices.Clone(manifest.NotIncluded), Notes: []string{},
	}
	for _, file := range manifest.MissingFiles {
		m.report.NotIncluded = append(m.report.NotIncluded, file.Key+": "+file.Path+" was not there")
	}
	if m.report.NotIncluded == nil {
		m.report.NotIncluded = []string{}
	}
}

// takes reports whether contents of media need not stay where they are.
func (m *restoration) takes() bool { return m.options.Take || m.from.fetched }

func (m *restoration) wants(part Part) bool {
	return len(m.options.Only) == 0 || slices.Contains(m.options.Only, part)
}

// check looks for everything that hinders; nothing is written.
func (m *restoration) check(ctx context.Context) error {
	m.meter.Enter(at(PhaseCheck, ""), 0)
	var problems []Problem
	for _, step := range []func(context.Context) error{m.checkSource, m.placeFolders, m.placeDatabases, m.placeFiles, m.checkTargets, m.checkSpace} {
		err := step(ctx)
		refused, isRefused := errors.AsType[*RefusedError](err)
		if err != nil && !isRefused {
			return err
		}
		if isRefused {
			problems = append(problems, refused.Problems...)
		}
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// checkSource reads the files of the backup that are small, and looks that the dumps are as long as they were: damage is known before
// anything is written. Dumps and media are summed when they are read.
func (m *restoration) checkSource(ctx context.Context) error {
	manifest := m.backup.Manifest
	for _, file := range manifest.Files {
		if err := checkStored(ctx, m.backup.root, file.Stored, nil); err != nil {
			return err
		}
	}
	for _, database := range manifest.Databases {
		for _, stored := range database.Files {
			if m.wants(PartDatabase) {
				if err := checkStored(ctx, m.backup.root, stored, nil); err != nil {
					return err
				}
			}
		}
	}
	if manifest.Media.List == nil || !m.wants(PartMedia) {
		return nil
	}
	if err := checkStored(ctx, m.backup.root, *manifest.Media.List, nil); err != nil {
		return err
	}
	for medium, err := range m.backup.Media() {
		if err != nil {
			return err
		}
		if !m.from.has(medium.SHA256, medium.Size) {
			return &DamagedError{Name: object(medium.SHA256), What: "it is missing, or has another size; it is the content of " + medium.Path}
		}
	}
	return nil
}

func (m *restoration) checkTargets(ctx context.Context) error {
	var problems []Problem
	for _, one := range m.targets {
		continues, err := one.check(ctx)
		refused, isRefused := errors.AsType[*RefusedError](err)
		if err != nil && !isRefused {
			return err
		}
		if isRefused {
			problems = append(problems, refused.Problems...)
		}
		m.report.Continued = m.report.Continued || continues
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// checkSpace looks whether media and SQLite databases have room. What a stopped restore has made is there already.
func (m *restoration) checkSpace(context.Context) error {
	if m.report.Continued {
		return nil
	}
	needed := map[string]int64{}
	if m.media != nil && (!m.takes() || !onOneFileSystem(m.from.path, existing(m.report.MediaPath))) {
		needed[existing(m.report.MediaPath)] += m.backup.Manifest.Media.Bytes
	}
	for _, one := range m.targets {
		if file, isFile := one.(*sqliteTarget); isFile {
			needed[existing(file.path)] += file.database.Bytes
		}
	}
	var problems []Problem
	for folder, bytes := range needed {
		if free, known := engine.FreeSpace(folder); known && free < bytes {
			problems = append(problems, Problem{ID: SpaceMissing, What: fmt.Sprintf("%d MB go to %s, and %d MB are free", bytes>>20, folder, free>>20), Hint: "make room"})
		}
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	return nil
}

// existing is the nearest folder above a path that is there.
func existing(path string) string {
	for {
		path = filepath.Dir(path)
		if _, err := os.Stat(path); err == nil || path == filepath.Dir(path) {
			return path
		}
	}
}

// write does everything, and takes the guards away in the end, that of main last: the manifest has main first.
func (m *restoration) write(ctx context.Context) error {
	for _, folder := range []*folderTarget{m.folder, m.media} {
		if err := folder.begin(); err != nil {
			return err
		}
	}
	for _, one := range m.targets {
		if err := one.fill(ctx); err != nil {
			return err
		}
	}
	if err := m.restoreMedia(ctx); err != nil {
		return err
	}
	if err := m.restoreFiles(ctx); err != nil {
		return err
	}
	m.meter.Enter(at(PhaseFinish, ""), 0)
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for _, one := range slices.Backward(m.targets) {
		if err := one.finish(ctx); err != nil {
			return err
		}
	}
	return m.unmark(ctx)
}

// unmark takes all marks away, when everything is complete. As long as one folder says so, a database without a mark counts as complete.
func (m *restoration) unmark(ctx context.Context) error {
	folders := []*folderTarget{m.media, m.folder}
	for _, folder := range folders {
		if err := folder.done(); err != nil {
			return err
		}
	}
	for _, one := range m.targets {
		if err := one.unmark(ctx); err != nil {
			return err
		}
	}
	for _, folder := range folders {
		if err := folder.end(); err != nil {
			return err
		}
	}
	return nil
}

// wasComplete tells that the stopped restore had only marks to take away.
func (m *restoration) wasComplete() bool { return m.folder.isDone() || m.media.isDone() }

func (m *restoration) close() error {
	errs := []error{m.backup.Close()}
	for _, one := range m.targets {
		errs = append(errs, one.close())
	}
	for _, folder := range []*folderTarget{m.media, m.folder} {
		errs = append(errs, folder.close())
	}
	return errors.Join(errs...)
}

// notes are what a restored homeserver's admins must know: nothing of it can be mended here.
func (m *restoration) notes() []string {
	if !m.wants(PartDatabase) {
		return nil
	}
	when := m.report.Created.Format(time.RFC3339)
	return []string{
		"everything since " + when + " is gone: events sent since then exist on other servers only, and rooms with other servers mend themselves in part",
		"devices and sessions that were logged out since then are valid again, and newer logins are gone",
		"changes of passwords, deactivations, locks, admin rights, redactions and quarantined media since then are undone",
		"names that were registered since then can be registered again by somebody else",
		"clients have to send new one-time keys, which they do by themselves; until then fallback keys are used",
		"media and remote caches that the backup does not hold are fetched again from other servers, where they still have them",
	}
}
