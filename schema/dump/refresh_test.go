package dump_test

import (
	"bytes"
	"context"
	"maps"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

func (s *scene) creator() dump.Create {
	return func(_ context.Context, set *schema.Set, logical []string) (*dump.Database, error) {
		return s.createExactly(set, logical), nil
	}
}

// folderOf holds dumped files, each changed.
func folderOf(files []dump.File, change func(string) string) fstest.MapFS {
	folder := fstest.MapFS{}
	for _, file := range files {
		folder[file.Path] = &fstest.MapFile{Data: []byte(change(string(file.Content)))}
	}
	return folder
}

func TestFilesThatMakeTheSameAreKept(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.SQLite}, func(t *testing.T, on *scene) {
		set := library(t)
		files, err := dump.Refresh(t.Context(), set, on.creator())
		on.check(err)
		for name, test := range map[string]struct {
			change func(string) string
			want   int
		}{
			"the same":   {func(text string) string { return text }, 0},
			"a comment":  {func(text string) string { return "-- Why it is so.\n" + text }, 3},
			"a column":   {func(text string) string { return strings.Replace(text, "room", "chamber", 2) }, 0},
			"not loaded": {func(text string) string { return text + "\nSELECT nothing FROM nowhere;\n" }, 0},
			"not SQL":    {func(text string) string { return text + "\n'" }, 0},
		} {
			copied := append([]dump.File{}, files...)
			kept, err := dump.Keep(t.Context(), set, copied, folderOf(files, test.change), tolerant(on))
			if err != nil || len(kept) != test.want {
				t.Errorf("%s: kept %q, error %v", name, kept, err)
			}
			for i := range copied {
				if same := bytes.Equal(copied[i].Content, files[i].Content); same != (test.want == 0) {
					t.Errorf("%s: %s is the dump's: %v", name, copied[i].Path, same)
				}
			}
		}
		if kept, err := dump.Keep(t.Context(), set, files, fstest.MapFS{}, on.creator()); err != nil || kept != nil {
			t.Errorf("an empty folder: kept %q, error %v", kept, err)
		}
	})
}

// tolerant gives the error of a set that cannot be applied to the caller.
func tolerant(on *scene) dump.Create {
	return func(ctx context.Context, set *schema.Set, logical []string) (*dump.Database, error) {
		database := on.empty(logical...)
		if _, err := schema.Prepare(ctx, database.Session, set, schema.Options{Databases: logical}); err != nil {
			return nil, err
		}
		return database, on.finish(ctx, database.Session)
	}
}

// A full schema of the version itself is passed over, so that a dump cannot prove itself.
func TestRefreshComesFromDeltas(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.SQLite}, func(t *testing.T, on *scene) {
		set := library(t)
		files, err := dump.Refresh(t.Context(), set, on.creator())
		on.check(err)
		wrong := folderOf(files, func(text string) string { return strings.Replace(text, "room", "chamber", 2) })
		maps.Copy(wrong, copyOf(t, set.Files()))
		changed, err := set.With(wrong)
		on.check(err)
		again, err := dump.Refresh(t.Context(), changed, on.creator())
		on.check(err)
		if diff := cmp.Diff(contents(files), contents(again)); diff != "" {
			t.Errorf("-first +second:\n%s", diff)
		}
	})
}
