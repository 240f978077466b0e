package backup_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
)

// damagedNotes are the contents that the repository knows as damaged.
func (s *scene) damagedNotes() []string {
	s.t.Helper()
	notes := []string{}
	entries, err := os.ReadDir(filepath.Join(s.repo, "damaged"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.t.Fatal(err)
	}
	for _, entry := range entries {
		notes = append(notes, entry.Name())
	}
	return notes
}

// flip turns a bit of a file around.
func flip(t testing.TB, path string) {
	t.Helper()
	changed := []byte(content(t, path))
	changed[len(changed)/2] ^= 1
	if err := os.WriteFile(path, changed, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedMediumIsStoredAnew(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	first := s.backUp().ID
	s.verify(first)
	object := s.object(2)
	flip(t, object)
	report := s.verify(first)
	if len(report.Damaged) != 2 || !strings.Contains(report.Damaged[0], filepath.Base(object)) || !report.Noted {
		t.Errorf("%+v", report) // two files of the media store have each content
	}
	if diff := cmp.Diff([]string{filepath.Base(object)}, s.damagedNotes()); diff != "" {
		t.Error(diff)
	}
	if _, err := os.Lstat(filepath.Join(s.repo, "backups", first, "verified.json")); err == nil {
		t.Error("the damaged backup still counts as whole")
	}
	second := s.backUp()
	if m := second.Media; m.Read != 2 || m.NewFiles != 1 {
		t.Errorf("%+v", m)
	}
	s.allWhole()
	if diff := cmp.Diff([]string{}, s.damagedNotes()); diff != "" {
		t.Error(diff)
	}
	p := s.newPlace()
	options := p.options()
	options.Backup = first
	if _, err := p.restore(options); err != nil {
		t.Error(err)
	}
}

// object is where the repository has the content of a medium that the scene has written.
func (s *scene) object(number int) string {
	_, content := mediumOf(number)
	sum := sumOf([]byte(content))
	return filepath.Join(s.repo, "media", sum[:2], sum)
}

func TestDamageThatIsNoMoreIsForgotten(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	ids := s.threeBackups()
	pruned, repaired := s.object(1), s.object(5)
	flip(t, repaired)
	flip(t, pruned)
	s.verify(ids[0])
	if got := s.damagedNotes(); len(got) != 2 {
		t.Error(got)
	}
	flip(t, repaired)
	if got := s.verify(ids[0]); len(got.Damaged) == 0 {
		t.Errorf("%+v", got)
	}
	if diff := cmp.Diff([]string{filepath.Base(pruned)}, s.damagedNotes()); diff != "" {
		t.Error(diff)
	}
	if _, err := s.prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{}, s.damagedNotes()); diff != "" {
		t.Error(diff)
	}
}
