package pack

import (
	"errors"
	"io/fs"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// one wants one file of a size.
func one(name string, size int64) func(string) (int64, bool) {
	return func(asked string) (int64, bool) { return size, asked == name }
}

func TestPartsAreJoined(t *testing.T) {
	t.Parallel()
	into := newFolder(t)
	if err := into.WriteFile(".joining-000000001", []byte("left by a killed process"), 0o600); err != nil {
		t.Fatal(err)
	}
	joiner := NewJoiner(into, one("a/b", 6))
	for i, part := range []string{"one", "two"} {
		if _, err := into.Stat("a/b"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("it has its name before part %d: %v", i+1, err)
		}
		if err := joiner.Take("a/b", i+1, []byte(part)); err != nil {
			t.Fatal(err)
		}
		if err := joiner.Take("unwanted", 0, []byte(part)); err != nil {
			t.Fatal(err)
		}
	}
	if err := joiner.Close(); err != nil {
		t.Error(err)
	}
	holds(t, into, []file{{"a/b", []byte("onetwo")}})
	info, err := into.Stat("a/b")
	if err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

func TestPartsThatDoNotFollow(t *testing.T) {
	t.Parallel()
	type part struct {
		number  int
		content string
	}
	for says, parts := range map[string][]part{
		"part 2 comes without those before it": {{2, "two"}},
		"part 3 comes behind part 1":           {{1, "one"}, {3, "x"}},
		"part 1 comes behind part 1":           {{1, "one"}, {1, "one"}},
		"part 0 comes behind part 1":           {{1, "one"}, {0, "onetwo"}},
		"part 2 comes without":                 {{1, "onetwo"}, {2, "x"}},
		"it has 7 bytes or more, and had 6":    {{1, "one"}, {2, "more"}},
		"it has 8 bytes or more, and had 6":    {{0, "too long"}},
		"it has 5 bytes":                       {{0, "short"}},
		"it has 0 bytes, and had 6":            {{0, ""}},
		"its part 1 is empty":                  {{1, ""}},
		"its part 2 is empty":                  {{1, "one"}, {2, ""}},
	} {
		into := newFolder(t)
		joiner := NewJoiner(into, one("a", 6))
		var err error
		for _, part := range parts {
			err = errors.Join(err, joiner.Take("a", part.number, []byte(part.content)))
		}
		damaged(t, err, "a is damaged: ")
		damaged(t, err, strings.TrimSuffix(says, ", and had 6"))
		if err := joiner.Close(); err != nil {
			t.Errorf("%s: %v", says, err)
		}
		if _, err := into.Stat("a"); err == nil && says != "part 2 comes without" {
			t.Errorf("%s: the file was made", says)
		}
	}
}

func TestFilesOfWhichPartsAreMissingAreNamed(t *testing.T) {
	t.Parallel()
	into := newFolder(t)
	joiner := NewJoiner(into, func(string) (int64, bool) { return 10, true })
	names := []string{"a", "b", "c", "d", "e", "f", "g"}
	for _, name := range names {
		if err := joiner.Take(name, 1, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	err := joiner.Close()
	found, ok := errors.AsType[*IncompleteError](err)
	if !ok || cmp.Diff(names, found.Names) != "" || err.Error() != "parts are missing of a, b, c, d, e and of 2 more" {
		t.Error(err)
	}
	holds(t, into, nil)
}

func TestAJoinerStaysInItsFolder(t *testing.T) {
	t.Parallel()
	for _, name := range badNames() {
		into := newFolder(t)
		joiner := NewJoiner(into, one(name, 1))
		err := joiner.Take(name, 0, []byte("x"))
		if _, refused := errors.AsType[*NameError](err); !refused {
			t.Errorf("%q: %v", name, err)
		}
		holds(t, into, nil)
	}
	into := newFolder(t)
	if err := into.Symlink(t.TempDir(), "out"); err != nil {
		t.Fatal(err)
	}
	if err := NewJoiner(into, one("out/a", 1)).Take("out/a", 0, []byte("x")); err == nil {
		t.Error("it went through a link that leads out")
	}
}
