package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// onMount backs up into a small file system of its own, and then once more when that is read-only or almost full.
func (p process) onMount(ctx context.Context) error {
	if err := syscall.Mount("none", p.Place, "tmpfs", 0, "size=16m"); err != nil {
		return fmt.Errorf("mount: %w", err)
	}
	loaded, err := config.Load(p.YAML)
	if err != nil {
		return err
	}
	repo := filepath.Join(p.Place, "repo")
	create := func() error {
		if p.Packed != nil {
			return p.packsOnMount(ctx, repo)
		}
		repository, err := backup.MakeRepository(repo)
		if err != nil {
			return err
		}
		_, err = repository.Create(ctx, backup.CreateOptions{Config: loaded})
		return errors.Join(err, repository.Close())
	}
	if err := create(); err != nil {
		return err
	}
	if p.ReadOnly {
		err = syscall.Mount("none", p.Place, "tmpfs", syscall.MS_REMOUNT|syscall.MS_RDONLY, "")
	} else {
		err = fillUp(p.Place)
	}
	if err != nil {
		return err
	}
	fmt.Println(refusals(create()))
	if p.Packed != nil {
		return lookAtPacks(ctx, repo)
	}
	return lookAt(ctx, repo)
}

// packsOnMount puts things together elsewhere.
func (p process) packsOnMount(ctx context.Context, repo string) error {
	if err := os.MkdirAll(repo, 0o700); err != nil {
		return err
	}
	p.Packed.At.Folder = repo
	return p.inPacks(ctx)
}

// lookAtPacks prints how many backups there are, how many packs no backup has, and whether the newest one is whole.
func lookAtPacks(ctx context.Context, repo string) (err error) {
	in, err := storeAt{Folder: repo}.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	opened, err := backup.OpenPacked(ctx, in, backup.Keys{})
	if err != nil {
		return err
	}
	ids, err := opened.IDs(ctx)
	if err != nil {
		return err
	}
	report, err := opened.Verify(ctx, "", backup.PackedVerifyOptions{})
	if err != nil {
		return err
	}
	packs, err := filepath.Glob(filepath.Join(repo, "packs", "*", "*"))
	fmt.Println(len(ids), len(packs)-int(report.Packs), report.Damaged)
	return err
}

// fillUp leaves too little room for another backup.
func fillUp(place string) error {
	var system syscall.Statfs_t
	if err := syscall.Statfs(place, &system); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(place, "filler"), make([]byte, int64(system.Bavail)*system.Bsize-(200<<10)), 0o600)
}

// lookAt prints how many backups there are, and whether the newest one is whole.
func lookAt(ctx context.Context, repo string) error {
	repository, err := backup.OpenRepository(repo)
	if err != nil {
		return err
	}
	defer repository.Close()
	ids, err := repository.IDs()
	if err != nil {
		return err
	}
	report, err := repository.Verify(ctx, "", backup.VerifyOptions{})
	if err != nil {
		return err
	}
	entries, err := os.ReadDir(filepath.Join(repo, "backups"))
	fmt.Println(len(ids), len(entries), report.Damaged)
	return err
}

func TestRepositoryThatIsReadOnlyOrFull(t *testing.T) {
	t.Parallel()
	for want, readOnly := range map[backup.ProblemID]bool{backup.RepositoryReadOnly: true, backup.SpaceMissing: false} {
		t.Run(string(want), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, onSQLite)
			onMount(t, process{Place: t.TempDir(), ReadOnly: readOnly, YAML: s.yaml}, string(want)+"\n1 1 []\n")
		})
		t.Run(string(want)+" in packs", func(t *testing.T) {
			t.Parallel()
			v := newScene(t, onSQLite).inFolder(true)
			p := v.creating(t.TempDir())
			p.Place, p.ReadOnly = t.TempDir(), readOnly
			onMount(t, p, string(want)+"\n1 0 []\n")
			empty(t, p.Packed.Staging)
		})
	}
}

// onMount runs a process with mounts of its own, and compares what it prints.
func onMount(t testing.TB, p process, want string) {
	t.Helper()
	command := p.other().Command(t)
	dbtest.OwnMounts(command)
	output, err := command.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, output)
	}
	if got := string(output); got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
