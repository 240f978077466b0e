package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/backup/store"
)

// The names in a packed repository, besides those of a plain one.
const (
	keyName   = "key.age"
	packsName = "packs.json"
	lockName  = "lock.json"
	sealedEnd = ".age"
)

// mostIndex is how long packs.json or a manifest may be, in bytes: both are read into memory.
const mostIndex = 1 << 30

// Packed is a repository whose backups are in packs: files of at most 16 MiB with random names, encrypted if the repository is. Whoever has no key
// sees how much there is, and no names. It lies in a folder, or in a bucket of an S3 service.
type Packed struct {
	store     store.Store
	described description
	keys      Keys
}

// OpenPacked opens a repository that is there. Without keys its backups can be listed, removed, and looked at for damage. Its errors: fs.ErrNotExist,
// *DamagedError, *FormatError, and *RefusedError when the passphrase is wrong. The caller closes the store.
func OpenPacked(ctx context.Context, in store.Store, keys Keys) (*Packed, error) {
	p := &Packed{store: in, keys: keys}
	if err := p.describe(ctx); err != nil {
		return nil, err
	}
	if !p.described.Packed {
		return nil, refuse(RepositoryPlain, in.String()+" is a plain repository", "name a folder that is empty or not there, for a new one")
	}
	return p, p.unlock(ctx)
}

func (p *Packed) describe(ctx context.Context) error {
	content, err := p.read(ctx, repositoryName)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is no repository: it has no %s: %w", p.store, repositoryName, fs.ErrNotExist)
	}
	if err != nil {
		return fmt.Errorf("open the repository: %w", err)
	}
	p.described, err = parseDescription(content)
	return err
}

// read gives the content of a file in the store.
func (p *Packed) read(ctx context.Context, name string) (content []byte, err error) {
	file, err := p.store.Get(ctx, name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	content, err = io.ReadAll(io.LimitReader(file, mostIndex+1))
	if len(content) > mostIndex {
		return nil, &DamagedError{Name: name, What: "it is too long"}
	}
	return content, err
}

// unlock opens the repository's own key by the passphrase, if there is one. Whoever gives a key expects that others cannot read the repository, or
// have not written it.
func (p *Packed) unlock(ctx context.Context) error {
	if !p.described.Encrypted && (p.keys.Encrypt() || len(p.keys.Identities) > 0) {
		return NotEncrypted(p.store.String())
	}
	if len(p.keys.Passphrase) == 0 {
		return nil
	}
	sealed, err := p.read(ctx, keyName)
	if errors.Is(err, fs.ErrNotExist) {
		return refuse(PassphraseUnused, fmt.Sprintf("%s has no key that a passphrase opens", p.store), "it is encrypted for the keys that --encrypt named; give --identity to read")
	}
	if err != nil {
		return fmt.Errorf("read the repository's key: %w", err)
	}
	identity, err := pack.OpenKey(sealed, p.keys.Passphrase)
	if _, isWrong := errors.AsType[*pack.PassphraseError](err); isWrong {
		return refuse(PassphraseWrong, "the passphrase does not open the key of "+p.store.String(), "look for the one that the repository was made with")
	}
	if err != nil {
		return &DamagedError{Name: keyName, What: err.Error()}
	}
	p.own(identity)
	return nil
}

// own is the repository's own key.
func (p *Packed) own(identity *age.X25519Identity) {
	p.keys.Recipients = append(slices.Clip(p.keys.Recipients), identity.Recipient())
	p.keys.Identities = append(slices.Clip(p.keys.Identities), identity)
}

// packList is the content of packs.json: what a backup consists of, as it lies in the store. It is not encrypted.
type packList struct {
	Format   int         `json:"format"`
	ID       string      `json:"id"`
	Created  time.Time   `json:"created"`
	Manifest pack.Pack   `json:"manifest"`
	Packs    []pack.Pack `json:"packs"`
}

// below is the name of a file of a backup.
func below(id, name string) string { return backupsFolder + "/" + id + "/" + name }

// IDs are the backups that are whole, the oldest first.
func (p *Packed) IDs(ctx context.Context) ([]string, error) {
	var ids []string
	for file, err := range p.store.List(ctx, backupsFolder+"/") {
		if err != nil {
			return nil, fmt.Errorf("list the backups: %w", err)
		}
		id, isPacks := strings.CutSuffix(strings.TrimPrefix(file.Name, backupsFolder+"/"), "/"+packsName)
		if isPacks && validID(id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// packs reads packs.json.
func (p *Packed) packs(ctx context.Context, id string) (*packList, error) {
	content, err := p.read(ctx, below(id, packsName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &NotFoundError{Repository: p.store.String(), ID: id}
	}
	if err != nil {
		return nil, fmt.Errorf("open the backup %s: %w", id, err)
	}
	list, err := parsePacks(content, id)
	if err != nil {
		return nil, fmt.Errorf("open the backup %s: %w", id, err)
	}
	return list, nil
}

// parsePacks refuses names that lead elsewhere, whoever wrote them.
func parsePacks(content []byte, id string) (*packList, error) {
	list := &packList{}
	if err := json.Unmarshal(content, list); err != nil {
		return nil, &DamagedError{Name: packsName, What: "it is not JSON: " + err.Error()}
	}
	if list.Format != Format {
		return nil, &FormatError{Name: packsName, Format: list.Format}
	}
	if list.ID != id || list.Manifest.Name != below(id, manifestName) && list.Manifest.Name != below(id, manifestName+sealedEnd) {
		return nil, &DamagedError{Name: packsName, What: "it is of another backup"}
	}
	for _, one := range list.Packs {
		if err := one.Check(); err != nil {
			return nil, &DamagedError{Name: packsName, What: err.Error()}
		}
	}
	return list, nil
}

// PackedSummary is what can be told of a backup without a key.
type PackedSummary struct {
	ID      string
	Created time.Time
	// Packs is how many it has, and Bytes what lies in the store of it, packs that it shares with others included.
	Packs int
	Bytes int64
}

// Summary reads it. Its errors: *NotFoundError, *DamagedError, *FormatError.
func (p *Packed) Summary(ctx context.Context, id string) (*PackedSummary, error) {
	list, err := p.packs(ctx, id)
	if err != nil {
		return nil, err
	}
	summary := &PackedSummary{ID: id, Created: list.Created, Packs: len(list.Packs), Bytes: list.Manifest.Size}
	for _, one := range list.Packs {
		summary.Bytes += one.Size
	}
	return summary, nil
}

// PackedBackup is one that is in a packed repository.
type PackedBackup struct {
	Manifest *Manifest
	// Sum is the manifest's SHA-256, as it was before it was encrypted.
	Sum     string
	content []byte // of the manifest
	list    *packList
}

// CanRead reports whether there is any key with which manifests might be read, or none is needed.
func (p *Packed) CanRead() bool { return !p.described.Encrypted || len(p.keys.Identities) > 0 }

// Open reads the manifest of a backup; of the newest one when id is empty. Its errors: *NotFoundError, *DamagedError, *FormatError, *RefusedError without a
// key that fits.
func (p *Packed) Open(ctx context.Context, id string) (*PackedBackup, error) {
	id, err := p.find(ctx, id)
	if err != nil {
		return nil, err
	}
	list, err := p.packs(ctx, id)
	if err != nil {
		return nil, err
	}
	b := &PackedBackup{list: list}
	if b.content, err = p.manifest(ctx, list); err == nil {
		b.Sum = sum(b.content)
		b.Manifest, err = parseManifest(b.content)
	}
	if err == nil {
		err = b.check()
	}
	if err != nil {
		return nil, fmt.Errorf("open the backup %s: %w", id, err)
	}
	return b, nil
}

// find gives the newest backup's ID when there is none.
func (p *Packed) find(ctx context.Context, id string) (string, error) {
	if id != "" && !validID(id) {
		return "", &NotFoundError{Repository: p.store.String(), ID: id}
	}
	if id != "" {
		return id, nil
	}
	ids, err := p.IDs(ctx)
	if err == nil && len(ids) == 0 {
		err = &NotFoundError{Repository: p.store.String()}
	}
	if err != nil {
		return "", err
	}
	return ids[len(ids)-1], nil
}

// manifest reads and decrypts it.
func (p *Packed) manifest(ctx context.Context, list *packList) ([]byte, error) {
	if p.described.Encrypted && len(p.keys.Identities) == 0 {
		return nil, refuse(IdentityMissing, p.store.String()+" is encrypted", "give the key: --identity FILE or --passphrase-file FILE")
	}
	content, err := p.read(ctx, list.Manifest.Name)
	if err := judge(stored(list.Manifest), storedAs(list.Manifest.Name, content), err); err != nil {
		return nil, err
	}
	if !p.described.Encrypted {
		return content, nil
	}
	opened, err := pack.Open(content, p.keys.Identities)
	return opened, unsealed(list.Manifest.Name, err)
}

func stored(of pack.Pack) Stored { return Stored{Name: of.Name, Size: of.Size, SHA256: of.SHA256} }

func storedAs(name string, content []byte) Stored {
	return Stored{Name: name, Size: int64(len(content)), SHA256: sum(content)}
}

// unsealed gives errors of decrypting the types of this package.
func unsealed(name string, err error) error {
	var key *pack.KeyError
	var damaged *pack.DamagedError
	switch {
	case errors.As(err, &key):
		return refuse(IdentityWrong, "the key that is given does not open "+name, "give the one that belongs to the recipient for whom the backup was encrypted")
	case errors.As(err, &damaged):
		return &DamagedError{Name: name, What: damaged.What}
	}
	return err
}

// check refuses a manifest of another backup, and places behind the last pack.
func (b *PackedBackup) check() error {
	if b.Manifest.ID != b.list.ID {
		return &DamagedError{Name: manifestName, What: "it is of the backup " + b.Manifest.ID}
	}
	for _, one := range b.Manifest.stored() {
		if err := b.placed(one.Name, one.Packs); err != nil {
			return err
		}
	}
	return nil
}

func (b *PackedBackup) placed(name string, places []int) error {
	for _, place := range places {
		if place < 0 || place >= len(b.list.Packs) {
			return &DamagedError{Name: packsName, What: fmt.Sprintf("%s is in the pack with number %d, and there are %d", name, place, len(b.list.Packs))}
		}
	}
	return nil
}
