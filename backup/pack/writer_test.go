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
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/iotest"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// someName has any length, also those at which a tar header takes another form, and any letters.
func someName(chance *rand.Rand, i int) string {
	switch chance.IntN(5) {
	case 0:
		return fmt.Sprintf("media/%02x/%064x", i%256, i)
	case 1:
		return fmt.Sprintf("files/%d/ключ 键 %s", i, strings.Repeat("ä", chance.IntN(70)))
	case 2:
		return fmt.Sprintf("%d/%s.part-%06d", i, strings.Repeat("x", chance.IntN(100)), chance.IntN(3))
	default:
		return fmt.Sprintf("%d/%s%s", i, strings.Repeat("abcdefghi/", chance.IntN(20)), strings.Repeat("y", 1+chance.IntN(120)))
	}
}

func someSize(chance *rand.Rand) int {
	switch chance.IntN(20) {
	case 0:
		return chance.IntN(20 << 20)
	case 1, 2, 3:
		return chance.IntN(1 << 20)
	case 4:
		return 0
	default:
		return chance.IntN(3 * block)
	}
}

func TestFilesComeBackAsTheyWere(t *testing.T) {
	t.Parallel()
	for round := range dbtest.Rounds(t, 2) {
		chance := chance(t)
		var files []file
		for i := range 100 {
			files = append(files, file{someName(chance, i), random(chance, someSize(chance))})
		}
		files = append(files, file{"large", random(chance, 2*Size+chance.IntN(Size))})
		recipients, identities := newKeys(t)
		if round%2 == 1 {
			recipients, identities = nil, nil
		}
		to := newMemory()
		packs, lies := packed(t, to, recipients, files)
		asSaid(t, to, packs, recipients != nil)
		holds(t, unpacked(t, to, packs, identities, files), files)
		if diff := cmp.Diff(lies, found(t, to, packs, identities)); diff != "" {
			t.Errorf("where files lie (-said +found):\n%s", diff)
		}
	}
}

// asSaid compares packs with what lies in the store.
func asSaid(t *testing.T, in *memory, packs []Pack, encrypted bool) {
	t.Helper()
	if len(in.files) != len(packs) {
		t.Errorf("%d packs are named, and %d stored", len(packs), len(in.files))
	}
	for i, one := range packs {
		content := in.files[one.Name]
		sum := sha256.Sum256(content)
		if int64(len(content)) != one.Size || hex.EncodeToString(sum[:]) != one.SHA256 || one.Check() != nil {
			t.Errorf("%+v is not what lies there", one)
		}
		if encrypted && (one.Size%step != 0 || i < len(packs)-1 && one.Size != Size) {
			t.Errorf("pack %d of %d tells by its size of %d bytes how long files are", i, len(packs), one.Size)
		}
		if !encrypted && i < len(packs)-1 && one.Size < Size-2048-archiveEnd {
			t.Errorf("pack %d of %d has only %d bytes", i, len(packs), one.Size)
		}
	}
}

// found are the packs in which each file lies, by their members.
func found(t *testing.T, in *memory, packs []Pack, identities []age.Identity) map[string][]int {
	t.Helper()
	lies, parts := map[string][]int{}, map[string]int{}
	for i, one := range packs {
		err := Read(t.Context(), in, one, identities, func(name string, part int, _ []byte) error {
			lies[name] = append(lies[name], i)
			if part != 0 && part != parts[name]+1 {
				t.Errorf("part %d of %s comes behind part %d", part, name, parts[name])
			}
			parts[name] = part
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return lies
}

func TestFilesThatJustFitAndThoseThatDoNot(t *testing.T) {
	t.Parallel()
	chance := chance(t)
	room := layout{}.room()
	for _, name := range []string{"a", strings.Repeat("n", 95)} {
		header, err := memberHeader(partName(name, 1), 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, less := range []int{-block - 1, -1, 0, 1, block - 1, block, block + 1} {
			files := []file{{name, random(chance, room-len(header)-less)}, {"behind", []byte("it")}}
			to := newMemory()
			packs, lies := packed(t, to, nil, files)
			wanted := []int{0}
			if less < 0 {
				wanted = []int{0, 1}
			}
			if diff := cmp.Diff(wanted, lies[name]); diff != "" {
				t.Errorf("a name of %d bytes, %d bytes less than fit (-want +got):\n%s", len(name), less, diff)
			}
			holds(t, unpacked(t, to, packs, nil, files), files)
		}
	}
}

func TestThousandsOfSmallFiles(t *testing.T) {
	t.Parallel()
	var files []file
	for i := range 2000 {
		files = append(files, file{fmt.Sprintf("media/%02x/%d", i%256, i), fmt.Append(nil, i)})
	}
	files = append(files, file{"empty", nil})
	recipients, identities := newKeys(t)
	to := newMemory()
	packs, _ := packed(t, to, recipients, files)
	if len(packs) != 1 {
		t.Errorf("%d packs", len(packs))
	}
	holds(t, unpacked(t, to, packs, identities, files), files)
}

func TestNothingAddedIsNoPack(t *testing.T) {
	t.Parallel()
	to := newMemory()
	if packs, _ := packed(t, to, nil, nil); len(packs)+len(to.files) > 0 {
		t.Errorf("%v, %d stored", packs, len(to.files))
	}
}

// changing is a file that is changed after it was opened.
type changing struct {
	io.Reader

	change func()
	once   sync.Once
}

func (c *changing) Read(into []byte) (int, error) {
	n, err := c.Reader.Read(into[:min(len(into), 1000)])
	c.once.Do(c.change)
	return n, err
}

func TestFilesThatGrowOrShrinkWhileTheyAreRead(t *testing.T) {
	t.Parallel()
	for _, size := range []int64{0, 1500, 1 << 20} {
		path := filepath.Join(t.TempDir(), "log")
		if err := os.WriteFile(path, bytes.Repeat([]byte("0123456789"), 10_000), 0o600); err != nil {
			t.Fatal(err)
		}
		opened, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		defer opened.Close()
		var came bytes.Buffer
		to := newMemory()
		w := NewWriter(to, nil, 1)
		changed := &changing{Reader: opened, change: func() {
			if err := os.Truncate(path, size); err != nil {
				t.Error(err)
			}
		}}
		_, got, err := w.Add(t.Context(), "log", io.TeeReader(changed, &came))
		if err != nil || got != int64(came.Len()) || got != max(size, 1000) {
			t.Errorf("%d bytes, %d read: %v", got, came.Len(), err)
		}
		packs, err := w.Close(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		files := []file{{"log", came.Bytes()}}
		holds(t, unpacked(t, to, packs, nil, files), files)
	}
}

func TestReadersOfEveryManner(t *testing.T) {
	t.Parallel()
	content := random(chance(t), Size+Size/2)
	for what, manner := range map[string]func(io.Reader) io.Reader{
		"half": iotest.HalfReader, "end with the last bytes": iotest.DataErrReader,
		"one byte": func(r io.Reader) io.Reader { return io.MultiReader(iotest.OneByteReader(io.LimitReader(r, 5000)), r) },
	} {
		to := newMemory()
		w := NewWriter(to, nil, 1)
		if _, _, err := w.Add(t.Context(), "a", manner(bytes.NewReader(content))); err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		packs, err := w.Close(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", what, err)
		}
		files := []file{{"a", content}}
		holds(t, unpacked(t, to, packs, nil, files), files)
	}
}

func TestNamesThatLeadOutAreNotWritten(t *testing.T) {
	t.Parallel()
	for _, name := range badNames() {
		to := newMemory()
		w := NewWriter(to, nil, 1)
		_, _, err := w.Add(t.Context(), name, strings.NewReader("x"))
		if _, ok := errors.AsType[*NameError](err); !ok {
			t.Errorf("%q: %v", name, err)
		}
		if _, closed := w.Close(t.Context()); !errors.Is(closed, err) {
			t.Errorf("%q: closed with %v", name, closed)
		}
		if len(to.files) > 0 {
			t.Errorf("%q was stored", name)
		}
	}
}

func badNames() []string {
	return []string{
		"", ".", "..", "/etc/passwd", "../a", "a/../b", "a/..", "./a", "a/./b", "a//b", "a/", `a\b`, `..\a`, "a\nb", "a\x00b", "a\x1bb", "a\xffb",
		strings.Repeat("a/", longestName/2) + "a",
	}
}

func TestANameIsNotAddedTwice(t *testing.T) {
	t.Parallel()
	w := NewWriter(newMemory(), nil, 1)
	for range 2 {
		_, _, err := w.Add(t.Context(), "a", strings.NewReader("x"))
		if _, refused := errors.AsType[*NameError](err); refused {
			_, err = w.Close(t.Context())
		} else if err == nil {
			continue
		}
		if !strings.Contains(err.Error(), "added before") {
			t.Error(err)
		}
		return
	}
	t.Error("it was added twice")
}

func TestWhatFailsEndsEverything(t *testing.T) {
	t.Parallel()
	recipients, _ := newKeys(t)
	content := random(chance(t), 5*Size)
	lost := errors.New("the cable is cut")
	for what, broken := range map[string]struct {
		put  error
		from io.Reader
		want error
	}{
		"a full disk":           {put: syscall.ENOSPC, from: bytes.NewReader(content), want: syscall.ENOSPC},
		"a source":              {from: io.MultiReader(bytes.NewReader(content), iotest.ErrReader(lost)), want: lost},
		"a source that is half": {from: io.MultiReader(bytes.NewReader(content[:100]), iotest.ErrReader(io.ErrUnexpectedEOF)), want: io.ErrUnexpectedEOF},
	} {
		to := newMemory()
		to.put = func(context.Context, string) error { return broken.put }
		w := NewWriter(to, recipients, 2)
		_, _, added := w.Add(t.Context(), "a", broken.from)
		_, closed := w.Close(t.Context())
		if !errors.Is(closed, broken.want) || added != nil && !errors.Is(added, broken.want) {
			t.Errorf("%s: added %v, closed %v", what, added, closed)
		}
		if _, _, err := w.Add(t.Context(), "b", strings.NewReader("")); !errors.Is(err, broken.want) {
			t.Errorf("%s: then %v", what, err)
		}
	}
}

func TestAnEmptyListOfRecipientsLaysNothingOpen(t *testing.T) {
	t.Parallel()
	to := newMemory()
	w := NewWriter(to, []age.Recipient{}, 1)
	if _, _, err := w.Add(t.Context(), "a", strings.NewReader("x")); err == nil {
		t.Error("it was added")
	}
	if _, err := w.Close(t.Context()); err == nil || len(to.files) > 0 {
		t.Errorf("%d packs, %v", len(to.files), err)
	}
}

func TestTheContextEndsWhatIsBeingStored(t *testing.T) {
	t.Parallel()
	stopped := errors.New("stopped")
	for _, during := range []string{"add", "close"} {
		ctx, cancel := context.WithCancelCause(t.Context())
		to := newMemory()
		to.put = func(putting context.Context, _ string) error {
			if during == "add" {
				cancel(stopped)
			}
			<-putting.Done()
			return context.Cause(putting)
		}
		w := NewWriter(to, nil, 1)
		var err error
		if during == "add" { // more than buffers hold: it waits for a store that never answers
			_, _, err = w.Add(ctx, "a", bytes.NewReader(make([]byte, 6*Size)))
			if !errors.Is(err, stopped) {
				t.Errorf("added with %v", err)
			}
		} else if _, _, err = w.Add(t.Context(), "a", strings.NewReader("x")); err != nil {
			t.Error(err)
		}
		cancel(stopped)
		if _, err := w.Close(ctx); !errors.Is(err, stopped) {
			t.Errorf("closed with %v", err)
		}
	}
}

func TestDiscardRemovesWhatWasStored(t *testing.T) {
	t.Parallel()
	for _, closed := range []bool{false, true} {
		to := newMemory()
		to.files["packs/other"] = nil
		w := NewWriter(to, nil, 2)
		if _, _, err := w.Add(t.Context(), "a", bytes.NewReader(make([]byte, 4*Size))); err != nil {
			t.Fatal(err)
		}
		if closed {
			if _, err := w.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Discard(t.Context()); err != nil {
			t.Error(err)
		}
		if diff := cmp.Diff([]string{"packs/other"}, to.names()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if _, err := w.Close(t.Context()); err == nil {
			t.Error("it was closed after that")
		}
	}
}

// A store may try again after an answer that was lost, and find what it has stored itself.
func TestAPackWhoseAnswerWasLostIsStored(t *testing.T) {
	t.Parallel()
	for _, same := range []bool{true, false} {
		to := &twice{memory: newMemory(), same: same}
		w := NewWriter(to, nil, 1)
		if _, _, err := w.Add(t.Context(), "a", strings.NewReader("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Close(t.Context()); same != (err == nil) || !same && !errors.Is(err, fs.ErrExist) {
			t.Errorf("the same content: %v, %v", same, err)
		}
	}
}

type twice struct {
	*memory

	same bool
}

func (s *twice) Put(ctx context.Context, name string, content []byte) error {
	first := bytes.Clone(content)
	if !s.same {
		first[0]++
	}
	if err := s.memory.Put(ctx, name, first); err != nil {
		return err
	}
	return s.memory.Put(ctx, name, content)
}

// counting is a store that keeps nothing, and knows how many use it at a time.
type counting struct {
	*memory

	mutex     sync.Mutex
	now, most int
	bytes     int64
}

func (c *counting) Put(_ context.Context, _ string, content []byte) error {
	c.add(1, int64(len(content)))
	defer c.add(-1, 0)
	runtime.Gosched()
	return nil
}

func (c *counting) add(n int, size int64) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.now += n
	c.most = max(c.most, c.now)
	c.bytes += size
}

// zeros is a source that takes no memory.
type zeros struct{}

func (zeros) Read(into []byte) (int, error) { return len(into), nil }

// This test does not run beside others, since it looks at the memory of all.
func TestMemoryDoesNotGrow(t *testing.T) {
	const uploads = 2
	recipients, _ := newKeys(t)
	to := &counting{memory: newMemory()}
	before := allocated()
	w := NewWriter(to, recipients, uploads)
	if _, _, err := w.Add(t.Context(), "a", io.LimitReader(zeros{}, 20*Size)); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := allocated() - before; took > (waitingArchives+uploads+1)*Size { // and what age needs on the way
		t.Errorf("%d bytes were allocated for %d bytes in packs", took, to.bytes)
	}
	if to.most > uploads {
		t.Errorf("%d packs were stored at a time", to.most)
	}
}

func allocated() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

func TestSizesOfSealedPacks(t *testing.T) {
	t.Parallel()
	for _, keys := range []int{1, 2, 7, mostRecipients} {
		var recipients []age.Recipient
		for range keys {
			more, _ := newKeys(t)
			recipients = append(recipients, more...)
		}
		l, err := newLayout(recipients)
		if err != nil {
			t.Fatal(err)
		}
		for _, stored := range []int{step, 2 * step, 7 * step, Size} {
			sealed, err := Seal(make([]byte, l.fits(stored)), recipients)
			// With hundreds of keys there can be sizes that no content has.
			if err != nil || len(sealed) > stored || len(sealed) < stored-tag || keys < 100 && len(sealed) != stored {
				t.Errorf("%d keys: %d bytes in place of %d: %v", keys, len(sealed), stored, err)
			}
		}
		if most := l.room() + archiveEnd; l.padded(most) > l.fits(Size) || l.padded(archiveEnd) > step {
			t.Errorf("%d keys: room for %d bytes, made %d long", keys, most, l.padded(most))
		}
	}
	if _, err := newLayout(make([]age.Recipient, mostRecipients+1)); err == nil {
		t.Error("more recipients are taken than age reads")
	}
}

func TestNamesOfPacksAreOfChance(t *testing.T) {
	t.Parallel()
	var names []string
	for range 1000 {
		name := newName()
		if !ValidName(name) {
			t.Fatal(name)
		}
		names = append(names, name)
	}
	slices.Sort(names)
	if len(slices.Compact(names)) != 1000 {
		t.Error("a name came twice")
	}
}
