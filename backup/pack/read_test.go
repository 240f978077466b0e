package pack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"
	"testing/iotest"

	"filippo.io/age"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// refusing is for packs of which nothing may be given out.
func refusing(t testing.TB) func(string, int, []byte) error {
	t.Helper()
	return func(name string, part int, content []byte) error {
		t.Errorf("%s, part %d, %d bytes were given out", name, part, len(content))
		return nil
	}
}

// described is a pack with any content, which is put into a store.
func described(in *memory, content []byte) Pack {
	sum := sha256.Sum256(content)
	one := Pack{Name: newName(), Size: int64(len(content)), SHA256: hex.EncodeToString(sum[:])}
	in.files[one.Name] = content
	return one
}

func TestDamageIsFound(t *testing.T) {
	t.Parallel()
	chance := chance(t)
	for _, encrypted := range []bool{true, false} {
		recipients, identities := newKeys(t)
		if !encrypted {
			recipients, identities = nil, nil
		}
		to := newMemory()
		packs, _ := packed(t, to, recipients, []file{{"a", random(chance, 3*block)}, {"b", random(chance, Size)}})
		one, other := packs[0], packs[1]
		whole, there := to.files[one.Name], to.files[other.Name]
		for range dbtest.Rounds(t, 5) {
			flipped := bytes.Clone(whole)
			at := chance.IntN(len(flipped))
			flipped[at] ^= 1 << chance.IntN(8)
			broken(t, to, one, identities, flipped, "its SHA-256 has changed")
			broken(t, to, one, identities, whole[:chance.IntN(len(whole))], "and had")
		}
		broken(t, to, one, identities, append(bytes.Clone(whole), 0), "it has more than")
		broken(t, to, one, identities, nil, "it has 0 bytes")
		broken(t, to, one, identities, there, "")
		delete(to.files, one.Name)
		for _, err := range []error{Read(t.Context(), to, one, identities, refusing(t)), Verify(t.Context(), to, one)} {
			damaged(t, err, one.Name)
			if !errors.Is(err, fs.ErrNotExist) {
				t.Error(err)
			}
		}
	}
}

// broken looks that a pack with another content is found to be damaged, with a key and without.
func broken(t *testing.T, in *memory, one Pack, identities []age.Identity, content []byte, says string) {
	t.Helper()
	in.files[one.Name] = content
	for _, err := range []error{Read(t.Context(), in, one, identities, refusing(t)), Verify(t.Context(), in, one)} {
		damaged(t, err, one.Name)
		damaged(t, err, says)
	}
}

// Whoever can write to the store can give the sums of what was changed; age finds it nevertheless.
func TestDamageWithRightSumsIsFoundByAge(t *testing.T) {
	t.Parallel()
	chance := chance(t)
	recipients, identities := newKeys(t)
	to := newMemory()
	packs, _ := packed(t, to, recipients, []file{{"a", random(chance, 3<<20)}})
	whole := to.files[packs[0].Name]
	for range dbtest.Rounds(t, 20) {
		changed := bytes.Clone(whole)
		changed[chance.IntN(len(changed))] ^= 1 << chance.IntN(8)
		if chance.IntN(4) == 0 {
			changed = whole[:1+chance.IntN(len(whole)-1)]
		}
		if err := Read(t.Context(), to, described(to, changed), identities, refusing(t)); err == nil {
			t.Error("it was taken for whole")
		}
	}
	// Whatever else is wrong with keys, the beginning of the content says nothing of them.
	changed := bytes.Clone(whole)
	changed[len(changed)/2] ^= 1
	damaged(t, Read(t.Context(), to, described(to, changed), identities, refusing(t)), "cannot be decrypted")
	plain := described(to, archiveOf(t, file{"a", []byte("x")}))
	damaged(t, Read(t.Context(), to, plain, identities, refusing(t)), "cannot be decrypted")
}

func TestKeysThatDoNotFit(t *testing.T) {
	t.Parallel()
	recipients, identities := newKeys(t)
	_, others := newKeys(t)
	_, more := newKeys(t)
	to := newMemory()
	packs, _ := packed(t, to, recipients, []file{{"a", []byte("x")}})
	for says, given := range map[string][]age.Identity{
		"does not fit": others, "none of the 2": slices.Concat(others, more), "no key was given": nil, "and no key was given": {},
	} {
		err := Read(t.Context(), to, packs[0], given, refusing(t))
		if found, ok := errors.AsType[*KeyError](err); !ok || !strings.Contains(err.Error(), says) || found.Name != packs[0].Name {
			t.Errorf("%d keys: %v", len(given), err)
		}
		if err != nil && strings.Contains(err.Error(), "AGE-SECRET") {
			t.Error(err)
		}
	}
	both := slices.Concat(others, identities)
	if err := Read(t.Context(), to, packs[0], both, func(string, int, []byte) error { return nil }); err != nil {
		t.Error(err)
	}
}

func TestDescriptionsThatAreNoPacks(t *testing.T) {
	t.Parallel()
	sum := strings.Repeat("0", 64)
	good := newName()
	for says, one := range map[string]Pack{
		"not the name":       {Name: "../" + good, Size: 1, SHA256: sum},
		"is not the name":    {Name: "packs/00/" + strings.Repeat("1", 32), Size: 1, SHA256: sum},
		"the name of":        {Name: "manifest.json", Size: 1, SHA256: sum},
		"0 bytes":            {Name: good, Size: 0, SHA256: sum},
		"-1 bytes":           {Name: good, Size: -1, SHA256: sum},
		"16777217 bytes":     {Name: good, Size: Size + 1, SHA256: sum},
		"SHA-256 is none":    {Name: good, Size: 1, SHA256: "x" + sum[1:]},
		"its SHA-256 is non": {Name: good, Size: 1},
	} {
		for _, err := range []error{one.Check(), Verify(t.Context(), newMemory(), one), Read(t.Context(), newMemory(), one, nil, refusing(t))} {
			damaged(t, err, says)
		}
	}
}

// failing is a store whose files end with an error.
type failing struct {
	*memory

	err error
}

func (f *failing) Get(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(io.MultiReader(strings.NewReader("half"), iotest.ErrReader(f.err))), nil
}

func TestAStoreThatFailsIsNoDamage(t *testing.T) {
	t.Parallel()
	one := described(newMemory(), []byte("halfhalf"))
	for _, lost := range []error{errors.New("the line is cut"), io.ErrUnexpectedEOF} {
		err := Read(t.Context(), &failing{newMemory(), lost}, one, nil, refusing(t))
		if _, isDamage := errors.AsType[*DamagedError](err); isDamage || !errors.Is(err, lost) {
			t.Error(err)
		}
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	to := newMemory()
	if err := Read(ctx, to, described(to, []byte("x")), nil, refusing(t)); !errors.Is(err, stopped) {
		t.Error(err)
	}
	missing := described(newMemory(), []byte("halfhalf"))
	damaged(t, Verify(t.Context(), &failing{newMemory(), fs.ErrNotExist}, missing), "it is missing")
}

func TestTheErrorOfWhoeverTakesEndsReading(t *testing.T) {
	t.Parallel()
	to := newMemory()
	packs, _ := packed(t, to, nil, []file{{"a", nil}, {"b", nil}})
	enough, times := errors.New("enough"), 0
	err := Read(t.Context(), to, packs[0], nil, func(string, int, []byte) error {
		times++
		return enough
	})
	if !errors.Is(err, enough) || times != 1 {
		t.Errorf("%d times, %v", times, err)
	}
}

func TestAllGoesOnBehindADamagedPack(t *testing.T) {
	t.Parallel()
	to := newMemory()
	var packs []Pack
	for _, name := range []string{"a", "b", "c", "d", "e"} {
		made, _ := packed(t, to, nil, []file{{name, nil}})
		packs = append(packs, made...)
	}
	to.files[packs[1].Name] = []byte("x")
	for _, readers := range []int{0, 1, 2, 9} {
		var got []string
		for found, err := range All(t.Context(), to, packs, nil, readers) {
			if err != nil {
				damaged(t, err, packs[1].Name)
				got = append(got, "damaged")
				continue
			}
			got = append(got, found[0].Name)
		}
		if text := strings.Join(got, " "); text != "a damaged c d e" {
			t.Errorf("%d readers: %s", readers, text)
		}
	}
}

func TestAllCanBeLeft(t *testing.T) {
	t.Parallel()
	to := newMemory()
	packs, _ := packed(t, to, nil, []file{{"a", make([]byte, 3*Size)}})
	for _, err := range All(t.Context(), to, packs, nil, 2) {
		if err != nil {
			t.Error(err)
		}
		break
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	times := 0
	for _, err := range All(ctx, to, packs, nil, 2) {
		times++
		if !errors.Is(err, stopped) {
			t.Error(err)
		}
	}
	if times != len(packs) {
		t.Errorf("%d of %d packs", times, len(packs))
	}
}
