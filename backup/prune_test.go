package backup_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestPolicyKeepsTheNewestOfEachPeriod(t *testing.T) {
	t.Parallel()
	moments := []string{
		"2026-01-31T23:00", "2026-02-01T01:00", "2026-02-01T23:00", "2026-02-02T01:00", "2026-02-10T01:00", "2026-03-01T00:00", "2026-03-01T12:00",
	}
	var made []time.Time
	for _, moment := range moments {
		at, err := time.Parse("2006-01-02T15:04", moment)
		if err != nil {
			t.Fatal(err)
		}
		made = append(made, at)
	}
	for want, policy := range map[string]backup.Policy{
		"5 6":           {Last: 2},
		"0 1 2 3 4 5 6": {Last: 9},
		"4 6":           {Daily: 2},
		"2 3 4 6":       {Weekly: 4},
		"0 4 6":         {Monthly: 3},
		"4 5 6":         {Last: 2, Monthly: 2},
		"":              {},
	} {
		var got []string
		for place, keeps := range policy.Keeps(made) {
			if keeps {
				got = append(got, string(rune('0'+place)))
			}
		}
		if text := strings.Join(got, " "); text != want {
			t.Errorf("%+v keeps %q, want %q", policy, text, want)
		}
	}
}

func (s *scene) prune(options backup.PruneOptions) (*backup.Pruned, error) {
	s.t.Helper()
	repository := s.repository()
	defer closing(s.t, repository)
	return repository.Prune(s.t.Context(), options)
}

// threeBackups are of different media: each has one that the next has no more.
func (s *scene) threeBackups() (ids []string) {
	s.t.Helper()
	for number := range 3 {
		ids = append(ids, s.backUp().ID)
		s.work(func(main, _ engine.Session) { s.medium(main, 100+number) })
		if err := os.RemoveAll(filepath.Join(s.store(), "local_content", "Me", "di", "a000000000000000000"+string(rune('1'+number)))); err != nil {
			s.t.Fatal(err)
		}
		if err := os.RemoveAll(filepath.Join(s.store(), "local_thumbnails", "Me", "di", "a000000000000000000"+string(rune('1'+number)))); err != nil {
			s.t.Fatal(err)
		}
	}
	return ids
}

func TestPruneRemovesWhatNoBackupNeeds(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	ids := s.threeBackups()
	objects := len(filesOf(t, filepath.Join(s.repo, "media")))
	would, err := s.prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}, DryRun: true})
	if err != nil {
		t.Fatal(err)
	}
	if got := len(filesOf(t, filepath.Join(s.repo, "media"))); got != objects || would.MediaFiles == 0 {
		t.Errorf("a dry run leaves %d of %d contents, and would remove %d", got, objects, would.MediaFiles)
	}
	s.allWhole()
	did, err := s.prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if did.MediaFiles+int64(len(filesOf(t, filepath.Join(s.repo, "media")))) != int64(objects) || len(did.Removed)+len(did.Kept) != len(ids) {
		t.Errorf("%+v", did)
	}
	s.allWhole()
	p := s.newPlace()
	if _, err := p.restore(p.options()); err != nil {
		t.Error(err)
	}
}

func TestNewestVerifiedBackupStays(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	ids := s.threeBackups()
	if report := s.verify(ids[0]); !report.Noted {
		t.Errorf("%+v", report)
	}
	did, err := s.prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}})
	if err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(did.Kept, ids[0]) || len(did.Kept) != 2 {
		t.Errorf("%+v of %v", did, ids)
	}
}

func TestPruneRefusesWhatItCannotJudge(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	ids := s.threeBackups()
	if err := os.Truncate(filepath.Join(s.repo, "backups", ids[1], "manifest.json"), 10); err != nil {
		t.Fatal(err)
	}
	before := tree(t, s.repo)
	_, err := s.prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}})
	if _, isDamaged := errors.AsType[*backup.DamagedError](err); !isDamaged || !strings.Contains(err.Error(), ids[1]) {
		t.Error(err)
	}
	if _, err := s.prune(backup.PruneOptions{}); err == nil {
		t.Error("a policy that keeps nothing is taken")
	}
	if diff := cmp.Diff(before, tree(t, s.repo)); diff != "" {
		t.Error(diff)
	}
}

func TestKilledPruneLeavesWholeBackups(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.threeBackups()
	pruning := process{Repo: s.repo, Keep: 1}
	whole := process{Repo: s.repo, Keep: 9}.mustEnd(t)
	for range dbtest.Rounds(t, 3) {
		pruning.kill(t, whole)
		s.allWhole()
		s.backUp()
	}
	pruning.mustEnd(t)
	s.allWhole()
	s.nothingUnfinished()
}
