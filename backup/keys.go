package backup

import (
	"errors"
	"fmt"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/pack"
)

// Keys encrypt and decrypt. A repository never names whom to encrypt for: whoever can write to it could add somebody.
type Keys struct {
	// Recipients can decrypt the backups that are made.
	Recipients []age.Recipient
	// Identities decrypt.
	Identities []age.Identity
	// Passphrase opens the repository's own key; empty is none.
	Passphrase []byte
}

// Encrypt reports whether there is anything to encrypt with.
func (k Keys) Encrypt() bool { return len(k.Recipients) > 0 || len(k.Passphrase) > 0 }

// ReadKeys reads recipients of age (age1…) or files with such, and files with identities. It refuses with *RefusedError, which shows nothing of a file.
func ReadKeys(recipients, identityFiles []string, passphrase []byte) (Keys, error) {
	keys := Keys{Passphrase: passphrase}
	if len(recipients) > 0 {
		found, err := pack.Recipients(recipients)
		if err != nil {
			return Keys{}, refuse(RecipientInvalid, err.Error(), "give the public key that age-keygen shows, or a file with one in each line")
		}
		keys.Recipients = found
	}
	for _, path := range identityFiles {
		found, err := pack.Identities(path)
		if err != nil {
			return Keys{}, refuse(IdentityInvalid, err.Error(), "give a file as age-keygen writes it")
		}
		keys.Identities = append(keys.Identities, found...)
	}
	return keys, nil
}

// ForStream are those for whom a stream is encrypted: recipients, or whoever knows the passphrase; nil is nobody. Age allows no mixture.
func (k Keys) ForStream() ([]age.Recipient, error) {
	switch {
	case len(k.Recipients) > 0 && len(k.Passphrase) > 0:
		return nil, refuse(RecipientInvalid, "a stream cannot be encrypted for a recipient and by a passphrase at once", "give one of them")
	case len(k.Passphrase) == 0:
		return k.Recipients, nil
	}
	recipient, _, err := pack.Passphrase(k.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("encrypt the stream: %w", err)
	}
	return []age.Recipient{recipient}, nil
}

// OfStream are those that open a stream.
func (k Keys) OfStream() ([]age.Identity, error) {
	if len(k.Passphrase) == 0 {
		return k.Identities, nil
	}
	if len(k.Identities) > 0 {
		return nil, errors.New("a stream is opened by an identity or a passphrase; give one of them")
	}
	_, identity, err := pack.Passphrase(k.Passphrase)
	if err != nil {
		return nil, fmt.Errorf("decrypt the stream: %w", err)
	}
	return []age.Identity{identity}, nil
}
