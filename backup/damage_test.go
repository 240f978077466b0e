package backup_test

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
)

// filesOf are the files of a repository that a backup consists of.
func filesOf(t testing.TB, repo string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(repo, func(path string, entry fs.DirEntry, err error) error {
		isNote := filepath.Base(path) == "verified.json" || filepath.Base(filepath.Dir(path)) == "damaged"
		if err == nil && entry.Type().IsRegular() && filepath.Base(path) != "synapse-backups.json" && !isNote {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatal(err)
	}
	return files
}

func TestDamageIsFoundAndNothingRestored(t *testing.T) {
	t.Parallel()
	for _, of := range []shape{onSQLite, onPostgres} {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			id := s.backUp().ID
			for name, harm := range map[string]func([]byte) []byte{
				"flipped bit": func(content []byte) []byte { content[len(content)/2] ^= 4; return content },
				"truncated":   func(content []byte) []byte { return content[:len(content)-1] },
				"missing":     nil,
			} {
				for at, file := range filesOf(t, s.repo) {
					if strings.HasSuffix(file, ".dat.gz") && at%40 != 0 { // a dump has one for each table
						continue
					}
					s.harm(t, id, name, file, harm)
				}
			}
			if got := s.verify(id); len(got.Damaged) > 0 {
				t.Error(got.Damaged)
			}
		})
	}
}

// harm damages one file, looks that it is told, and repairs it.
func (s *scene) harm(t testing.TB, id, name, file string, harm func([]byte) []byte) {
	t.Helper()
	before := []byte(content(t, file))
	if len(before) == 0 {
		return
	}
	err := os.Remove(file)
	if harm != nil {
		err = os.WriteFile(file, harm(slices.Clone(before)), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	repository, err := backup.OpenRepository(s.repo)
	if err != nil {
		t.Fatal(err)
	}
	report, err := repository.Verify(t.Context(), id, backup.VerifyOptions{})
	closing(t, repository)
	if err == nil && len(report.Damaged) == 0 {
		t.Errorf("%s: %s is not found", name, file)
	}
	if err == nil && !strings.Contains(strings.Join(report.Damaged, "\n"), filepath.Base(file)) {
		t.Errorf("%s: %s is not named: %v", name, file, report.Damaged)
	}
	if err := os.WriteFile(file, before, 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDamagedBackupIsNotRestored(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	for _, file := range filesOf(t, s.repo) {
		before := content(t, file)
		if err := os.Truncate(file, int64(len(before)/2)); err != nil {
			t.Fatal(err)
		}
		p := s.newPlace()
		if _, err := p.restore(p.options()); err == nil {
			t.Errorf("it is restored with half of %s", file)
		}
		if _, err := os.Lstat(p.folder); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: something was written", file)
		}
		if err := os.WriteFile(file, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestTamperedBackupLeadsNowhere(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	manifest := s.backUp()
	folder := filepath.Join(s.repo, "backups", manifest.ID)
	for name, tamper := range map[string]func(m *backup.Manifest){
		"up": func(m *backup.Manifest) {
			m.Files[0].Name = "files/../../../../../evil"
			m.Files[0].Path = "/../../../../evil"
		},
		"absolute":         func(m *backup.Manifest) { m.Files[0].Name = "/etc/evil" },
		"another path":     func(m *backup.Manifest) { m.Files[0].Path = "/etc/evil" },
		"dump elsewhere":   func(m *backup.Manifest) { m.Databases[0].Dump = "database/../../evil.db" },
		"rows elsewhere":   func(m *backup.Manifest) { m.Databases[0].Files[0].Name = "database/../manifest.json" },
		"list elsewhere":   func(m *backup.Manifest) { m.Media.List.Name = "../../other" },
		"another backup's": func(m *backup.Manifest) { m.ID = "20200101T000000Z-000000" },
		"newer format":     func(m *backup.Manifest) { m.Format = 2 },
	} {
		changed := copyOf(t, manifest)
		tamper(changed)
		writeManifest(t, folder, changed)
		p := s.newPlace()
		_, err := p.restore(p.options())
		_, isDamaged := errors.AsType[*backup.DamagedError](err)
		_, isNewer := errors.AsType[*backup.FormatError](err)
		if !isDamaged && !isNewer || isNewer != (name == "newer format") {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := os.Lstat(p.folder); err == nil {
			t.Errorf("%s: something was written", name)
		}
	}
	writeManifest(t, folder, manifest)
	if got := s.verify(manifest.ID); len(got.Damaged) > 0 {
		t.Error(got.Damaged)
	}
}

func copyOf(t testing.TB, manifest *backup.Manifest) *backup.Manifest {
	t.Helper()
	content, err := json.Marshal(manifest)
	copied := &backup.Manifest{}
	if err := errors.Join(err, json.Unmarshal(content, copied)); err != nil {
		t.Fatal(err)
	}
	return copied
}

// writeManifest writes one whose checksum is right, as whoever tampers can.
func writeManifest(t testing.TB, folder string, manifest *backup.Manifest) {
	t.Helper()
	content, err := json.Marshal(manifest)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"manifest.json": string(content), "manifest.sha256": sumOf(content) + "  manifest.json\n"} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestLinksInTheTargetAreNotFollowed(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	p := s.newPlace()
	if err := p.restoreStopped(backup.PhaseMedia); err == nil {
		t.Fatal("it was not stopped")
	}
	elsewhere := t.TempDir()
	if err := os.RemoveAll(filepath.Join(p.folder, "media_store")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.folder, "media_store"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(elsewhere, filepath.Join(p.folder, "media_store", "local_content")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.restore(p.options()); err == nil {
		t.Error("a link that leads out is followed")
	}
	if diff := cmp.Diff(map[string]string{}, tree(t, elsewhere)); diff != "" {
		t.Error(diff)
	}
}

func TestRepositoryThatCannotBeUsed(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	repository := s.repository()
	defer closing(t, repository)
	if _, err := repository.Create(t.Context(), s.options()); err != nil {
		t.Fatal(err)
	}
	_, err := s.tryBackUp(s.options()) // the first one keeps its lock until it is closed
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.RepositoryLocked}) {
		t.Error(err)
	}
	other := t.TempDir()
	if err := os.WriteFile(filepath.Join(other, "precious"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = backup.MakeRepository(other)
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.TargetNotEmpty}) {
		t.Error(err)
	}
	if err := os.WriteFile(filepath.Join(other, "synapse-backups.json"), []byte(`{"format": 2, "id": "a"}`), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := backup.OpenRepository(other); err == nil || !strings.Contains(err.Error(), "format 2") {
		t.Error(err)
	}
}
