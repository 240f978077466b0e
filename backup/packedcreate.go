package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/backup/store"
)

// PackedCreateOptions say what is taken, and where there is room for it meanwhile.
type PackedCreateOptions struct {
	CreateOptions

	// Staging is where dumps are put together; empty is the system's folder for temporary files.
	Staging string
	// Cache is where this machine keeps what the backup before has of media, by which the next one need not read them again; empty keeps nothing.
	Cache string
	// Uploads is how many packs are stored at a time; 0 is 4.
	Uploads int
}

const defaultUploads = 4

// packSink makes a backup of a packed repository. Dumps, configuration and lists are put together in a folder outside of it; media go from the
// media store into packs.
type packSink struct {
	of      *Packed
	options PackedCreateOptions
	id      string
	newest  string // of the backups that are there; may be empty
	unlock  func() error
	folder  *staging // nil until it is made
	files   *pack.Writer
	media   *packing
	known   *prior // nil if it is not known, or not yet
	looked  bool   // for known
	offered bool   // to the store as a backup: it may be one then, whatever the error is
}

// Create makes a backup. It refuses with *RefusedError before it writes anything but a pack by which it tries whether it can. What it made of a
// backup that fails is removed by Prune, and that which a killed one put together on this machine by the next one.
func (p *Packed) Create(ctx context.Context, options PackedCreateOptions) (*Manifest, error) {
	if options.Uploads == 0 {
		options.Uploads = defaultUploads
	}
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	return create(ctx, &packSink{of: p, options: options}, options.CreateOptions)
}

func (s *packSink) String() string { return s.of.store.String() }

func (s *packSink) begin(ctx context.Context, now time.Time) (held context.Context, id string, err error) {
	if held, s.unlock, err = s.of.lock(ctx); err != nil {
		return nil, "", err
	}
	ids, err := s.of.IDs(held)
	if err != nil {
		return nil, "", err
	}
	if len(ids) > 0 {
		s.newest = ids[len(ids)-1]
	}
	s.id, err = newID(ids, now)
	return held, s.id, err
}

// lock keeps other writers out.
func (p *Packed) lock(ctx context.Context) (held context.Context, unlock func() error, err error) {
	held, unlock, err = p.store.Lock(ctx)
	if locked, isLocked := errors.AsType[*store.LockedError](err); isLocked {
		who := locked.Who
		if who == "" {
			who = "another process"
		}
		return nil, nil, refuse(RepositoryLocked, who+" is working in "+p.store.String(), "wait until it has ended; in a bucket, the lock of one that was killed runs out within a minute")
	}
	if err != nil && isDenied(err) {
		return nil, nil, readOnly(p.store, err)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("lock the repository: %w", err)
	}
	return held, unlock, nil
}

func (s *packSink) stage(ctx context.Context) (*staging, error) {
	if err := s.of.try(ctx); err != nil {
		return nil, err
	}
	begins := "synapse-backup-" + s.of.described.ID + "-"
	removeStale(s.options.Staging, begins)
	path, err := os.MkdirTemp(s.options.Staging, begins)
	if err != nil {
		return nil, refuse(StagingUnfit, fmt.Sprintf("there is no folder in which the backup can be put together: %v", err), "name one that can be written to: --staging")
	}
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	if path, err = filepath.Abs(path); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	s.folder = &staging{root: root, path: path}
	s.files = pack.NewWriter(s.of.store, s.of.recipients(), s.options.Uploads)
	s.media = newPacking(pack.NewWriter(s.of.store, s.of.recipients(), s.options.Uploads))
	return s.folder, nil
}

// recipients are nil when the repository is not encrypted.
func (p *Packed) recipients() []age.Recipient {
	if !p.described.Encrypted {
		return nil
	}
	return p.keys.Recipients
}

// try writes what looks like a pack that nothing names, so that Prune removes it if this process is killed now.
func (p *Packed) try(ctx context.Context) error {
	random := chance(16)
	name := pack.Folder + "/" + random[:2] + "/" + random
	err := p.store.Put(ctx, name, []byte("tried\n"))
	if err != nil && isFull(err) {
		return refuse(SpaceMissing, fmt.Sprintf("the disk of %s is full: %v", p.store, err), "make room")
	}
	if err != nil {
		return err
	}
	return p.store.Remove(ctx, name)
}

// removeStale removes what killed processes of this user have left, as far as that works: whoever has the repository's lock knows that none of them is
// at work. The next one tries again.
func removeStale(folder, begins string) {
	if folder == "" {
		folder = os.TempDir()
	}
	entries, _ := os.ReadDir(folder)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil && strings.HasPrefix(entry.Name(), begins) && info.IsDir() && isOurs(info) {
			_ = os.RemoveAll(filepath.Join(folder, entry.Name()))
		}
	}
}

// isOurs reports whether a file belongs to this user.
func isOurs(info fs.FileInfo) bool {
	owner, _ := owners(info)
	return owner == os.Geteuid()
}

func (s *packSink) application() string { return ownApplication + " " + s.of.described.ID }

func (s *packSink) free() (bytes int64, known bool) { return s.of.store.Free() }

func (s *packSink) moves() bool { return true }

// take puts a file into packs, and removes it from the folder. The list of media stays for the cache.
func (s *packSink) take(ctx context.Context, file *Stored, took func(int64)) error {
	if file.Name == listName {
		if err := s.renumber(file); err != nil {
			return err
		}
	}
	opened, err := s.folder.root.Open(file.Name)
	if err != nil {
		return err
	}
	defer opened.Close()
	summed := &summedReader{from: &reading{ctx: ctx, from: opened, took: took}, sum: newSumming(io.Discard)}
	if file.Packs, _, err = s.files.Add(ctx, below(s.id, file.Name), summed); err != nil {
		return err
	}
	if summed.sum.sum() != file.SHA256 {
		return fmt.Errorf("%s has changed while it was stored", filepath.Join(s.folder.path, file.Name))
	}
	if file.Name == listName {
		return nil
	}
	return s.folder.root.Remove(file.Name)
}

// renumber writes the list of media once more, with the final places of the packs.
func (s *packSink) renumber(list *Stored) (err error) {
	const final = "final.jsonl.zst"
	into, err := writeLines(s.folder.root, final)
	if err != nil {
		return err
	}
	for medium, err := range readLines[Medium](s.folder.root, listName) {
		if err == nil {
			s.media.finish(medium.Packs)
			err = into.write(medium)
		}
		if err != nil {
			_, closed := into.close(listName)
			return errors.Join(err, closed)
		}
	}
	if *list, err = into.close(listName); err != nil {
		return err
	}
	return s.folder.root.Rename(final, listName)
}

func (s *packSink) keep(medium *Medium) bool { return s.media.keep(medium) }

// together: one writer puts one content behind the other.
func (s *packSink) together() int { return 1 }

func (s *packSink) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	return s.media.add(ctx, from, took)
}

func (s *packSink) flush(ctx context.Context) error { return s.media.flush(ctx) }

// publish stores the manifest, and then the file by which it is a backup.
func (s *packSink) publish(ctx context.Context, manifest *Manifest) error {
	own, err := s.files.Close(ctx)
	if err != nil {
		return err
	}
	list := &packList{Format: Format, ID: s.id, Created: manifest.Created, Packs: append(s.media.all(), own...)}
	manifest.shift(len(list.Packs) - len(own))
	if list.Manifest, err = s.putManifest(ctx, manifest); err != nil {
		return err
	}
	content, err := json.Marshal(list)
	if err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	s.offered = true
	if err := s.of.store.Put(ctx, below(s.id, packsName), append(content, '\n')); err != nil {
		return err
	}
	if err := s.remember(content); err != nil { // the backup is made, and the next one can do without
		s.options.Log.Warn("what is known of media cannot be kept on this machine, so the next backup may store them anew", "cache", s.options.Cache, "error", err)
	}
	return nil
}

// shift moves the places of packs by how many come before them.
func (m *Manifest) shift(by int) {
	move := func(file *Stored) {
		for i := range file.Packs {
			file.Packs[i] += by
		}
	}
	for i := range m.Files {
		move(&m.Files[i].Stored)
	}
	for i := range m.Databases {
		for j := range m.Databases[i].Files {
			move(&m.Databases[i].Files[j])
		}
	}
	if m.Media.List != nil {
		move(m.Media.List)
	}
}

func (s *packSink) putManifest(ctx context.Context, manifest *Manifest) (one pack.Pack, err error) {
	content, err := manifest.encode()
	if err != nil {
		return one, err
	}
	name := below(s.id, manifestName)
	if recipients := s.of.recipients(); recipients != nil {
		name += sealedEnd
		if content, err = pack.Seal(content, recipients); err != nil {
			return one, fmt.Errorf("encrypt the manifest: %w", err)
		}
	}
	kept := storedAs(name, content)
	return pack.Pack{Name: name, Size: kept.Size, SHA256: kept.SHA256}, s.of.store.Put(ctx, name, content)
}

// discardTime is how long packs are removed of a backup that was not made; Prune removes the others.
const discardTime = 30 * time.Second

// discard works also when the backup was stopped.
func (s *packSink) discard() error {
	ctx, cancel := context.WithTimeout(context.Background(), discardTime)
	defer cancel()
	if s.offered {
		cancel()
	}
	var errs []error
	for _, writer := range []*pack.Writer{s.files, s.media.writer()} {
		if writer == nil {
			continue
		}
		if err := writer.Discard(ctx); err != nil && context.Cause(ctx) == nil {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

func (s *packSink) close() error {
	errs := []error{s.known.close()}
	if s.folder != nil {
		errs = append(errs, removeStaging(s.folder.path))
	}
	if s.unlock != nil {
		errs = append(errs, s.unlock())
	}
	return errors.Join(errs...)
}

// removeStaging: the pg_dump of a backup that ends may still make files there.
func removeStaging(path string) (err error) {
	const attempts = 5
	for range attempts {
		if err = os.RemoveAll(path); !errors.Is(err, syscall.ENOTEMPTY) && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return fmt.Errorf("remove what was put together on this machine: %w", err)
}
