package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/store"
)

// Read gives out what a pack holds, one after the other; part 0 is the whole file, and parts are counted from 1. Nothing is given out before all of the pack is
// found to be as it was stored, by its size and sum, by age if it is encrypted, and to hold regular files alone, whose names stay below a folder.
// With nil identities the pack is not encrypted; with others, it has to be. A content is valid as long as take has not returned.
//
// Its errors: *DamagedError (also if it is missing), *KeyError, *PassphraseError, those of the store and of take.
func Read(ctx context.Context, from store.Store, one Pack, identities []age.Identity, take func(member string, part int, content []byte) error) error {
	found, err := new(buffers).read(ctx, from, one, identities)
	if err != nil {
		return err
	}
	for _, member := range found {
		if err := context.Cause(ctx); err != nil {
			return err
		}
		if err := take(member.Name, member.Part, member.Content); err != nil {
			return err
		}
	}
	return nil
}

// Verify reads a pack and compares its size and sum, for which no key is needed. Its errors: *DamagedError (also if it is missing), and those of the store.
func Verify(ctx context.Context, from store.Store, one Pack) error {
	if err := one.Check(); err != nil {
		return err
	}
	return fetch(ctx, from, one, io.Discard)
}

// buffers are what reading a pack needs, and can be used again.
type buffers struct{ stored, opened bytes.Buffer }

func (b *buffers) read(ctx context.Context, from store.Store, one Pack, identities []age.Identity) ([]Member, error) {
	if err := one.Check(); err != nil {
		return nil, err
	}
	b.stored.Reset()
	b.stored.Grow(int(one.Size) + bytes.MinRead)
	if err := fetch(ctx, from, one, &b.stored); err != nil {
		return nil, err
	}
	archive, err := b.open(identities)
	if err != nil {
		return nil, named(err, one.Name)
	}
	found, err := members(archive)
	if err != nil {
		return nil, &DamagedError{Name: one.Name, What: err.Error(), Cause: err}
	}
	return found, nil
}

// open decrypts what was stored. That something is not encrypted which should be is damage: whoever writes to the store could have put it there.
func (b *buffers) open(identities []age.Identity) ([]byte, error) {
	if identities == nil && !bytes.HasPrefix(b.stored.Bytes(), []byte(Intro)) {
		return b.stored.Bytes(), nil
	}
	b.opened.Reset()
	err := open(&b.opened, b.stored.Bytes(), identities)
	return b.opened.Bytes(), err
}

// named gives an error the name of what it is about.
func named(err error, name string) error {
	if damaged, ok := errors.AsType[*DamagedError](err); ok {
		return &DamagedError{Name: name, What: damaged.What, Cause: damaged.Cause}
	}
	if key, ok := errors.AsType[*KeyError](err); ok {
		return &KeyError{Name: name, Given: key.Given}
	}
	return fmt.Errorf("open %s: %w", name, err)
}

// fetch copies a pack from the store, and compares its size and sum.
func fetch(ctx context.Context, from store.Store, one Pack, into io.Writer) (err error) {
	size, sum := int64(0), sha256.New()
	body, err := from.Get(ctx, one.Name)
	if err == nil {
		// One byte more than it has to have: more than that need not be read to know that it is damaged.
		limited := io.LimitReader(&reading{ctx: ctx, from: body}, one.Size+1)
		size, err = io.Copy(io.MultiWriter(into, sum), limited)
		err = errors.Join(err, body.Close())
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return &DamagedError{Name: one.Name, What: "it is missing", Cause: err}
	case err != nil:
		return fmt.Errorf("read %s: %w", one.Name, err)
	case size > one.Size:
		return &DamagedError{Name: one.Name, What: fmt.Sprintf("it has more than %d bytes", one.Size)}
	case size < one.Size:
		return &DamagedError{Name: one.Name, What: fmt.Sprintf("it has %d bytes, and had %d", size, one.Size)}
	case hex.EncodeToString(sum.Sum(nil)) != one.SHA256:
		return &DamagedError{Name: one.Name, What: "its SHA-256 has changed"}
	}
	return nil
}
