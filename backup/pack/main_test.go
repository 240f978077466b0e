package pack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// memory is a store that lies in memory, and can be made to fail.
type memory struct {
	mutex sync.Mutex
	files map[string][]byte
	// put is called before a file is stored, and may be nil.
	put func(ctx context.Context, name string) error
}

var _ store.Store = (*memory)(nil)

func newMemory() *memory { return &memory{files: map[string][]byte{}} }

func (m *memory) Put(ctx context.Context, name string, content []byte) error {
	if m.put != nil {
		if err := m.put(ctx, name); err != nil {
			return err
		}
	}
	m.mutex.Lock()
	defer m.mutex.Unlock()
	if _, there := m.files[name]; there {
		return fmt.Errorf("put %s: %w", name, fs.ErrExist)
	}
	m.files[name] = bytes.Clone(content)
	return context.Cause(ctx)
}

func (m *memory) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	content, there := m.files[name]
	if !there {
		return nil, fmt.Errorf("get %s: %w", name, fs.ErrNotExist)
	}
	return io.NopCloser(bytes.NewReader(content)), context.Cause(ctx)
}

func (m *memory) List(context.Context, string) iter.Seq2[store.Info, error] {
	return func(yield func(store.Info, error) bool) {
		for _, name := range m.names() {
			if !yield(store.Info{Name: name, Size: int64(len(m.files[name]))}, nil) {
				return
			}
		}
	}
}

func (m *memory) names() []string {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	var names []string
	for name := range m.files {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func (m *memory) Remove(ctx context.Context, name string) error {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	delete(m.files, name)
	return context.Cause(ctx)
}

func (m *memory) Lock(ctx context.Context) (context.Context, func() error, error) {
	return ctx, func() error { return nil }, nil
}
func (m *memory) Free() (int64, bool) { return 0, false }
func (m *memory) String() string      { return "memory" }
func (m *memory) Close() error        { return nil }

// file is one that is put into packs.
type file struct {
	name    string
	content []byte
}

// newKeys are for whom is encrypted, and how that is opened.
func newKeys(t testing.TB) ([]age.Recipient, []age.Identity) {
	t.Helper()
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		t.Fatal(err)
	}
	return []age.Recipient{identity.Recipient()}, []age.Identity{identity}
}

// chance is made of a seed, so that a failure can be had again.
func chance(t testing.TB) *rand.Rand {
	t.Helper()
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	return rand.New(rand.NewPCG(seed, 0))
}

// random has no pattern, so that nothing is equal by accident.
func random(chance *rand.Rand, size int) []byte {
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(chance.Uint32())
	}
	content := make([]byte, size)
	_, _ = rand.NewChaCha8(seed).Read(content)
	return content
}

// packed puts files into packs, and tells in which packs each of them lies.
func packed(t testing.TB, to store.Store, recipients []age.Recipient, files []file) (packs []Pack, lies map[string][]int) {
	t.Helper()
	w := NewWriter(to, recipients, 2)
	lies = map[string][]int{}
	for _, f := range files {
		in, size, err := w.Add(t.Context(), f.name, bytes.NewReader(f.content))
		if err != nil || size != int64(len(f.content)) {
			t.Fatalf("%s has %d bytes, %d were packed: %v", f.name, len(f.content), size, err)
		}
		lies[f.name] = in
	}
	packs, err := w.Close(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return packs, lies
}

// unpacked reads packs into a new folder by a Joiner.
func unpacked(t testing.TB, from store.Store, packs []Pack, identities []age.Identity, files []file) *os.Root {
	t.Helper()
	sizes := map[string]int64{}
	for _, f := range files {
		sizes[f.name] = int64(len(f.content))
	}
	into := newFolder(t)
	joiner := NewJoiner(into, func(name string) (int64, bool) { size, ok := sizes[name]; return size, ok })
	for found, err := range All(t.Context(), from, packs, identities, 2) {
		if err != nil {
			t.Fatal(err)
		}
		for _, member := range found {
			if err := joiner.Take(member.Name, member.Part, member.Content); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := joiner.Close(); err != nil {
		t.Fatal(err)
	}
	return into
}

func newFolder(t testing.TB) *os.Root {
	t.Helper()
	root, err := os.OpenRoot(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = root.Close() })
	return root
}

// holds looks that a folder has these files, and nothing else.
func holds(t testing.TB, folder *os.Root, files []file) {
	t.Helper()
	var want, got []string
	for _, f := range files {
		want = append(want, f.name)
		content, err := folder.ReadFile(f.name)
		if err != nil || !bytes.Equal(content, f.content) {
			t.Errorf("%s is not as it was (%d bytes, not %d): %v", f.name, len(content), len(f.content), err)
		}
	}
	err := fs.WalkDir(folder.FS(), ".", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			got = append(got, path)
		}
		return err
	})
	slices.Sort(want)
	slices.Sort(got)
	if err != nil || !slices.Equal(want, got) {
		t.Errorf("the folder has %d files, want %d: %v", len(got), len(want), err)
	}
}

// damaged looks that an error is a *DamagedError that says something.
func damaged(t testing.TB, err error, says string) {
	t.Helper()
	if found, ok := errors.AsType[*DamagedError](err); !ok || !strings.Contains(found.Error(), says) {
		t.Errorf("the error is %v, and not a *DamagedError with %q", err, says)
	}
}
