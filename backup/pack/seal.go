package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"

	"filippo.io/age"
)

// What age adds to a content (https://age-encryption.org/v1, Payload): chunks of this size, each with a tag, in bytes.
const (
	chunk = 64 << 10
	tag   = 16
)

// Intro is how everything begins that age has encrypted.
const Intro = "age-encryption.org/v1\n"

// Seal encrypts a content for all recipients, each of whom can open it; with nil it stays as it is. A slice that is empty and not nil is an error,
// so that a list of recipients that was lost does not lay anything open.
func Seal(content []byte, recipients []age.Recipient) ([]byte, error) {
	var into bytes.Buffer
	err := seal(&into, content, recipients)
	return into.Bytes(), err
}

func seal(into io.Writer, content []byte, recipients []age.Recipient) error {
	if recipients == nil {
		_, err := into.Write(content)
		return err
	}
	encrypting, err := age.Encrypt(into, recipients...)
	if err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if _, err := encrypting.Write(content); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	if err := encrypting.Close(); err != nil {
		return fmt.Errorf("encrypt: %w", err)
	}
	return nil
}

// Open decrypts what Seal has made. With nil identities it stays as it is, unless it is encrypted. Its errors: *KeyError if no identity fits, *PassphraseError
// if the identity is a passphrase that is wrong, *DamagedError.
func Open(content []byte, identities []age.Identity) ([]byte, error) {
	if identities == nil && !bytes.HasPrefix(content, []byte(Intro)) {
		return content, nil
	}
	var into bytes.Buffer
	err := open(&into, content, identities)
	return into.Bytes(), err
}

// open writes nothing but what age has found to be authentic, and all of it or an error.
func open(into *bytes.Buffer, content []byte, identities []age.Identity) error {
	decrypting, err := Decrypt(bytes.NewReader(content), identities)
	if err != nil {
		return err
	}
	into.Grow(len(content) + bytes.MinRead) // one time for all
	_, err = into.ReadFrom(decrypting)
	return err
}

// Decrypt reads what age has encrypted. Its errors and those of reading are *KeyError, *PassphraseError and *DamagedError, and those of from as
// they are. What was read before an error is authentic, but not all.
func Decrypt(from io.Reader, identities []age.Identity) (io.Reader, error) {
	source := &remembering{from: from}
	if identities == nil {
		identities = []age.Identity{}
	}
	decrypting, err := age.Decrypt(source, keysFor(identities)...)
	if err != nil {
		return nil, source.explain(err, len(identities))
	}
	return &explaining{from: decrypting, source: source}, nil
}

// keysFor has one identity more than given, which fits nothing, since age takes none for an error of its own.
func keysFor(identities []age.Identity) []age.Identity {
	return append(slices.Clone(identities), noKey{})
}

type noKey struct{}

func (noKey) Unwrap([]*age.Stanza) ([]byte, error) { return nil, age.ErrIncorrectIdentity }

// remembering knows the error of a source, which is not damage.
type remembering struct {
	from io.Reader
	err  error
}

func (r *remembering) Read(into []byte) (int, error) {
	n, err := r.from.Read(into)
	if err != nil && !errors.Is(err, io.EOF) {
		r.err = err
	}
	return n, err
}

// explain tells age's errors apart, and shows nothing of keys.
func (r *remembering) explain(err error, given int) error {
	if r.err != nil {
		return r.err
	}
	noMatch, isKey := errors.AsType[*age.NoIdentityMatchError](err)
	switch {
	case !isKey:
		return &DamagedError{What: fmt.Sprintf("it cannot be decrypted: %.200s", err), Cause: err}
	case given > 0 && slices.Contains(noMatch.StanzaTypes, "scrypt"):
		return &PassphraseError{}
	}
	return &KeyError{Given: given}
}

// explaining reads what is decrypted.
type explaining struct {
	from   io.Reader
	source *remembering
}

func (e *explaining) Read(into []byte) (int, error) {
	n, err := e.from.Read(into)
	if err == nil || err == io.EOF { // a reader's end is that very value
		return n, err
	}
	return n, e.source.explain(err, 0)
}

// mostRecipients keeps to what age reads: no more than 1024 keys and 2 MiB before the content.
const mostRecipients = 500

// layout tells how much fits into a pack.
type layout struct {
	encrypted bool
	begins    int // bytes of age before the first chunk
}

func newLayout(recipients []age.Recipient) (layout, error) {
	if len(recipients) > mostRecipients {
		return layout{}, fmt.Errorf("there are %d recipients, and no more than %d are possible", len(recipients), mostRecipients)
	}
	empty, err := Seal(nil, recipients)
	if err != nil || recipients == nil {
		return layout{}, err
	}
	return layout{encrypted: true, begins: len(empty) - tag}, nil
}

// fits is how long a content may be that has so many bytes in the store.
func (l layout) fits(stored int) int {
	if !l.encrypted {
		return stored
	}
	payload := stored - l.begins
	chunks := (payload + chunk + tag - 1) / (chunk + tag)
	return payload - chunks*tag
}

// room is for the members of a pack, in whole blocks.
func (l layout) room() int { return (l.fits(Size) - archiveEnd) / block * block }

// padded is how long an archive is made, which has its end. No archive is longer than one that fits into Size.
func (l layout) padded(length int) int {
	if !l.encrypted {
		return length
	}
	for stored := step; ; stored += step {
		if padded := l.fits(stored); padded >= length {
			return padded
		}
	}
}
