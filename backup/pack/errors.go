package pack

import (
	"fmt"
	"strings"
)

// DamagedError says that something is not as it was stored.
type DamagedError struct {
	// Name is that of the pack, or of the file within packs; empty where only the caller knows it.
	Name string
	// What is wrong with it.
	What string
	// Cause may be nil; errors.Is(err, fs.ErrNotExist) if it is missing in the store.
	Cause error
}

// Error names it and says what is wrong.
func (e *DamagedError) Error() string {
	name := e.Name
	if name == "" {
		name = "it"
	}
	return name + " is damaged: " + e.What
}

// Unwrap gives the cause.
func (e *DamagedError) Unwrap() error { return e.Cause }

// KeyError says that none of the identities opens something that is encrypted.
type KeyError struct {
	// Name is that of the pack; empty where only the caller knows it.
	Name string
	// Given is how many identities were tried.
	Given int
}

// Error says whether an identity is missing or does not fit.
func (e *KeyError) Error() string {
	name := e.Name
	if name == "" {
		name = "it"
	}
	switch e.Given {
	case 0:
		return name + " is encrypted, and no key was given; give the identity that belongs to one of the recipients it is encrypted for"
	case 1:
		return name + " is encrypted for others: the identity that was given does not fit; give the one that belongs to one of its recipients"
	}
	return fmt.Sprintf("%s is encrypted for others: none of the %d identities that were given fits; give the one that belongs to one of its recipients", name, e.Given)
}

// PassphraseError says that a passphrase is wrong, or empty.
type PassphraseError struct{ Empty bool }

// Error does not show the passphrase.
func (e *PassphraseError) Error() string {
	if e.Empty {
		return "the passphrase is empty; give one that nobody guesses, such as six words drawn by dice"
	}
	return "the passphrase is wrong; give the one that was given when the key was made"
}

// RecipientError says that something is no recipient of age. It never shows what could be a secret.
type RecipientError struct {
	// Given is the recipient, or the file with recipients; empty if it could be a secret.
	Given string
	// What is wrong with it, and what to do.
	What string
}

// Error names the recipient or the file.
func (e *RecipientError) Error() string {
	if e.Given == "" {
		return "a recipient cannot be used: " + e.What
	}
	return fmt.Sprintf("the recipient %s cannot be used: %s", e.Given, e.What)
}

// IdentityError says that a file holds no identities of age. It never shows what is in the file.
type IdentityError struct {
	Path string
	// What is wrong with it, and what to do.
	What string
}

// Error names the file.
func (e *IdentityError) Error() string {
	return fmt.Sprintf("the identity file %s cannot be used: %s", e.Path, e.What)
}

// NameError says that a file cannot be put into a pack by its name.
type NameError struct{ Name, What string }

// Error names the file.
func (e *NameError) Error() string {
	return fmt.Sprintf("the name %.200q cannot be used: %s", e.Name, e.What)
}

// IncompleteError says of which files some parts came, and not all.
type IncompleteError struct{ Names []string }

// Error names some of them.
func (e *IncompleteError) Error() string {
	const most = 5
	shown := e.Names[:min(most, len(e.Names))]
	text := "parts are missing of " + strings.Join(shown, ", ")
	if more := len(e.Names) - len(shown); more > 0 {
		text += fmt.Sprintf(" and of %d more", more)
	}
	return text
}
