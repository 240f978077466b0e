package backup

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"

	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/backup/store"
)

// MakePacked opens a repository to write to, and makes one of a store that is empty: an encrypted one if there are keys to encrypt with. One that
// is encrypted is refused without keys, and one that is not is refused with some.
func MakePacked(ctx context.Context, in store.Store, keys Keys) (*Packed, error) {
	p, err := OpenPacked(ctx, in, keys)
	if errors.Is(err, fs.ErrNotExist) {
		return makePacked(ctx, in, keys)
	}
	if err != nil {
		return nil, err
	}
	if p.described.Encrypted && !keys.Encrypt() {
		return nil, refuse(RepositoryEncrypted, in.String()+" is encrypted", "say for whom to encrypt this backup, as for those before: --encrypt or --passphrase-file")
	}
	return p, nil
}

// NotEncrypted is the refusal of keys for a repository that is not encrypted.
func NotEncrypted(repository string) error {
	return refuse(RepositoryNotEncrypted, repository+" is not encrypted, and a key is given",
		"make another repository to encrypt: what is in this one stays readable. To read it, leave the key out, if it is right that others could read and write it")
}

// makePacked writes the file by which it is a repository last.
func makePacked(ctx context.Context, in store.Store, keys Keys) (*Packed, error) {
	p := &Packed{store: in, keys: keys, described: description{Format: Format, ID: chance(8), Packed: true, Encrypted: keys.Encrypt()}}
	if err := p.empty(ctx); err != nil {
		return nil, err
	}
	if len(keys.Passphrase) > 0 {
		if err := p.makeKey(ctx); err != nil {
			return nil, err
		}
	}
	content, err := json.Marshal(p.described)
	if err != nil {
		return nil, err
	}
	err = in.Put(ctx, repositoryName, append(content, '\n'))
	if errors.Is(err, fs.ErrExist) { // another process has made it meanwhile
		return MakePacked(ctx, in, keys)
	}
	if err != nil {
		return nil, readOnly(in, err)
	}
	return p, nil
}

// empty refuses a store with anything in it but what a killed process has left that made a repository there.
func (p *Packed) empty(ctx context.Context) error {
	for file, err := range p.store.List(ctx, "") {
		if err != nil {
			return fmt.Errorf("look into %s: %w", p.store, err)
		}
		if file.Name != keyName && file.Name != lockName && file.Name != repositoryName {
			return refuse(TargetNotEmpty, p.store.String()+" holds other files and is no repository", "name an empty place, or one that is not there yet")
		}
	}
	return nil
}

// makeKey makes the repository's own key, or opens the one that a killed process has made.
func (p *Packed) makeKey(ctx context.Context) error {
	sealed, identity, err := pack.NewKey(p.keys.Passphrase)
	if err != nil {
		return fmt.Errorf("make the repository's key: %w", err)
	}
	err = p.store.Put(ctx, keyName, sealed)
	if errors.Is(err, fs.ErrExist) {
		return p.unlock(ctx)
	}
	if err != nil {
		return readOnly(p.store, err)
	}
	p.own(identity)
	return nil
}

// readOnly is about a first try to write.
func readOnly(in store.Store, err error) error {
	if !isDenied(err) {
		return fmt.Errorf("make the repository: %w", err)
	}
	return refuse(RepositoryReadOnly, fmt.Sprintf("the repository %s cannot be written to: %v", in, err), "look at the rights on it, and whether its file system is read-only")
}

func isDenied(err error) bool { return errors.Is(err, fs.ErrPermission) || isReadOnly(err) }
