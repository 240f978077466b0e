package backup_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

func TestMediaThatHaveNoRoomAreRefusedBeforehand(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	before := tree(t, s.repo)
	s.file("media_store/local_content/No/Ro/omForThis", "", 0o640)
	if err := os.Truncate(s.path("media_store/local_content/No/Ro/omForThis"), 8<<40); err != nil { // a hole, which takes none
		t.Fatal(err)
	}
	_, err := s.tryBackUp(s.options())
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.SpaceMissing}) || !strings.Contains(err.Error(), "1 media of 8388608 MB are new") {
		t.Error(err)
	}
	if diff := cmp.Diff(before, tree(t, s.repo)); diff != "" {
		t.Error(diff)
	}
	s.nothingUnfinished()
}

// mediaProgress backs up, and gives the bytes of media that were to be read, and that were.
func (s *scene) mediaProgress() (total, done int64) {
	s.t.Helper()
	options := s.options()
	options.Progress = func(now backup.Progress) {
		if now.Phase == backup.PhaseMedia {
			total, done = now.Total, now.Done
		}
	}
	if _, err := s.tryBackUp(options); err != nil {
		s.t.Fatal(err)
	}
	return total, done
}

func TestProgressOfMediaIsOfThoseThatAreRead(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	all := int64(0)
	for number := range 5 {
		_, content := mediumOf(number + 1)
		all += 2 * int64(len(content))
	}
	if total, done := s.mediaProgress(); total != all || done != all {
		t.Errorf("the first backup has read %d of %d bytes, want %d", done, total, all)
	}
	if total, done := s.mediaProgress(); total != 0 || done != 0 {
		t.Errorf("the second backup has read %d of %d bytes, want none", done, total)
	}
	_, content := mediumOf(3)
	touched := filepath.Join(s.store(), "local_content", "Me", "di", "a0000000000000000003")
	if err := os.Chtimes(touched, time.Time{}, time.Unix(1, 0)); err != nil {
		t.Fatal(err)
	}
	if total, done := s.mediaProgress(); total != int64(len(content)) || done != total {
		t.Errorf("the third backup has read %d of %d bytes, want %d", done, total, len(content))
	}
}

func TestDistanceOfStateFromMainIsRecorded(t *testing.T) {
	t.Parallel()
	s := newScene(t, inTwo)
	s.work(func(_, state engine.Session) {
		must(t, state, "INSERT INTO state_groups (id, room_id, event_id) VALUES (6, ?, 'a'), (7, ?, 'b')", room, room)
	})
	made := s.backUp()
	main, state := made.Databases[0], made.Databases[1]
	if main.BehindMain != nil || state.BehindMain == nil {
		t.Fatalf("%+v, %+v", main.BehindMain, state.BehindMain)
	}
	if behind := state.BehindMain; behind.StateGroups != 2 || behind.Seconds != state.Snapshot.Sub(main.Snapshot).Seconds() || behind.Seconds < 0 {
		t.Errorf("%+v", behind)
	}
}
