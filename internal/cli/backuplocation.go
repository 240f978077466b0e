package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/backup/store"
)

// location says where backups are, and what opens them.
type location struct {
	repo, endpoint, passphraseFile, staging, cache string
	encrypt, identities                            []string
}

const (
	streamRepo    = "-"
	bucketBegins  = "s3://"
	passphraseEnv = "SYNAPSE_BACKUP_PASSPHRASE"
)

// where adds --repo.
func (l *location) where(command *cobra.Command, repo string) {
	command.Flags().SortFlags = false
	command.Flags().StringVar(&l.repo, "repo", "", repo)
}

const (
	repoToWrite = "where the backups are: a `folder`, s3://BUCKET/PREFIX, or - for standard output"
	repoToRead  = "where the backups are: a `folder`, s3://BUCKET/PREFIX, or - for one from standard input"
	repoToKeep  = "where the backups are: a `folder` or s3://BUCKET/PREFIX"
)

// services are flags about what is outside of this machine.
func (l *location) services(command *cobra.Command) {
	command.Flags().StringVar(&l.endpoint, "s3-endpoint", "", "the `URL` of the S3 service; AWS_ENDPOINT_URL, or AWS itself, without it")
}

// keys are flags about what opens backups.
func (l *location) keys(command *cobra.Command) {
	command.Flags().StringArrayVar(&l.identities, "identity", nil, "decrypt with the private keys in this `file`, as age-keygen writes it; may be repeated")
	command.Flags().StringVar(&l.passphraseFile, "passphrase-file", "", "the `file` with the repository's passphrase in its first line; "+passphraseEnv+" without it")
}

// room is a flag about where something is put together.
func (l *location) room(command *cobra.Command, what string) {
	command.Flags().StringVar(&l.staging, "staging", "", what+" in this `folder`; the system's folder for temporary files without it")
}

// read gives the keys.
func (l *location) read() (backup.Keys, error) {
	passphrase, err := l.passphrase()
	if err != nil {
		return backup.Keys{}, err
	}
	return backup.ReadKeys(l.encrypt, l.identities, passphrase)
}

func (l *location) passphrase() ([]byte, error) {
	if l.passphraseFile == "" {
		return []byte(os.Getenv(passphraseEnv)), nil
	}
	content, err := os.ReadFile(l.passphraseFile)
	if err != nil {
		return nil, fmt.Errorf("read the passphrase: %w", err)
	}
	line, _, _ := bytes.Cut(content, []byte("\n"))
	if line = bytes.TrimSuffix(line, []byte("\r")); len(line) == 0 {
		return nil, &usageError{fmt.Errorf("--passphrase-file: the first line of %s is empty", l.passphraseFile)}
	}
	return line, nil
}

// bucket opens the bucket that --repo names, with a prefix. Who may use it is told by the environment or a file, as AWS's own tools have it.
func (l *location) bucket(ctx context.Context, e *environment) (store.Store, error) {
	name, prefix, _ := strings.Cut(strings.TrimPrefix(l.repo, bucketBegins), "/")
	if name == "" {
		return nil, &usageError{fmt.Errorf("--repo is %q, and has to be %sBUCKET/PREFIX", l.repo, bucketBegins)}
	}
	endpoint := l.endpoint
	if endpoint == "" {
		endpoint = os.Getenv("AWS_ENDPOINT_URL")
	}
	region := os.Getenv("AWS_REGION")
	if region == "" {
		region = os.Getenv("AWS_DEFAULT_REGION")
	}
	return store.OpenS3(ctx, store.S3Options{Bucket: name, Prefix: strings.Trim(prefix, "/"), Endpoint: endpoint, Region: region, Log: e.logger()})
}

func (l *location) isBucket() bool { return strings.HasPrefix(l.repo, bucketBegins) }

// cacheFolder is where this machine keeps what backups before have of media: that of systemd's unit, or the user's.
func (l *location) cacheFolder(e *environment) string {
	if l.cache != "" {
		return l.cache
	}
	if folder, _, _ := strings.Cut(os.Getenv("CACHE_DIRECTORY"), string(filepath.ListSeparator)); folder != "" {
		return folder
	}
	folder, err := os.UserCacheDir()
	if err != nil {
		e.logger().Warn("there is no folder for what the next backup has to know of media, so it may store all of them anew; name one: --cache-dir", "error", err)
		return ""
	}
	return filepath.Join(folder, "synapse")
}

// openBackups opens what is there.
func (e *environment) openBackups(ctx context.Context, l *location) (backups, error) {
	keys, err := l.read()
	if err != nil {
		return nil, jobOrUsage(err)
	}
	opened, err := e.openKind(ctx, l, keys)
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("%w; synapse backup create makes one", err)
	}
	if err != nil {
		return nil, jobOrUsage(err)
	}
	return opened, nil
}

func (e *environment) openKind(ctx context.Context, l *location, keys backup.Keys) (backups, error) {
	switch {
	case l.repo == streamRepo:
		return e.receive(ctx, l, keys)
	case l.isBucket():
		in, err := l.bucket(ctx, e)
		if err != nil {
			return nil, err
		}
		return e.packed(ctx, l, in, keys, backup.OpenPacked)
	}
	plain, err := backup.OpenRepository(l.repo)
	if isPacked(err) {
		return e.packedFolder(ctx, l, keys, backup.OpenPacked)
	}
	if err != nil {
		return nil, err
	}
	return asPlain(plain, l, keys)
}

// makeBackups opens a repository to write to, and makes one where there is none: a packed one if it is to be encrypted.
func (e *environment) makeBackups(ctx context.Context, l *location, keys backup.Keys) (backups, error) {
	if l.isBucket() {
		in, err := l.bucket(ctx, e)
		if err != nil {
			return nil, err
		}
		return e.packed(ctx, l, in, keys, backup.MakePacked)
	}
	plain, err := backup.OpenRepository(l.repo)
	isNew := errors.Is(err, fs.ErrNotExist)
	switch {
	case isNew && keys.Encrypt():
		if err := os.MkdirAll(l.repo, 0o700); err != nil {
			return nil, fmt.Errorf("make the repository: %w", err)
		}
		return e.packedFolder(ctx, l, keys, backup.MakePacked)
	case isPacked(err):
		return e.packedFolder(ctx, l, keys, backup.MakePacked)
	case isNew:
		plain, err = backup.MakeRepository(l.repo)
	}
	if err != nil {
		return nil, err
	}
	return asPlain(plain, l, keys)
}

// asPlain refuses keys: whoever gives them expects that others cannot read what is there, or have not written it.
func asPlain(repository *backup.Repository, l *location, keys backup.Keys) (backups, error) {
	if keys.Encrypt() || len(keys.Identities) > 0 {
		return nil, errors.Join(backup.NotEncrypted(l.repo), repository.Close())
	}
	return &plainBackups{repository: repository}, nil
}

// isPacked tells that a repository is none of the plain ones.
func isPacked(err error) bool {
	refused, isRefused := errors.AsType[*backup.RefusedError](err)
	return isRefused && refused.Problems[0].ID == backup.RepositoryPacked
}

type openPacked func(ctx context.Context, in store.Store, keys backup.Keys) (*backup.Packed, error)

func (e *environment) packedFolder(ctx context.Context, l *location, keys backup.Keys, open openPacked) (backups, error) {
	in, err := store.OpenFolder(l.repo)
	if err != nil {
		return nil, err
	}
	return e.packed(ctx, l, in, keys, open)
}

func (e *environment) packed(ctx context.Context, l *location, in store.Store, keys backup.Keys, open openPacked) (backups, error) {
	opened, err := open(ctx, in, keys)
	if err != nil {
		return nil, errors.Join(err, in.Close())
	}
	return &packedBackups{packed: opened, in: in, at: l}, nil
}

// jobOrUsage tells what is wrong with the command line from what is wrong with a repository.
func jobOrUsage(err error) error {
	if _, isUsage := errors.AsType[*usageError](err); isUsage {
		return err
	}
	return &jobError{err}
}
