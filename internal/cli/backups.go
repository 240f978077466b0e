package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/backup/store"
)

// backups are those of a repository of any kind, or one from standard input.
type backups interface {
	// ids are those of the backups that are whole, the oldest first.
	ids(ctx context.Context) ([]string, error)
	// list says what can be told of one without a key.
	list(ctx context.Context, id string) (*ListedBackup, error)
	// manifest is that of one; of the newest when id is empty.
	manifest(ctx context.Context, id string) (*backup.Manifest, error)
	// temporary reports whether the repository that use gives is removed after it.
	temporary() bool
	create(ctx context.Context, e *environment, options backup.CreateOptions) (*backup.Manifest, error)
	verify(ctx context.Context, id string, options backup.VerifyOptions) (*backup.Verified, error)
	prune(ctx context.Context, options backup.PruneOptions) (*backup.Pruned, error)
	// use has work done with a plain repository that has the parts of a backup. If it was fetched for that, and the work fails, it stays where the
	// work can go on.
	use(ctx context.Context, options backup.FetchOptions, goesOn bool, work func(*backup.Repository) error) error
	Close() error
}

// plainBackups are a folder.
type plainBackups struct{ repository *backup.Repository }

func (p *plainBackups) ids(context.Context) ([]string, error) { return p.repository.IDs() }

func (p *plainBackups) list(ctx context.Context, id string) (*ListedBackup, error) {
	manifest, err := p.manifest(ctx, id)
	if err != nil {
		return nil, err
	}
	return listed(manifest), nil
}

func (p *plainBackups) manifest(_ context.Context, id string) (*backup.Manifest, error) {
	opened, err := p.repository.Open(id)
	if err != nil {
		return nil, err
	}
	return opened.Manifest, opened.Close()
}

func (p *plainBackups) create(ctx context.Context, _ *environment, options backup.CreateOptions) (*backup.Manifest, error) {
	return p.repository.Create(ctx, options)
}

func (p *plainBackups) verify(ctx context.Context, id string, options backup.VerifyOptions) (*backup.Verified, error) {
	return p.repository.Verify(ctx, id, options)
}

func (p *plainBackups) prune(ctx context.Context, options backup.PruneOptions) (*backup.Pruned, error) {
	return p.repository.Prune(ctx, options)
}

func (p *plainBackups) use(_ context.Context, _ backup.FetchOptions, _ bool, work func(*backup.Repository) error) error {
	return work(p.repository)
}

func (p *plainBackups) temporary() bool { return false }

func (p *plainBackups) Close() error { return p.repository.Close() }

// packedBackups are in packs.
type packedBackups struct {
	packed *backup.Packed
	in     store.Store
	at     *location
}

func (p *packedBackups) ids(ctx context.Context) ([]string, error) { return p.packed.IDs(ctx) }

func (p *packedBackups) list(ctx context.Context, id string) (*ListedBackup, error) {
	summary, err := p.packed.Summary(ctx, id)
	if err != nil {
		return nil, err
	}
	one := &ListedBackup{ID: id, Created: summary.Created}
	if p.packed.CanRead() {
		manifest, err := p.manifest(ctx, id)
		if err != nil {
			return nil, err
		}
		one = listed(manifest)
	}
	one.Packs, one.StoredBytes = summary.Packs, summary.Bytes
	return one, nil
}

func (p *packedBackups) manifest(ctx context.Context, id string) (*backup.Manifest, error) {
	opened, err := p.packed.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	return opened.Manifest, nil
}

func (p *packedBackups) create(ctx context.Context, e *environment, options backup.CreateOptions) (*backup.Manifest, error) {
	return p.packed.Create(ctx, backup.PackedCreateOptions{CreateOptions: options, Staging: p.at.staging, Cache: p.at.cacheFolder(e)})
}

func (p *packedBackups) verify(ctx context.Context, id string, options backup.VerifyOptions) (*backup.Verified, error) {
	return p.packed.Verify(ctx, id, backup.PackedVerifyOptions{VerifyOptions: options, Staging: p.at.staging})
}

func (p *packedBackups) prune(ctx context.Context, options backup.PruneOptions) (*backup.Pruned, error) {
	return p.packed.Prune(ctx, options)
}

func (p *packedBackups) use(ctx context.Context, options backup.FetchOptions, goesOn bool, work func(*backup.Repository) error) error {
	options.Staging = p.at.staging
	fetched, err := p.packed.Fetch(ctx, options)
	if err != nil {
		return err
	}
	if err := work(fetched.Repository); err != nil && goesOn {
		return errors.Join(fmt.Errorf("%w\nwhat was fetched stays in %s, and the same command goes on with it; remove it if it is not wanted", err, fetched.Path), fetched.Close())
	} else if err != nil {
		return errors.Join(err, fetched.Remove())
	}
	return fetched.Remove()
}

func (p *packedBackups) temporary() bool { return true }

func (p *packedBackups) Close() error { return p.in.Close() }

// receivedBackup came from standard input.
type receivedBackup struct {
	plainBackups

	folder string
}

// receive reads a stream to its end, into a folder that is removed in the end.
func (e *environment) receive(ctx context.Context, l *location, keys backup.Keys) (backups, error) {
	identities, err := keys.OfStream()
	if err != nil {
		return nil, err
	}
	folder, err := os.MkdirTemp(l.staging, "synapse-received-")
	if err != nil {
		return nil, err
	}
	display := e.showBackup()
	repository, err := backup.ReceiveStream(ctx, os.Stdin, backup.ReceiveOptions{Folder: filepath.Join(folder, "repository"), Identities: identities, Progress: display.update})
	display.stop()
	if err != nil {
		return nil, errors.Join(stoppedBy(ctx, err), os.RemoveAll(folder))
	}
	return &receivedBackup{plainBackups: plainBackups{repository: repository}, folder: folder}, nil
}

func (r *receivedBackup) temporary() bool { return true }

func (r *receivedBackup) Close() error {
	return errors.Join(r.plainBackups.Close(), os.RemoveAll(r.folder))
}

// createStream writes a backup to standard output.
func (e *environment) createStream(ctx context.Context, l *location, keys backup.Keys, options backup.CreateOptions) (*backup.Manifest, error) {
	recipients, err := keys.ForStream()
	if err != nil {
		return nil, err
	}
	// A reader that has gone would end this process at once, and what was put together would stay.
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGPIPE)
	defer signal.Stop(ignored)
	return backup.CreateStream(ctx, e.stdout, backup.StreamOptions{CreateOptions: options, Recipients: recipients, Staging: l.staging})
}
