package pack

import (
	"errors"
	"path/filepath"
	"testing"

	"filippo.io/age"
)

// Whatever lies in a store is taken whole or is said to be damaged, and no name leads out.
func FuzzRead(f *testing.F) {
	for _, archive := range tampered(f) {
		f.Add(archive)
	}
	f.Add(archiveOf(f, file{"a", []byte("a")}, file{"b/c.part-000001", nil}))
	f.Fuzz(func(t *testing.T, content []byte) {
		to := newMemory()
		taken := 0
		err := Read(t.Context(), to, described(to, content), nil, func(name string, part int, _ []byte) error {
			taken++
			if !filepath.IsLocal(name) || part < 0 || part > mostParts {
				t.Errorf("part %d of %q", part, name)
			}
			return nil
		})
		_, isDamage := errors.AsType[*DamagedError](err)
		_, isEncrypted := errors.AsType[*KeyError](err)
		if err != nil && (taken > 0 || !isDamage && !isEncrypted) {
			t.Errorf("%d members were given out: %v", taken, err)
		}
	})
}

// Of what is encrypted, nothing comes out that nobody has put in.
func FuzzOpen(f *testing.F) {
	const key = "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX"
	identity, err := age.ParseX25519Identity(key)
	if err != nil {
		f.Fatal(err)
	}
	sealed, err := Seal([]byte("it"), []age.Recipient{identity.Recipient()})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sealed)
	f.Add(sealed[:len(sealed)-1])
	f.Fuzz(func(t *testing.T, content []byte) {
		opened, err := Open(content, []age.Identity{identity})
		if err == nil && string(opened) != "it" && string(content[:len(Intro)]) != Intro {
			t.Errorf("%q", opened)
		}
		_, isDamage := errors.AsType[*DamagedError](err)
		_, isKey := errors.AsType[*KeyError](err)
		_, isPassphrase := errors.AsType[*PassphraseError](err)
		if err != nil && !isDamage && !isKey && !isPassphrase {
			t.Error(err)
		}
	})
}
