package backup_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
)

func TestBackupHoldsEverything(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			made := s.backUp()
			if got := s.verify(made.ID); len(got.Damaged) > 0 {
				t.Error(got.Damaged)
			}
			if want := []backup.SigningKey{{ID: "ed25519:a_test", PublicKey: "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik"}}; cmp.Diff(want, made.SigningKeys) != "" {
				t.Error(made.SigningKeys)
			}
			var keys []string
			for _, file := range made.Files {
				keys = append(keys, file.Key)
			}
			slices.Sort(keys)
			if diff := cmp.Diff([]string{"--config", "app_service_config_files", "log_config", "registration_shared_secret_path", "signing_key_path", "templates.custom_template_directory"}, keys); diff != "" {
				t.Error(diff)
			}
			if made.Databases[0].Logical[0] != "main" {
				t.Errorf("the first snapshot is not main's: %v", made.Databases[0].Logical)
			}
			if m := made.Media; m.Files != 10 || m.NewFiles != 5 || m.Without+m.Differing+m.Unnamed+m.Closed != 0 {
				t.Errorf("%+v", m)
			}
			for _, table := range made.Databases[0].Tables {
				if table.Name == "e2e_one_time_keys_json" && (table.Rows != 1 || !table.Left) || table.Name == "events" && table.Rows != 5 {
					t.Errorf("%+v", table)
				}
			}
			onlyForOwner(t, s.repo)
		})
	}
}

// onlyForOwner looks that nobody else may read what is in a folder.
func onlyForOwner(t testing.TB, folder string) {
	t.Helper()
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestSecondBackupReadsOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	s.work(func(main, _ engine.Session) { s.medium(main, 6) })
	second := s.backUp()
	if m := second.Media; m.Files != 12 || m.Read != 2 || m.NewFiles != 1 {
		t.Errorf("%+v", m)
	}
	if err := os.RemoveAll(filepath.Join(s.repo, "media")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(s.repo, "media"), 0o700); err != nil {
		t.Fatal(err)
	}
	third := s.backUp()
	if m := third.Media; m.Read != 12 || m.NewFiles != 6 {
		t.Errorf("what the repository has lost: %+v", m)
	}
	if got := s.verify(third.ID); len(got.Damaged) > 0 {
		t.Error(got.Damaged)
	}
}

func TestFilesWhoseNamesCannotComeBackAreRefused(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	for _, name := range []string{"a\\b", "a\nb", "a\xffb"} {
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		options := s.options()
		options.Include = []string{path}
		_, err := s.tryBackUp(options)
		if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.FileUnfit}) {
			t.Errorf("%q: %v", name, err)
		}
	}
}
