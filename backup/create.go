package backup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/internal/phases"
	"github.com/synapsedb/synapse/media"
)

// CreateOptions say what is taken, and how.
type CreateOptions struct {
	// Config is the homeserver's.
	Config *config.Config
	// Include are files and folders to take besides those that the configuration refers to.
	Include []string
	// AllowMissing goes on without files that are not there, and records them.
	AllowMissing bool
	// Kinds are the folders of the media store; nil are those that nobody else has (media.Local).
	Kinds []media.Kind
	// LeaveOut are tables whose rows are left out, besides one-time keys and locks.
	LeaveOut []string
	// Jobs is how many tables pg_dump works on at a time; 0 is 2.
	Jobs int
	// LockWait is how long tables are waited for that another session has for itself; 0 is 30 s.
	LockWait time.Duration
	// PgDump is the path of that program; needed for PostgreSQL alone.
	PgDump string
	// Progress may be nil.
	Progress func(Progress)
	// Log may be nil.
	Log *slog.Logger
}

const defaultJobs = 2

// creation is one backup that is being made.
type creation struct {
	options  CreateOptions
	to       sink
	document *document
	files    []Reference
	sources  []source
	manifest *Manifest
	meter    *phases.Meter[step]
	folder   *os.Root // where it is put together; nil until it is made
	path     string   // of the folder
	made     bool
	coming   coming
	dumps    int64 // bytes that the databases may need
	// newestGroup is the greatest state group that main's snapshot refers to.
	newestGroup int64
}

func newCreation(to sink, options CreateOptions, begun time.Time) *creation {
	if options.Jobs == 0 {
		options.Jobs = defaultJobs
	}
	if options.LockWait == 0 {
		options.LockWait = defaultLockWait
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return &creation{
		options: options, to: to, meter: newMeter(options.Progress),
		manifest: &Manifest{Format: Format, Created: begun.UTC(), ServerName: options.Config.ServerName, SigningKeys: []SigningKey{}, Files: []StoredFile{}},
	}
}

// create makes a backup.
func create(ctx context.Context, to sink, options CreateOptions) (_ *Manifest, err error) {
	begun := time.Now()
	c := newCreation(to, options, begun)
	defer func() { err = errors.Join(err, c.close()) }()
	c.meter.Enter(at(PhaseCheck, ""), 0)
	ctx, c.manifest.ID, err = to.begin(ctx, c.manifest.Created)
	if err != nil {
		return nil, err
	}
	if err := c.check(ctx); err != nil {
		return nil, err
	}
	if err := c.write(ctx); err != nil {
		return nil, c.explain(ctx, err)
	}
	c.manifest.Seconds = time.Since(begun).Seconds()
	c.meter.Enter(at(PhaseFinish, ""), 0)
	if err := to.publish(ctx, c.manifest); err != nil {
		return nil, c.explain(ctx, err)
	}
	c.made = true
	return c.manifest, nil
}

// CheckFiles refuses, as Create does, files that are missing or cannot be read. It needs no repository, and writes nothing.
func CheckFiles(options CreateOptions) error {
	c := &creation{options: options, manifest: &Manifest{}}
	problems, err := c.fileProblems()
	if err == nil && len(problems) > 0 {
		err = &RefusedError{Problems: problems}
	}
	return err
}

// check looks for everything that hinders.
func (c *creation) check(ctx context.Context) error {
	problems, err := c.fileProblems()
	if err != nil {
		return err
	}
	if problem := c.writeProblem(ctx); problem != nil {
		problems = append(problems, *problem)
	}
	found, err := c.openSources(ctx)
	if err != nil {
		return err
	}
	if problems = append(problems, found...); len(problems) == 0 {
		problems, err = c.roomProblems(ctx)
	}
	if err != nil {
		return err
	}
	if len(problems) > 0 {
		return &RefusedError{Problems: problems}
	}
	c.manifest.NotIncluded = c.document.left()
	return nil
}

const allowHint = "correct the configuration, or go on without it: --allow-missing. Relative paths are relative to this working directory; start in the homeserver's"

func (c *creation) fileProblems() (problems []Problem, err error) {
	if c.document, err = readDocument(c.options.Config); err != nil {
		return nil, err
	}
	there, missing, err := c.document.references(c.options.Include)
	if err != nil {
		problems = append(problems, Problem{ID: FileUnreadable, What: err.Error(), Hint: "do it as the homeserver's user, or as root"})
	}
	for _, file := range there {
		if problem := file.problem(); problem != nil {
			problems = append(problems, *problem)
		}
	}
	c.files, c.manifest.MissingFiles = there, missing
	for _, file := range missing {
		if !c.options.AllowMissing {
			problems = append(problems, Problem{ID: FileMissing, What: fmt.Sprintf("%s is not there, and %s refers to it", file.Path, file.Key), Hint: allowHint})
		}
	}
	if len(problems) > 0 {
		return problems, nil
	}
	keys, err := c.document.signingKeys()
	c.manifest.SigningKeys = append(c.manifest.SigningKeys, keys...)
	if err != nil {
		problems = append(problems, Problem{ID: KeyInvalid, What: "the signing key cannot be read: " + err.Error(), Hint: "correct signing_key_path; a homeserver would not start with it either"})
	}
	return problems, nil
}

// problem: a file whose name could not be restored everywhere would make a backup that cannot be read.
func (r *Reference) problem() *Problem {
	if what := pack.NameProblem(r.storedName()); what != "" {
		return &Problem{ID: FileUnfit, What: fmt.Sprintf("%s: %q cannot be the name of a file in a backup: %s", r.Key, r.Path, what), Hint: "give it another name, which is valid UTF-8 without backslashes and control characters"}
	}
	opened, err := os.Open(r.Path)
	if err == nil {
		err = opened.Close()
	}
	if err != nil {
		return &Problem{ID: FileUnreadable, What: fmt.Sprintf("%s: %v", r.Key, err), Hint: "do it as the homeserver's user, or as root"}
	}
	return nil
}

// storedName is the path below the folder of a backup.
func (r *Reference) storedName() string {
	return filesFolder + filepath.ToSlash(r.Path[len(filepath.VolumeName(r.Path)):])
}

// writeProblem tries to write.
func (c *creation) writeProblem(ctx context.Context) *Problem {
	made, err := c.to.stage(ctx)
	if err == nil {
		c.folder, c.path = made.root, made.path
		return nil
	}
	if refused, isRefused := errors.AsType[*RefusedError](err); isRefused {
		return &refused.Problems[0]
	}
	return &Problem{ID: RepositoryReadOnly, What: fmt.Sprintf("the repository %s cannot be written to: %v", c.to, err), Hint: "look at the rights on it, and whether its file system is read-only"}
}

// absolute is the path of something in the folder, for programs that open files by themselves.
func (c *creation) absolute(name string) string {
	return filepath.Join(c.path, filepath.FromSlash(name))
}

// write makes everything but the manifest.
func (c *creation) write(ctx context.Context) (err error) {
	for i, one := range c.sources {
		c.manifest.Databases = append(c.manifest.Databases, Database{})
		database := &c.manifest.Databases[i]
		if err := one.take(ctx, c, database); err != nil {
			return fmt.Errorf("take a snapshot of the database %s: %w", database.Label, err)
		}
	}
	for i, one := range c.sources {
		database := &c.manifest.Databases[i]
		if err := one.dump(ctx, c, database); err != nil {
			return fmt.Errorf("back up the database %s: %w", database.Label, err)
		}
		if err := c.store(ctx, database); err != nil {
			return fmt.Errorf("store the dump of the database %s: %w", database.Label, err)
		}
	}
	if err := c.copyMedia(ctx); err != nil {
		return fmt.Errorf("back up the media store: %w", err)
	}
	if err := c.copyFiles(ctx); err != nil {
		return fmt.Errorf("back up the configuration: %w", err)
	}
	return nil
}

// store gives a dump to what the backup is written to.
func (c *creation) store(ctx context.Context, database *Database) error {
	if c.to.moves() {
		var bytes int64
		for _, file := range database.Files {
			bytes += file.Size
		}
		c.meter.Enter(at(PhaseStore, database.Label), bytes)
	}
	for i := range database.Files {
		if err := c.to.take(ctx, &database.Files[i], c.meter.Add); err != nil {
			return err
		}
	}
	return nil
}

// copyFiles copies configuration and keys below the paths that they have.
func (c *creation) copyFiles(ctx context.Context) error {
	c.meter.Enter(at(PhaseFiles, ""), 0)
	for _, reference := range c.files {
		stored, err := c.copyFile(ctx, reference)
		if err != nil {
			return err
		}
		c.manifest.Files = append(c.manifest.Files, stored)
	}
	return nil
}

func (c *creation) copyFile(ctx context.Context, reference Reference) (stored StoredFile, err error) {
	file, err := os.Open(reference.Path)
	if err != nil {
		return stored, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return stored, err
	}
	stored.Reference, stored.Mode = reference, fmt.Sprintf("%04o", info.Mode().Perm())
	stored.Owner, stored.Group = owners(info)
	if stored.Stored, err = storeCopy(ctx, c.folder, reference.storedName(), file, c.meter.Add); err != nil {
		return stored, err
	}
	return stored, c.to.take(ctx, &stored.Stored, nil)
}

// explain says what ended it, and what a full disk means.
func (c *creation) explain(ctx context.Context, err error) error {
	if ended := stopped(ctx, err); ended != nil {
		return ended
	}
	if isFull(err) || strings.Contains(err.Error(), "No space left on device") {
		return refuse(SpaceMissing, fmt.Sprintf("the disk of %s is full: %v", c.to, err), "make room; the backups that are there are as they were, and what was begun is removed")
	}
	return err
}

// stopped is the cause that ended the work, with what was said of it then, which is only told. It is nil when err names the cause, or when there is none.
func stopped(ctx context.Context, err error) error {
	cause := context.Cause(ctx)
	if cause == nil || errors.Is(err, cause) {
		return nil
	}
	return fmt.Errorf("%w (%v)", cause, err) //nolint:errorlint // as said
}

// close ends what is open, and removes what did not become a backup.
func (c *creation) close() error {
	var errs []error
	for _, one := range c.sources {
		errs = append(errs, one.close())
	}
	if c.folder != nil {
		errs = append(errs, c.folder.Close())
	}
	if !c.made {
		errs = append(errs, c.to.discard())
	}
	return errors.Join(append(errs, c.to.close())...)
}

// kinds are the folders of the media store that are taken.
func (c *creation) kinds() []media.Kind {
	kinds := c.options.Kinds
	if kinds == nil {
		kinds = media.Local(c.document.truth("dynamic_thumbnails"))
	}
	kinds = slices.Clone(kinds)
	slices.Sort(kinds)
	return slices.Compact(kinds)
}
