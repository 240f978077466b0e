package dump_test

import (
	"context"
	"errors"
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

func homeserverEngines() []engine.Kind { return []engine.Kind{engine.SQLite, engine.Postgres} }

func TestHomeserversOwnSet(t *testing.T) {
	t.Parallel()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, homeserverEngines(), func(_ *testing.T, on *scene) { on.proves(set) })
}

// What `make full-schema` does leaves the files of the repository as they are: they make the same as the dump.
func TestHomeserversFilesAreKept(t *testing.T) {
	t.Parallel()
	set, err := homeserver.Set()
	if err != nil {
		t.Fatal(err)
	}
	onEngines(t, homeserverEngines(), func(t *testing.T, on *scene) {
		files, err := dump.Refresh(t.Context(), set, on.creator())
		on.check(err)
		kept, err := dump.Keep(t.Context(), set, files, set.Files(), on.creator())
		on.check(err)
		want := []string{"common", "main", "state"}
		for i := range want {
			want[i] += "/full_schemas/10001/full.sql." + string(on.kind)
		}
		if diff := cmp.Diff(want, kept); diff != "" {
			t.Errorf("kept files (-want +got):\n%s", diff)
		}
	})
}

func TestUpstreamsSet(t *testing.T) {
	t.Parallel()
	onEngines(t, homeserverEngines(), func(t *testing.T, on *scene) {
		on.finish = finishEmpty
		on.proves(fixture(t, false))
	})
}

// A log in a table of common, to which the deltas of every logical database add, belongs to none of them.
func TestRowsThatNumberThemselvesInCommonAreRefused(t *testing.T) {
	t.Parallel()
	onEngines(t, homeserverEngines(), func(t *testing.T, on *scene) {
		on.finish = finishEmpty
		set := fixture(t, true)
		_, err := dump.Make(t.Context(), dump.Options{Set: set, Databases: on.apart(set)})
		refusal, isRefusal := errors.AsType[*dump.AssignError](err)
		if !isRefusal || !cmp.Equal(refusal.Objects, []string{"table step_log"}) {
			t.Errorf("the error is %v", err)
		}
	})
}

func finishEmpty(ctx context.Context, session engine.Session) error {
	_, err := upstream.FinishEmpty(ctx, session)
	return err
}

// fixture is upstream's set as far as it is imitated, with or without what its files log into a table of common.
func fixture(t *testing.T, logged bool) *schema.Set {
	t.Helper()
	files := copyOf(t, os.DirFS("../../homeserver/upstream/testdata/schema"))
	for path, file := range files {
		if logged || !strings.Contains(path, ".sql") {
			continue
		}
		var lines []string
		for line := range strings.SplitSeq(string(file.Data), "\n") {
			if !strings.HasPrefix(line, "INSERT INTO step_log") {
				lines = append(lines, line)
			}
		}
		files[path] = &fstest.MapFile{Data: []byte(strings.Join(lines, "\n"))}
	}
	set, err := upstream.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return set
}
