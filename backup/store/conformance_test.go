package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/backup/store"
)

func TestFilesAreKeptAsTheyWerePut(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		files := map[string][]byte{
			"empty": {}, "backups/one/small.json": []byte("{}"), "backups/one/big": content("some content", 20<<20), "with-every_KIND.of.letter-0": []byte("\x00\xff"),
		}
		for name, content := range files {
			mustPut(t, opened, name, content)
		}
		again := p.mustOpen(t)
		for name, content := range files {
			if got := mustGet(t, again, name); !bytes.Equal(got, content) {
				t.Errorf("%s has %d bytes, or others than the %d that were put", name, len(got), len(content))
			}
		}
		if diff := cmp.Diff(sizes(files), list(t, again, "")); diff != "" {
			t.Errorf("list (-put +listed):\n%s", diff)
		}
	})
}

// sizes lists files as a store does.
func sizes(files map[string][]byte) []store.Info {
	var all []store.Info
	for name, content := range files {
		all = append(all, store.Info{Name: name, Size: int64(len(content))})
	}
	slices.SortFunc(all, func(a, b store.Info) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func TestNoFileIsReplaced(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		first := []byte("first")
		mustPut(t, opened, "packs/a", first)
		for _, other := range [][]byte{[]byte("second"), first, {}} {
			if err := opened.Put(t.Context(), "packs/a", other); !errors.Is(err, fs.ErrExist) {
				t.Errorf("a second time: %v, want fs.ErrExist", err)
			}
		}
		if got := mustGet(t, opened, "packs/a"); !bytes.Equal(got, first) {
			t.Errorf("it has become %q", got)
		}
	})
}

func TestOfThoseWhoPutTheSameNameOneSucceeds(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		const writers = 8
		results := make([]error, writers)
		var group errgroup.Group
		for i := range writers {
			opened := p.mustOpen(t)
			group.Go(func() error {
				results[i] = opened.Put(t.Context(), "a/name", fmt.Append(nil, i))
				return nil
			})
		}
		_ = group.Wait() // they return nil
		won := slices.Index(results, nil)
		if won < 0 {
			t.Fatal(results)
		}
		if got := string(mustGet(t, p.mustOpen(t), "a/name")); got != fmt.Sprint(won) {
			t.Errorf("writer %d was told of success, and what is there is writer %s's", won, got)
		}
		for i, err := range results {
			if i != won && !errors.Is(err, fs.ErrExist) {
				t.Errorf("writer %d: %v, want fs.ErrExist", i, err)
			}
		}
	})
}

func TestWhatIsRemovedIsGone(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		for _, name := range []string{"packs/ab/one", "packs/ab/two", "packs/cd/three"} {
			mustPut(t, opened, name, []byte(name))
		}
		for _, name := range []string{"packs/ab/one", "packs/ab/one", "packs/cd/three", "never/there", "packs", "packs/ab/two/below"} {
			if err := opened.Remove(t.Context(), name); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if diff := cmp.Diff([]store.Info{{Name: "packs/ab/two", Size: 12}}, list(t, opened, "")); diff != "" {
			t.Errorf("left (-want +got):\n%s", diff)
		}
		for _, name := range []string{"packs/ab/one", "packs/cd/three", "packs", "packs/ab/two/below"} {
			if _, err := get(t.Context(), opened, name); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: %v, want fs.ErrNotExist", name, err)
			}
		}
		mustPut(t, opened, "packs/cd/three", []byte("anew"))
		if got := string(mustGet(t, opened, "packs/cd/three")); got != "anew" {
			t.Errorf("%q", got)
		}
	})
}

// ordered are names whose order is not that of a walk through folders: the dash and the dot come before the slash, and digits and letters behind it.
var ordered = []string{"A", "Z/a", "_/x", "a-b/x", "a-c", "a.b", "a/0", "a/B", "a/b-c", "a/b/c", "a0", "aa/a", "b"}

func TestListIsInTheOrderOfNames(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		for _, name := range []string{"a/b-c", "b", "a0", "A", "a.b", "a/b/c", "_/x", "a/0", "Z/a", "a-c", "aa/a", "a/B", "a-b/x"} {
			mustPut(t, opened, name, nil)
		}
		for _, prefix := range []string{"", "a", "a-", "a/", "a/b", "a/b/", "a/b/c", "aa", "b", "b/", "c", "none/of/them"} {
			var want, got []string
			for _, name := range ordered {
				if strings.HasPrefix(name, prefix) {
					want = append(want, name)
				}
			}
			for _, info := range list(t, opened, prefix) {
				got = append(got, info.Name)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("prefix %q (-want +got):\n%s", prefix, diff)
			}
		}
	})
}

// More than the thousand that a service tells at a time.
func TestListsAreWhole(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		many := 1100
		if p.Folder != "" {
			many = 100 // there are no pages, and each waits for the disk
		}
		opened := p.mustOpen(t)
		var want []store.Info
		var group errgroup.Group
		group.SetLimit(16)
		for i := range many {
			name := fmt.Sprintf("packs/%02x/%04d", i*7%256, i)
			want = append(want, store.Info{Name: name, Size: 1})
			group.Go(func() error { return opened.Put(t.Context(), name, []byte("x")) })
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(want, func(a, b store.Info) int { return strings.Compare(a.Name, b.Name) })
		if diff := cmp.Diff(want, list(t, opened, "packs/")); diff != "" {
			t.Errorf("-put +listed:\n%s", diff)
		}
		seen := 0
		for _, err := range opened.List(t.Context(), "") {
			if err != nil {
				t.Fatal(err)
			}
			if seen++; seen == 3 {
				break
			}
		}
		if seen != 3 {
			t.Errorf("it went on to %d", seen)
		}
	})
}

func TestNamesThatLeadOutAreRefused(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		for _, name := range []string{
			"", "/", "/etc/passwd", "..", "../up", "a/../../up", "a/..", ".", "./a", "a//b", "a/", ".hidden", "a/.partial-x", `a\b`, "C:a", "a b", "a\x00b", "ä", "lock.json", strings.Repeat("x", 256),
		} {
			_, got := opened.Get(t.Context(), name)
			for what, err := range map[string]error{"Put": opened.Put(t.Context(), name, nil), "Get": got, "Remove": opened.Remove(t.Context(), name)} {
				if _, ok := errors.AsType[*store.NameError](err); !ok {
					t.Errorf("%s %q: %v, want a NameError", what, name, err)
				}
			}
		}
		for _, prefix := range []string{"/", "../", "a/../", ".", "a//", "a b"} {
			for _, err := range opened.List(t.Context(), prefix) {
				if _, ok := errors.AsType[*store.NameError](err); !ok {
					t.Errorf("List %q: %v, want a NameError", prefix, err)
				}
			}
		}
		if left := list(t, opened, ""); left != nil {
			t.Error(left)
		}
	})
}

func TestEverythingEndsWithItsContext(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		opened := p.mustOpen(t)
		mustPut(t, opened, "there", content("some content", 4<<20))
		stopped := errors.New("the operator has had enough")
		ctx, cancel := context.WithCancelCause(t.Context())
		reading, err := opened.Get(ctx, "there")
		if err != nil {
			t.Fatal(err)
		}
		defer reading.Close()
		cancel(stopped)
		_, got := opened.Get(ctx, "there")
		_, _, locked := opened.Lock(ctx)
		_, read := reading.Read(make([]byte, 10))
		var listed error
		for _, listed = range opened.List(ctx, "") {
		}
		for what, err := range map[string]error{
			"Put": opened.Put(ctx, "new", nil), "Get": got, "Remove": opened.Remove(ctx, "there"), "Lock": locked, "List": listed, "Read": read,
		} {
			if !errors.Is(err, stopped) {
				t.Errorf("%s: %v, want the cause of the context's end", what, err)
			}
		}
		if left := list(t, opened, ""); len(left) != 1 || left[0].Name != "there" {
			t.Error(left)
		}
	})
}

func TestStoreSaysWhereItIs(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, p place) {
		want := p.Folder
		if want == "" {
			want = "s3://" + p.Bucket + "/" + p.Prefix
		}
		opened := p.mustOpen(t)
		if got := opened.String(); got != want {
			t.Errorf("%s, want %s", got, want)
		}
		if bytes, known := opened.Free(); known && bytes <= 0 {
			t.Errorf("room for %d bytes", bytes)
		}
	})
}
