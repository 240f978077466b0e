package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"iter"
	"log/slog"
	"os"
	"runtime"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// folderSink makes a backup of a plain repository: it is put together in a folder that gets its name in the end.
type folderSink struct {
	of     *Repository
	id     string
	name   string // of the unfinished folder, below the repository
	folder *os.Root
	into   *adding
	newest *Backup // whose media are known; may be nil
}

// Create makes a backup. It refuses with *RefusedError before it writes anything. When it fails or ctx ends, what it made is removed; when it is
// killed, the next one does that.
func (r *Repository) Create(ctx context.Context, options CreateOptions) (*Manifest, error) {
	return create(ctx, &folderSink{of: r}, options)
}

func (s *folderSink) String() string { return s.of.path }

func (s *folderSink) begin(ctx context.Context, now time.Time) (held context.Context, id string, err error) {
	if err := s.of.lock(true); err != nil {
		return nil, "", err
	}
	if err := s.of.readDamaged(); err != nil {
		return nil, "", err
	}
	ids, err := s.of.IDs()
	if err != nil {
		return nil, "", err
	}
	s.id, err = newID(ids, now)
	return ctx, s.id, err
}

func (s *folderSink) stage(context.Context) (*staging, error) {
	if err := s.of.removePartial(); err != nil {
		return nil, err
	}
	partial := partialBegins + s.id
	path, err := s.of.absolute(backupsFolder + "/" + partial)
	if err != nil {
		return nil, err
	}
	if err := s.of.root.Mkdir(backupsFolder+"/"+partial, 0o700); err != nil {
		return nil, err
	}
	s.name = backupsFolder + "/" + partial
	if s.folder, err = s.of.root.OpenRoot(s.name); err != nil {
		return nil, err
	}
	if s.into, err = newAdding(s.of, s.folder, s.name); err != nil {
		return nil, errors.Join(err, s.folder.Close())
	}
	return &staging{root: s.folder, path: path}, nil
}

// application has the repository's id: whoever has its lock knows that no other backup is at work in it.
func (s *folderSink) application() string { return ownApplication + " " + s.of.id }

func (s *folderSink) free() (bytes int64, known bool) { return engine.FreeSpace(s.of.path) }

func (s *folderSink) moves() bool { return false }

// take has nothing to do: the folder is the backup's.
func (s *folderSink) take(context.Context, *Stored, func(int64)) error { return nil }

// before are those of the newest backup that can be read.
func (s *folderSink) before(_ context.Context, log *slog.Logger) iter.Seq2[Medium, error] {
	if s.newest == nil {
		newest, err := s.of.Open("")
		if err != nil {
			return func(func(Medium, error) bool) {}
		}
		s.newest = newest
	}
	return readable(s.newest.Media(), s.newest.Manifest.ID, log)
}

// readable ends where a list cannot be read: what it does not tell is read again.
func readable(list iter.Seq2[Medium, error], id string, log *slog.Logger) iter.Seq2[Medium, error] {
	return func(yield func(Medium, error) bool) {
		for medium, err := range list {
			if err != nil {
				log.Warn("the list of media of the backup before cannot be read", "backup", id, "error", err)
				return
			}
			if !yield(medium, nil) {
				return
			}
		}
	}
}

func (s *folderSink) keep(medium *Medium) bool { return s.of.has(medium.SHA256, medium.Size) }

// together are few: they keep the processors busy, and more would only wait for the disk.
func (s *folderSink) together() int { return min(runtime.GOMAXPROCS(0), 4) }

func (s *folderSink) add(ctx context.Context, from *os.File, took func(int64)) (stored Stored, isNew bool, err error) {
	return s.into.add(ctx, from, took)
}

func (s *folderSink) flush(ctx context.Context) error {
	if err := s.into.flush(ctx); err != nil {
		return err
	}
	return s.folder.RemoveAll(waitingFolder)
}

// publish brings everything to the disk, writes the manifest, and gives the folder its name.
func (s *folderSink) publish(ctx context.Context, manifest *Manifest) error {
	if err := syncAll(ctx, s.of.root, "."); err != nil {
		return err
	}
	if err := writeManifest(s.folder, manifest); err != nil {
		return err
	}
	if err := syncFolder(s.folder, "."); err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := s.of.root.Rename(s.name, backupsFolder+"/"+s.id); err != nil {
		return err
	}
	return syncFolder(s.of.root, backupsFolder)
}

func (s *folderSink) discard() error {
	if s.name == "" {
		return nil
	}
	if s.into != nil {
		s.into.close()
	}
	if err := s.of.root.RemoveAll(s.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("remove the unfinished backup, which the next one would do: %w", err)
	}
	return nil
}

// close leaves the lock to the repository.
func (s *folderSink) close() error {
	if s.into != nil {
		s.into.close()
	}
	if s.newest != nil {
		return s.newest.Close()
	}
	return nil
}
