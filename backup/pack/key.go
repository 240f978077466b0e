package pack

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"filippo.io/age"
)

const (
	recipientBegins = "age1"
	identityBegins  = "AGE-SECRET-KEY-"
	armorBegins     = "-----BEGIN AGE ENCRYPTED FILE-----"
)

// longestKeyFile is how much of a file with keys is read, in bytes.
const longestKeyFile = 1 << 20

// Recipients reads for whom is encrypted: each text is a recipient (age1…), or the path of a file with one in each line (as `age -R` takes it; lines
// that are empty or begin with # say nothing). The error is a *RecipientError.
func Recipients(texts []string) ([]age.Recipient, error) {
	var all []age.Recipient
	for _, text := range texts {
		found, err := recipientsOf(text)
		if err != nil {
			return nil, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, &RecipientError{What: "there is none; make one with age-keygen"}
	}
	// Keys that withstand quantum computers and those that do not cannot be mixed; it is better to know that before anything is written.
	if _, err := newLayout(all); err != nil {
		return nil, &RecipientError{Given: strings.Join(texts, ", "), What: err.Error()}
	}
	return all, nil
}

func recipientsOf(text string) ([]age.Recipient, error) {
	if isSecret(text) {
		return nil, &RecipientError{What: "it is a private key, which others may have seen among the arguments by now; make a new pair of keys, and give the public one (age1…)"}
	}
	if strings.HasPrefix(text, recipientBegins) {
		found, err := age.ParseRecipients(strings.NewReader(text))
		if err != nil {
			return nil, &RecipientError{Given: text, What: "it is no public key of age; look whether it was copied whole"}
		}
		return found, nil
	}
	lines, err := keyLines(text)
	if err != nil {
		return nil, &RecipientError{Given: text, What: "it is neither a public key of age (age1…) nor a file that can be read: " + withoutPath(err).Error()}
	}
	var all []age.Recipient
	for _, line := range lines {
		found, err := age.ParseRecipients(strings.NewReader(line.text))
		if err != nil {
			return nil, &RecipientError{Given: text, What: recipientProblem(line)}
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, &RecipientError{Given: text, What: "the file has no public key of age (age1…)"}
	}
	return all, nil
}

func recipientProblem(line keyLine) string {
	if isSecret(line.text) {
		return fmt.Sprintf("its line %d is a private key, and it has to have public ones (age-keygen -y makes them of private ones)", line.number)
	}
	return fmt.Sprintf("its line %d is no public key of age (age1…)", line.number)
}

func isSecret(text string) bool { return strings.HasPrefix(strings.ToUpper(text), identityBegins) }

// Identities reads a file with private keys, as age-keygen writes it. The error is an *IdentityError, which shows nothing of the file.
func Identities(path string) ([]age.Identity, error) {
	lines, err := keyLines(path)
	if err != nil {
		return nil, &IdentityError{Path: path, What: withoutPath(err).Error()}
	}
	var all []age.Identity
	for _, line := range lines {
		if strings.HasPrefix(line.text, strings.TrimSpace(Intro)) || line.text == armorBegins {
			return nil, &IdentityError{Path: path, What: "it is encrypted itself; decrypt it (age -d) to where only you can read it"}
		}
		found, err := age.ParseIdentities(strings.NewReader(line.text))
		if err != nil {
			return nil, &IdentityError{Path: path, What: fmt.Sprintf("its line %d is no private key of age (AGE-SECRET-KEY-…)", line.number)}
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return nil, &IdentityError{Path: path, What: "it has no private key of age (AGE-SECRET-KEY-…)"}
	}
	return all, nil
}

// withoutPath is an error of a file whose path is told beside it.
func withoutPath(err error) error {
	if of, ok := errors.AsType[*os.PathError](err); ok {
		return of.Err
	}
	return err
}

type keyLine struct {
	number int // from 1
	text   string
}

// keyLines are the lines of a file that say something.
func keyLines(path string) ([]keyLine, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	content, err := io.ReadAll(io.LimitReader(file, longestKeyFile+1))
	if err != nil {
		return nil, err
	}
	if len(content) > longestKeyFile {
		return nil, fmt.Errorf("it has more than %d bytes", longestKeyFile)
	}
	var lines []keyLine
	for i, text := range strings.Split(string(content), "\n") {
		text = strings.TrimRight(text, "\r")
		if text != "" && !strings.HasPrefix(text, "#") {
			lines = append(lines, keyLine{number: i + 1, text: text})
		}
	}
	return lines, nil
}

// How much work a passphrase costs whoever tries one, as the binary logarithm of scrypt's N: 18 is age's own measure, and takes about a second and
// 256 MiB of memory. One that others have sealed with more than the most is refused, since it would need more than 1 GiB.
const (
	work     = 18
	mostWork = 20
)

// NewKey makes a key of age, and seals it by a passphrase: `age -d` gives a file as age-keygen writes it. The error is a *PassphraseError if it is empty.
func NewKey(passphrase []byte) (sealed []byte, identity *age.X25519Identity, err error) {
	return newKey(passphrase, work)
}

func newKey(passphrase []byte, work int) (sealed []byte, identity *age.X25519Identity, err error) {
	if len(passphrase) == 0 {
		return nil, nil, &PassphraseError{Empty: true}
	}
	if identity, err = age.GenerateX25519Identity(); err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	recipient.SetWorkFactor(work)
	text := fmt.Sprintf("# public key: %s\n%s\n", identity.Recipient(), identity)
	if sealed, err = Seal([]byte(text), []age.Recipient{recipient}); err != nil {
		return nil, nil, fmt.Errorf("make a key: %w", err)
	}
	return sealed, identity, nil
}

// OpenKey opens what NewKey has sealed. Its errors: *PassphraseError, *DamagedError.
func OpenKey(sealed, passphrase []byte) (*age.X25519Identity, error) {
	if len(passphrase) == 0 {
		return nil, &PassphraseError{Empty: true}
	}
	_, identity, err := Passphrase(passphrase)
	if err != nil {
		return nil, err
	}
	text, err := Open(sealed, []age.Identity{identity})
	if _, isOther := errors.AsType[*KeyError](err); isOther {
		return nil, &DamagedError{What: "it is not sealed by a passphrase"}
	}
	if err != nil {
		return nil, err
	}
	found, err := age.ParseIdentities(bytes.NewReader(text))
	if err != nil || len(found) != 1 {
		return nil, &DamagedError{What: "it does not hold one private key of age"}
	}
	key, isClassic := found[0].(*age.X25519Identity)
	if !isClassic {
		return nil, &DamagedError{What: "it holds a private key of another kind"}
	}
	return key, nil
}

// Passphrase is for what is encrypted by a passphrase alone: for whom, and by what it is opened. The error is a *PassphraseError if it is empty.
// Each encryption and each decryption takes about a second and 256 MiB of memory.
func Passphrase(passphrase []byte) (age.Recipient, age.Identity, error) {
	if len(passphrase) == 0 {
		return nil, nil, &PassphraseError{Empty: true}
	}
	recipient, err := age.NewScryptRecipient(string(passphrase))
	if err != nil {
		return nil, nil, fmt.Errorf("use the passphrase: %w", err)
	}
	recipient.SetWorkFactor(work)
	identity, err := age.NewScryptIdentity(string(passphrase))
	if err != nil {
		return nil, nil, fmt.Errorf("use the passphrase: %w", err)
	}
	identity.SetMaxWorkFactor(mostWork)
	return recipient, identity, nil
}
