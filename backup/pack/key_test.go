package pack

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"
)

// fewWork is for tests: a passphrase takes no time.
const fewWork = 2

func newIdentity(t testing.TB) *age.X25519Identity {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return identity
}

func written(t testing.TB, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys.txt")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRecipientsAreRead(t *testing.T) {
	t.Parallel()
	one, two := newIdentity(t), newIdentity(t)
	file := written(t, "# ours\n\n"+one.Recipient().String()+"\r\n"+two.Recipient().String())
	for _, given := range [][]string{{one.Recipient().String(), two.Recipient().String()}, {file}, {two.Recipient().String(), file}} {
		recipients, err := Recipients(given)
		if err != nil {
			t.Fatal(err)
		}
		sealed, err := Seal([]byte("it"), recipients)
		if err != nil {
			t.Fatal(err)
		}
		for _, identity := range []age.Identity{one, two} {
			if opened, err := Open(sealed, []age.Identity{identity}); err != nil || string(opened) != "it" {
				t.Errorf("%q, %v", opened, err)
			}
		}
	}
}

func TestRecipientsThatAreNone(t *testing.T) {
	t.Parallel()
	secret, public := newIdentity(t), newIdentity(t).Recipient().String()
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	for says, given := range map[string][]string{
		"there is none":               {},
		"copied whole":                {public[:len(public)-1]},
		"it is a private key":         {secret.String()},
		"seen among the arguments":    {strings.ToLower(secret.String())},
		"no such file":                {filepath.Join(t.TempDir(), "none")},
		"has no public key":           {written(t, "# nothing\n")},
		"its line 2 is a private key": {written(t, public+"\n"+secret.String()+"\n")},
		"line 1 is no public key":     {written(t, "ssh-ed25519 AAAA me\n")},
		"more than 1048576 bytes":     {written(t, strings.Repeat("#", longestKeyFile+1))},
		"can't mix":                   {public, hybrid.Recipient().String()},
	} {
		_, err := Recipients(given)
		if _, ok := errors.AsType[*RecipientError](err); !ok || !strings.Contains(err.Error(), says) {
			t.Errorf("want %q: %v", says, err)
		}
		withoutSecret(t, err, secret)
	}
}

func withoutSecret(t testing.TB, err error, identity *age.X25519Identity) {
	t.Helper()
	if err != nil && strings.Contains(strings.ToUpper(err.Error()), identity.String()[len(identityBegins)+1:][:8]) {
		t.Errorf("the error shows the key: %v", err)
	}
}

func TestIdentitiesAreRead(t *testing.T) {
	t.Parallel()
	one, two := newIdentity(t), newIdentity(t)
	identities, err := Identities(written(t, "# created: today\n# public key: "+one.Recipient().String()+"\n"+one.String()+"\n\n"+two.String()+"\n"))
	if err != nil || len(identities) != 2 {
		t.Fatal(err)
	}
	sealed, err := Seal([]byte("it"), []age.Recipient{two.Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	if opened, err := Open(sealed, identities); err != nil || string(opened) != "it" {
		t.Errorf("%q, %v", opened, err)
	}
}

func TestIdentitiesThatAreNone(t *testing.T) {
	t.Parallel()
	secret := newIdentity(t)
	sealed, err := Seal([]byte("it"), []age.Recipient{secret.Recipient()})
	if err != nil {
		t.Fatal(err)
	}
	for says, path := range map[string]string{
		"no such file":              filepath.Join(t.TempDir(), "none"),
		"it has no private key":     written(t, "\n# nothing\n"),
		"line 2 is no private key":  written(t, "\n"+secret.String()[:40]+"\n"),
		"line 1 is no private key":  written(t, "hunter2\n"),
		"its line 1 is no private ": written(t, secret.Recipient().String()),
		"it is encrypted itself":    written(t, string(sealed)),
		"is encrypted itself; decr": written(t, armorBegins+"\nYWdl\n"),
	} {
		_, err := Identities(path)
		if _, ok := errors.AsType[*IdentityError](err); !ok || !strings.Contains(err.Error(), says) || !strings.Contains(err.Error(), path) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("want %q: %v", says, err)
		}
		withoutSecret(t, err, secret)
	}
}

func TestAKeyIsSealedByAPassphrase(t *testing.T) {
	t.Parallel()
	passphrase := []byte("correct horse battery staple")
	sealed, identity, err := newKey(passphrase, fewWork)
	if err != nil {
		t.Fatal(err)
	}
	opened, err := OpenKey(sealed, passphrase)
	if err != nil || opened.String() != identity.String() {
		t.Error(err)
	}
	for _, wrong := range []string{"correct horse battery stapl", "correct horse battery staple\n", ""} {
		_, err := OpenKey(sealed, []byte(wrong))
		if found, ok := errors.AsType[*PassphraseError](err); !ok || found.Empty != (wrong == "") || strings.Contains(err.Error(), "horse") {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, _, err := NewKey(nil); err == nil {
		t.Error("a key was sealed by nothing")
	}
}

// As strong as it is for an operator, once: what age's own program makes and reads.
func TestAKeyIsSealedAsAgeSealsIt(t *testing.T) {
	t.Parallel()
	sealed, identity, err := NewKey([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(sealed[:100]), " 18\n") {
		t.Errorf("the work is another: %q", sealed[:100])
	}
	key, err := age.NewScryptIdentity("x")
	if err != nil {
		t.Fatal(err)
	}
	reader, err := Decrypt(strings.NewReader(string(sealed)), []age.Identity{key})
	if err != nil {
		t.Fatal(err)
	}
	found, err := age.ParseIdentities(reader)
	if err != nil || len(found) != 1 || found[0].(*age.X25519Identity).String() != identity.String() {
		t.Error(err)
	}
}

func TestSealedKeysThatAreNone(t *testing.T) {
	t.Parallel()
	passphrase := []byte("x")
	recipient, err := age.NewScryptRecipient("x")
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(fewWork)
	hybrid, err := age.GenerateHybridIdentity()
	if err != nil {
		t.Fatal(err)
	}
	sealed := func(text string, to age.Recipient) []byte {
		content, err := Seal([]byte(text), []age.Recipient{to})
		if err != nil {
			t.Fatal(err)
		}
		return content
	}
	good := sealed(newIdentity(t).String(), recipient)
	costly := []byte(strings.Replace(string(good), " 2\n", " 21\n", 1))
	for says, content := range map[string][]byte{
		"is not sealed by a pass": sealed("x", newIdentity(t).Recipient()),
		"does not hold one priva": sealed("hunter2", recipient),
		"not hold one private":    sealed(newIdentity(t).String()+"\n"+newIdentity(t).String(), recipient),
		"of another kind":         sealed(hybrid.String(), recipient),
		"cannot be decrypted":     good[:len(good)-1],
		"it cannot be decrypted":  nil,
		"work factor too large":   costly,
	} {
		_, err := OpenKey(content, passphrase)
		damaged(t, err, says)
	}
}

func TestSealWithoutRecipientsLeavesItAsItIs(t *testing.T) {
	t.Parallel()
	sealed, err := Seal([]byte("it"), nil)
	if err != nil || string(sealed) != "it" {
		t.Errorf("%q, %v", sealed, err)
	}
	if opened, err := Open(sealed, nil); err != nil || string(opened) != "it" {
		t.Errorf("%q, %v", opened, err)
	}
	recipients, identities := newKeys(t)
	_, err = Open(sealed, identities)
	damaged(t, err, "cannot be decrypted")
	if sealed, err = Seal([]byte("it"), recipients); err != nil {
		t.Fatal(err)
	}
	if _, err = Open(sealed, nil); errors.Is(err, nil) || !strings.Contains(err.Error(), "no key was given") {
		t.Error(err)
	}
}

func TestDecryptTellsTheSourcesErrorsFromDamage(t *testing.T) {
	t.Parallel()
	recipients, identities := newKeys(t)
	sealed, err := Seal(make([]byte, 3*chunk), recipients)
	if err != nil {
		t.Fatal(err)
	}
	for _, at := range []int{0, 10, 150, 1000, 2 * chunk, len(sealed)} {
		for _, lost := range []error{errors.New("the line is cut"), io.ErrUnexpectedEOF} {
			reader, err := Decrypt(io.MultiReader(strings.NewReader(string(sealed[:at])), iotest.ErrReader(lost)), identities)
			if err == nil {
				_, err = io.ReadAll(reader)
			}
			if _, isDamage := errors.AsType[*DamagedError](err); isDamage || !errors.Is(err, lost) {
				t.Errorf("cut at %d: %v", at, err)
			}
		}
		reader, err := Decrypt(strings.NewReader(string(sealed[:at])), identities)
		if err == nil {
			_, err = io.ReadAll(reader)
		}
		if at < len(sealed) {
			damaged(t, err, "cannot be decrypted")
		} else if err != nil {
			t.Error(err)
		}
	}
}

func TestPassphraseForWhatIsEncryptedByItAlone(t *testing.T) {
	t.Parallel()
	_, identity, err := Passphrase([]byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	recipient, err := age.NewScryptRecipient("y")
	if err != nil {
		t.Fatal(err)
	}
	recipient.SetWorkFactor(fewWork)
	sealed, err := Seal([]byte("it"), []age.Recipient{recipient})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(sealed, []age.Identity{identity}); !errors.As(err, new(*PassphraseError)) {
		t.Error(err)
	}
	recipients, identities := newKeys(t)
	if _, err := Open(sealed, identities); !errors.As(err, new(*PassphraseError)) {
		t.Error(err)
	}
	if sealed, err = Seal([]byte("it"), recipients); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(sealed, []age.Identity{identity}); !errors.As(err, new(*KeyError)) {
		t.Error(err)
	}
	if _, _, err := Passphrase(nil); !errors.As(err, new(*PassphraseError)) {
		t.Error(err)
	}
}
