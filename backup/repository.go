package backup

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/synapsedb/synapse/internal/filelock"
)

// The names in a repository.
const (
	repositoryName = "synapse-backups.json"
	backupsFolder  = "backups"
	objectsFolder  = "media"
	partialBegins  = ".partial-"
)

// Repository is a folder with backups.
type Repository struct {
	path   string
	id     string
	root   *os.Root
	locked *os.File // nil as long as it is not locked
	// damaged are contents of media that are known as such; only for who has read them.
	damaged map[string]struct{}
	// opened are folders of contents of media, by the beginning of the checksums. opening is of damaged, too.
	opening sync.Mutex
	opened  map[string]*os.Root
	// fetched says that it is removed when it has been restored.
	fetched bool
}

// description is the content of repositoryName.
type description struct {
	Format int    `json:"format"`
	ID     string `json:"id"`
	// Packed says that its backups are in packs, and Encrypted that these are encrypted.
	Packed    bool `json:"packed,omitempty"`
	Encrypted bool `json:"encrypted,omitempty"`
}

func parseDescription(content []byte) (description, error) {
	described := description{}
	err := json.Unmarshal(content, &described)
	switch {
	case err != nil || described.Format == 0:
		return described, &DamagedError{Name: repositoryName, What: "it does not describe a repository"}
	case described.Format != Format:
		return described, &FormatError{Name: repositoryName, Format: described.Format}
	case !repositoryForm.MatchString(described.ID):
		return described, &DamagedError{Name: repositoryName, What: "the id of the repository is none"}
	}
	return described, nil
}

// repositoryForm is that of the id of a repository, of which names of files are made.
var repositoryForm = regexp.MustCompile(`^[0-9a-f]{1,64}$`)

// OpenRepository opens a repository that is there. Its errors: fs.ErrNotExist, *DamagedError, *FormatError, and *RefusedError when it is packed.
func OpenRepository(path string) (*Repository, error) {
	root, err := os.OpenRoot(path)
	if err != nil {
		return nil, fmt.Errorf("open the repository: %w", err)
	}
	r := &Repository{path: path, root: root}
	if err := r.read(); err != nil {
		_ = root.Close() // only read
		return nil, err
	}
	return r, nil
}

func (r *Repository) read() error {
	content, err := r.root.ReadFile(repositoryName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no repository: it has no %s: %w", r.path, repositoryName, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("open the repository: %w", err)
	}
	described, err := parseDescription(content)
	if err == nil && described.Packed {
		err = refuse(RepositoryPacked, r.path+" is a packed repository", "open it as one")
	}
	r.id = described.ID
	return err
}

// MakeRepository opens a repository, and makes one of a folder that is not there or empty. Another folder is refused.
func MakeRepository(path string) (*Repository, error) {
	entries, err := os.ReadDir(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := os.MkdirAll(path, 0o700); err != nil {
			return nil, fmt.Errorf("make the repository: %w", err)
		}
	case err != nil:
		return nil, fmt.Errorf("open the repository: %w", err)
	case slices.ContainsFunc(entries, func(entry fs.DirEntry) bool { return entry.Name() == repositoryName }):
		return OpenRepository(path)
	case len(entries) > 0 && !unfinished(entries):
		return nil, refuse(TargetNotEmpty, path+" holds other files and is no repository", "name an empty folder, or one that is not there yet")
	}
	if err := describe(path); err != nil {
		return nil, fmt.Errorf("make the repository: %w", err)
	}
	return OpenRepository(path)
}

// unfinished is what a process leaves that was killed while it made a repository.
func unfinished(entries []fs.DirEntry) bool {
	return !slices.ContainsFunc(entries, func(entry fs.DirEntry) bool {
		return entry.Name() != backupsFolder && entry.Name() != objectsFolder && !strings.HasPrefix(entry.Name(), partialBegins)
	})
}

// describe makes the folders and then, whole, the file that says what they are.
func describe(path string) error {
	root, err := os.OpenRoot(path)
	if err != nil {
		return err
	}
	defer func() { _ = root.Close() }() // what was written is synced
	for _, name := range []string{backupsFolder, objectsFolder} {
		if err := root.Mkdir(name, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	content, err := json.Marshal(description{Format: Format, ID: chance(8)})
	if err != nil {
		return err
	}
	name := partialBegins + chance(8)
	if err := writeSynced(root, name, append(content, '\n')); err != nil {
		return err
	}
	// Another process may have made it meanwhile; its name stays.
	if err := root.Link(name, repositoryName); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := root.Remove(name); err != nil {
		return err
	}
	return syncFolder(root, ".")
}

// chance is a name that nothing else has: n bytes in hexadecimal digits.
func chance(n int) string {
	random := make([]byte, n)
	_, _ = rand.Read(random) // it never fails
	return hex.EncodeToString(random)
}

// Close gives the lock back.
func (r *Repository) Close() error {
	var err error
	if r.locked != nil {
		err = r.locked.Close()
	}
	for _, shard := range r.opened {
		err = errors.Join(err, shard.Close())
	}
	return errors.Join(err, r.root.Close())
}

// lock takes the repository's lock, for this process alone or shared with others that only read.
func (r *Repository) lock(exclusive bool) error {
	file, err := r.root.Open(repositoryName)
	if err != nil {
		return fmt.Errorf("lock the repository: %w", err)
	}
	got, err := patientLock(file, exclusive)
	if err != nil || !got {
		_ = file.Close() // only read
	}
	if err != nil {
		return fmt.Errorf("lock the repository: %w", err)
	}
	if !got {
		return refuse(RepositoryLocked, "another process is working in "+r.path, "wait until it has ended")
	}
	r.locked = file
	return nil
}

// lockPatience is longer than a process that was killed while it was starting pg_dump leaves its lock to the half-started one.
const lockPatience = 3 * time.Second

// patientLock tries for some time.
func patientLock(file *os.File, exclusive bool) (got bool, err error) {
	const pause = 20 * time.Millisecond
	for begun := time.Now(); ; time.Sleep(pause) {
		if got, err = filelock.Try(file, exclusive); got || err != nil || time.Since(begun) > lockPatience {
			return got, err
		}
	}
}

var idForm = regexp.MustCompile(`^[0-9]{8}T[0-9]{6}Z-[0-9a-f]{6}$`)

func validID(id string) bool { return idForm.MatchString(id) }

const idTime = "20060102T150405Z"

// newID begins with the time, or with that of the newest backup and a second: IDs are in the order of the backups, whatever the clock says. The caller
// has the lock.
func newID(ids []string, now time.Time) (string, error) {
	begins := now.UTC().Format(idTime)
	if len(ids) > 0 && begins <= ids[len(ids)-1][:len(idTime)] {
		newest, err := time.Parse(idTime, ids[len(ids)-1][:len(idTime)])
		if err != nil {
			return "", fmt.Errorf("find an ID behind %s: %w", ids[len(ids)-1], err)
		}
		begins = newest.Add(time.Second).Format(idTime)
	}
	return begins + "-" + chance(3), nil
}

// IDs are the backups that are whole, the oldest first.
func (r *Repository) IDs() ([]string, error) {
	entries, err := fs.ReadDir(r.root.FS(), backupsFolder)
	if err != nil {
		return nil, fmt.Errorf("list the backups: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && validID(entry.Name()) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// Backup is one that is in a repository.
type Backup struct {
	Manifest *Manifest
	// Sum is the manifest's SHA-256.
	Sum  string
	root *os.Root
	of   *Repository
}

// Open opens a backup; the newest when id is empty. Its errors: *NotFoundError, *DamagedError, *FormatError.
func (r *Repository) Open(id string) (*Backup, error) {
	ids, err := r.IDs()
	if err != nil {
		return nil, err
	}
	if id == "" && len(ids) > 0 {
		id = ids[len(ids)-1]
	}
	if !slices.Contains(ids, id) {
		return nil, &NotFoundError{Repository: r.path, ID: id}
	}
	root, err := r.root.OpenRoot(backupsFolder + "/" + id)
	if err != nil {
		return nil, fmt.Errorf("open the backup %s: %w", id, err)
	}
	b := &Backup{root: root, of: r}
	b.Manifest, b.Sum, err = readManifest(root)
	if err == nil && b.Manifest.ID != id {
		err = &DamagedError{Name: manifestName, What: "it is of the backup " + b.Manifest.ID}
	}
	if err != nil {
		_ = root.Close() // only read
		return nil, fmt.Errorf("open the backup %s: %w", id, err)
	}
	return b, nil
}

// Close closes the backup's folder.
func (b *Backup) Close() error { return b.root.Close() }

// removePartial removes what killed runs have left. The caller has the lock.
func (r *Repository) removePartial() error {
	entries, err := fs.ReadDir(r.root.FS(), backupsFolder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if !strings.HasPrefix(entry.Name(), partialBegins) {
			continue
		}
		// The pg_dump of a backup that was killed may still make files there.
		const attempts = 5
		for range attempts {
			if err = r.root.RemoveAll(backupsFolder + "/" + entry.Name()); err == nil {
				break
			}
		}
		if err != nil {
			return fmt.Errorf("remove what an unfinished backup has left: %w", err)
		}
	}
	return nil
}

// absolute is the path of something in the repository, for programs that open files by themselves.
func (r *Repository) absolute(name string) (string, error) {
	return filepath.Abs(filepath.Join(r.path, filepath.FromSlash(name)))
}
