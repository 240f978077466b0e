package backup_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// processVariable makes the test binary a process that backs up or restores, as its content, in JSON, says.
const processVariable = "SYNAPSE_BACKUP_TEST_PROCESS"

// process is what such a process has to do.
type process struct {
	Repo      string                    `json:"repo"`
	YAML      string                    `json:"yaml"`   // backs up
	Folder    string                    `json:"folder"` // restores
	Databases map[string]map[string]any `json:"databases"`
	PgDump    string                    `json:"pg_dump"`
	PgRestore string                    `json:"pg_restore"`
	// Write has it be a homeserver's writer on these databases and the media store of Folder.
	Write []reach `json:"write"`
	// Place is where it mounts a file system for itself: read-only after a first backup, or one that is too small.
	Place    string `json:"place"`
	ReadOnly bool   `json:"read_only"`
	// Keep has it prune.
	Keep int `json:"keep"`
	// Packed has it do that in a packed repository.
	Packed *packedWork `json:"packed"`
}

func (p process) Run(ctx context.Context) error {
	switch {
	case p.Write != nil:
		return p.write(ctx)
	case p.Place != "":
		return p.onMount(ctx)
	case p.Packed != nil:
		return p.inPacks(ctx)
	}
	repository, err := backup.MakeRepository(p.Repo)
	if err != nil {
		return err
	}
	if p.Keep > 0 {
		_, err := repository.Prune(ctx, backup.PruneOptions{Policy: backup.Policy{Last: p.Keep}})
		return errors.Join(err, repository.Close())
	}
	if p.Folder != "" {
		return errors.Join(p.restoreFrom(ctx, repository), repository.Close())
	}
	loaded, err := config.Load(p.YAML)
	if err != nil {
		return err
	}
	_, err = repository.Create(ctx, backup.CreateOptions{Config: loaded, PgDump: p.PgDump})
	return errors.Join(err, repository.Close())
}

func (p process) restoreFrom(ctx context.Context, repository *backup.Repository) (err error) {
	options := backup.RestoreOptions{Folder: p.Folder, Databases: map[string]*postgres.Config{}, PgRestore: p.PgRestore}
	for label, args := range p.Databases {
		if options.Databases[label], _, err = postgres.ParseArgs(args); err != nil {
			return err
		}
	}
	_, err = repository.Restore(ctx, options)
	return err
}

func (p process) other() dbtest.Process { return dbtest.Process{Variable: processVariable, Work: p} }

// mustEnd runs it to its end, and returns how long that took.
func (p process) mustEnd(t testing.TB) time.Duration {
	t.Helper()
	return p.other().MustEnd(t)
}

// kill ends it at a random moment, unless it has ended by then, and reports whether it was killed.
func (p process) kill(t testing.TB, within time.Duration) bool {
	t.Helper()
	return !p.other().SignalAfter(t, syscall.SIGKILL, rand.N(within))
}

func (s *scene) creating() process {
	return process{Repo: s.repo, YAML: s.yaml, PgDump: program(s.t, "pg_dump")}
}

func TestKilledBackupIsNone(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			whole := s.creating().mustEnd(t)
			for range dbtest.Rounds(t, 2) {
				s.creating().kill(t, whole)
				s.allWhole()
			}
			s.creating().mustEnd(t)
			s.allWhole()
			s.nothingUnfinished()
			p := s.newPlace()
			if _, err := p.restore(p.options()); err != nil {
				t.Error(err)
			}
		})
	}
}

// allWhole looks that every backup that is listed can be read whole.
func (s *scene) allWhole() {
	s.t.Helper()
	repository := s.repository()
	defer closing(s.t, repository)
	ids, err := repository.IDs()
	if err != nil || len(ids) == 0 {
		s.t.Fatal("no backup is left", err)
	}
	for _, id := range ids {
		report, err := repository.Verify(s.t.Context(), id, backup.VerifyOptions{PgRestore: program(s.t, "pg_restore")})
		if err != nil || len(report.Damaged) > 0 {
			s.t.Errorf("%s: %v %v", id, report, err)
		}
	}
}

func (s *scene) nothingUnfinished() {
	s.t.Helper()
	entries, err := os.ReadDir(filepath.Join(s.repo, "backups"))
	if err != nil {
		s.t.Fatal(err)
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			s.t.Errorf("%s is left", entry.Name())
		}
	}
}

func TestKilledRestoreGoesOn(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			manifest := s.backUp()
			whole := s.newPlace().restoring().mustEnd(t)
			for range dbtest.Rounds(t, 1) {
				p := s.newPlace()
				ended := false
				for range 3 {
					if ended = !p.restoring().kill(t, whole) || p.isWhole(); ended { // it may be killed after its last step
						break
					}
					p.guardedUnlessWhole()
				}
				if !ended {
					p.restoring().mustEnd(t)
				}
				p.sound(manifest)
			}
		})
	}
}

func (p *place) restoring() process {
	return process{Repo: p.repo, Folder: p.folder, Databases: p.databases, PgRestore: program(p.t, "pg_restore")}
}

// isWhole tells whether a restore has ended, by the mark that is gone, and the configuration, which is not there before the mark.
func (p *place) isWhole() bool {
	_, marked := os.Lstat(filepath.Join(p.folder, ".synapse-restore.json"))
	_, configured := os.Lstat(filepath.Join(p.folder, "config"))
	return configured == nil && marked != nil
}

// guardedUnlessWhole: a process that is killed in its last moments may have taken the guards away, after everything was proved.
func (p *place) guardedUnlessWhole() {
	p.t.Helper()
	if _, err := os.Lstat(filepath.Join(p.folder, "config")); err != nil {
		p.guarded()
	}
}
