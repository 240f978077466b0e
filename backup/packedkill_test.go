package backup_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"filippo.io/age"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// packedWork is what a process has to do in a packed repository.
type packedWork struct {
	At        storeAt `json:"at"`
	Recipient string  `json:"recipient"`
	Identity  string  `json:"identity"`
	Staging   string  `json:"staging"`
	Cache     string  `json:"cache"`
}

func (w *packedWork) keys() (keys backup.Keys, err error) {
	if w.Recipient != "" {
		recipient, err := age.ParseX25519Recipient(w.Recipient)
		if err != nil {
			return keys, err
		}
		keys.Recipients = []age.Recipient{recipient}
	}
	if w.Identity != "" {
		identity, err := age.ParseX25519Identity(w.Identity)
		if err != nil {
			return keys, err
		}
		keys.Identities = []age.Identity{identity}
	}
	return keys, nil
}

// inPacks backs up, prunes or restores. The lock of a process that was killed is waited for.
func (p process) inPacks(ctx context.Context) (err error) {
	in, err := p.Packed.At.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	keys, err := p.Packed.keys()
	if err != nil {
		return err
	}
	open := backup.OpenPacked
	if p.YAML != "" {
		open = backup.MakePacked
	}
	opened, err := open(ctx, in, keys)
	if err != nil {
		return err
	}
	for {
		err := p.workIn(ctx, opened)
		if p.Packed.At.Bucket == "" || refusals(err) != string(backup.RepositoryLocked) {
			return err
		}
		select { // the service's clock says when the lock has run out
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(lease / 8):
		}
	}
}

func (p process) workIn(ctx context.Context, opened *backup.Packed) error {
	switch {
	case p.Keep > 0:
		_, err := opened.Prune(ctx, backup.PruneOptions{Policy: backup.Policy{Last: p.Keep}})
		return err
	case p.Folder != "":
		fetched, err := opened.Fetch(ctx, backup.FetchOptions{Staging: p.Packed.Staging})
		if err != nil {
			return err
		}
		if err := p.restoreFrom(ctx, fetched.Repository); err != nil {
			return errors.Join(err, fetched.Close())
		}
		return fetched.Remove()
	}
	loaded, err := config.Load(p.YAML)
	if err != nil {
		return err
	}
	options := backup.PackedCreateOptions{CreateOptions: backup.CreateOptions{Config: loaded, PgDump: p.PgDump}, Staging: p.Packed.Staging, Cache: p.Packed.Cache}
	_, err = opened.Create(ctx, options)
	return err
}

// written is a key as it is written.
func written[K any](keys []K) string {
	if len(keys) == 0 {
		return ""
	}
	return fmt.Sprint(keys[0])
}

// working is a process that has the keys that are needed: the public one to back up, the private one to restore.
func (v *vault) working(p process, staging string) process {
	p.Packed = &packedWork{At: v.at, Staging: staging, Cache: v.cache}
	switch {
	case p.YAML != "":
		p.Packed.Recipient = written(v.public.Recipients)
	case p.Folder != "":
		p.Packed.Identity = written(v.private.Identities)
	}
	return p
}

func (v *vault) creating(staging string) process { return v.working(v.scene.creating(), staging) }

// allWhole looks that every backup that is listed can be read whole.
func (v *vault) allWhole() {
	v.t.Helper()
	var ids []string
	err := v.with(backup.Keys{}, func(p *backup.Packed) (err error) {
		ids, err = p.IDs(v.t.Context())
		return err
	})
	if err != nil || len(ids) == 0 {
		v.t.Fatal("no backup is left", err)
	}
	for _, id := range ids {
		report, err := v.tryVerify(v.private, id)
		if err != nil || len(report.Damaged) > 0 {
			v.t.Errorf("%s: %+v %v", id, report, err)
		}
	}
}

// vaults are those in which processes are killed.
func vaults(t *testing.T, test func(t *testing.T, v *vault)) {
	t.Helper()
	t.Run("folder", func(t *testing.T) {
		t.Parallel()
		test(t, newScene(t, onPostgres).inFolder(true))
	})
	t.Run("bucket", func(t *testing.T) {
		t.Parallel()
		test(t, newScene(t, onSQLite).inBucket(true))
	})
}

func TestKilledPackedBackupIsNone(t *testing.T) {
	t.Parallel()
	vaults(t, func(t *testing.T, v *vault) {
		t.Helper()
		staging := t.TempDir()
		whole := v.creating(staging).mustEnd(t)
		for range dbtest.Rounds(t, 1) {
			v.creating(staging).kill(t, whole)
			v.allWhole()
			v.working(process{Keep: 2}, "").mustEnd(t) // it waits for the lock that was left in a bucket, so that the next one is killed at its work
		}
		v.creating(staging).mustEnd(t)
		v.allWhole()
		empty(t, staging)
		if _, err := v.restoreTo(v.newPlace(), t.TempDir()); err != nil {
			t.Error(err)
		}
	})
}

func empty(t testing.TB, folder string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil || len(entries) > 0 {
		t.Errorf("%v is left: %v", entries, err)
	}
}

func TestKilledPackedPruneLeavesWholeBackups(t *testing.T) {
	t.Parallel()
	vaults(t, func(t *testing.T, v *vault) {
		t.Helper()
		for range 3 {
			v.create()
		}
		pruning := v.working(process{Keep: 1}, "")
		whole := v.working(process{Keep: 9}, "").mustEnd(t)
		for range dbtest.Rounds(t, 1) {
			pruning.kill(t, whole)
			v.allWhole()
			v.creating(t.TempDir()).mustEnd(t)
		}
		pruning.mustEnd(t)
		v.allWhole()
		v.nothingUnnamed()
	})
}

// nothingUnnamed looks that prune finds nothing more.
func (v *vault) nothingUnnamed() {
	v.t.Helper()
	err := v.with(backup.Keys{}, func(p *backup.Packed) error {
		report, err := p.Prune(v.t.Context(), backup.PruneOptions{Policy: backup.Policy{Last: 9}})
		if err == nil && report.Packs > 0 {
			v.t.Errorf("%+v", report)
		}
		return err
	})
	if err != nil {
		v.t.Error(err)
	}
}

func TestKilledRestoreFromPacksGoesOn(t *testing.T) {
	t.Parallel()
	vaults(t, func(t *testing.T, v *vault) {
		t.Helper()
		manifest := v.create()
		whole := v.working(v.newPlace().restoring(), t.TempDir()).mustEnd(t)
		for range dbtest.Rounds(t, 1) {
			p, staging := v.newPlace(), t.TempDir()
			restoring := v.working(p.restoring(), staging)
			ended := false
			for range 3 {
				if ended = !restoring.kill(t, whole) || p.isWhole(); ended { // it may be killed after its last step
					break
				}
				p.guardedUnlessWhole()
			}
			if !ended {
				restoring.mustEnd(t)
				empty(t, staging)
			}
			p.sound(manifest)
			p.everyRow(manifest)
		}
	})
}

func TestFetchedPartsAreNotFetchedAgain(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	manifest := v.create()
	staging := t.TempDir()
	var took int64
	fetch := func(parts ...backup.Part) {
		t.Helper()
		took = 0
		err := v.with(v.private, func(p *backup.Packed) error {
			fetched, err := p.Fetch(t.Context(), backup.FetchOptions{Staging: staging, Only: parts, Progress: func(now backup.Progress) {
				if now.Phase == backup.PhaseFetch {
					took = max(took, now.Total)
				}
			}})
			if err != nil {
				return err
			}
			return fetched.Close()
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	fetch(backup.PartDatabase)
	if took == 0 || took >= manifest.Media.Bytes+manifest.Databases[0].Bytes {
		t.Errorf("%d bytes of the database", took)
	}
	fetch(backup.PartDatabase)
	if took != 0 {
		t.Errorf("%d bytes are fetched again", took)
	}
	database := filepath.Join(staging, "synapse-restore-"+manifest.ID, "backups", manifest.ID, manifest.Databases[0].Dump)
	if err := os.Truncate(database, 10); err != nil {
		t.Fatal(err)
	}
	fetch(backup.PartDatabase)
	if took != manifest.Databases[0].Files[0].Size {
		t.Errorf("%d bytes are fetched in place of what is damaged", took)
	}
	if info, err := os.Stat(database); err != nil || info.Size() != manifest.Databases[0].Files[0].Size {
		t.Error(info, err)
	}
}

// TestBackupThatIsRemovedMeanwhileIsNotDamaged: whoever only reads has no lock, and another process may prune.
func TestBackupThatIsRemovedMeanwhileIsNotDamaged(t *testing.T) {
	t.Parallel()
	for at, read := range map[backup.Phase]func(p *backup.Packed, progress func(backup.Progress)) error{
		backup.PhaseFetch: func(p *backup.Packed, progress func(backup.Progress)) error {
			_, err := p.Fetch(t.Context(), backup.FetchOptions{Staging: t.TempDir(), Progress: progress})
			return err
		},
		backup.PhaseProof: func(p *backup.Packed, progress func(backup.Progress)) error {
			_, err := p.Verify(t.Context(), "", backup.PackedVerifyOptions{Staging: t.TempDir(), VerifyOptions: backup.VerifyOptions{Progress: progress}})
			return err
		},
	} {
		v := newScene(t, onSQLite).inFolder(true)
		id := v.create().ID
		err := v.with(v.private, func(p *backup.Packed) error {
			return read(p, func(now backup.Progress) {
				if now.Phase != at {
					return
				}
				if err := errors.Join(os.RemoveAll(filepath.Join(v.at.Folder, "backups", id)), os.RemoveAll(filepath.Join(v.at.Folder, "packs"))); err != nil {
					t.Error(err)
				}
			})
		})
		if _, isNotFound := errors.AsType[*backup.NotFoundError](err); !isNotFound {
			t.Errorf("%s: %v", at, err)
		}
	}
}

// TestFetchedMediaAreNotCopied: where a fetched backup and the media store are on one file system there is room for it once.
func TestFetchedMediaAreNotCopied(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	manifest := v.create()
	p := v.newPlace()
	err := v.with(v.private, func(from *backup.Packed) error {
		fetched, err := from.Fetch(t.Context(), backup.FetchOptions{Staging: filepath.Dir(p.folder)})
		if err != nil {
			return err
		}
		if _, err := fetched.Restore(t.Context(), p.options()); err != nil {
			return err
		}
		for path, text := range tree(t, filepath.Join(p.folder, "media_store", "local_content")) {
			sum := sumOf([]byte(text))
			one, err := os.Stat(path)
			other, missing := os.Stat(filepath.Join(fetched.Path, "media", sum[:2], sum))
			if err := errors.Join(err, missing); err != nil || !os.SameFile(one, other) {
				t.Errorf("%s is a copy: %v", path, err)
			}
		}
		return fetched.Remove()
	})
	if err != nil {
		t.Fatal(err)
	}
	p.sound(manifest)
	for path := range tree(t, v.store()) {
		before, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		name, _ := filepath.Rel(v.store(), path)
		after, err := os.Stat(filepath.Join(p.folder, "media_store", name))
		if err != nil || !before.ModTime().Equal(after.ModTime()) {
			t.Errorf("%s has another time than before: %v", path, err)
		}
	}
}

func TestKeysOfPackedRepositories(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	v.create()
	other := v.newVault(storeAt{}, true)
	plain := v.inFolder(false)
	plain.create()
	protected := v.inFolder(false)
	protected.public.Passphrase, protected.private.Passphrase = []byte("horse staple"), []byte("horse staple")
	manifest := protected.create()
	for name, one := range map[string]struct {
		do   func() error
		want backup.ProblemID
	}{
		"no key to read":            {func() error { return v.canOpen(backup.Keys{}) }, backup.IdentityMissing},
		"another key to read":       {func() error { return v.canOpen(other.private) }, backup.IdentityWrong},
		"no recipient":              {func() error { return v.canCreate(backup.Keys{}) }, backup.RepositoryEncrypted},
		"a passphrase for no key":   {func() error { return v.canCreate(protected.public) }, backup.PassphraseUnused},
		"a recipient for no secret": {func() error { return plain.canCreate(v.public) }, backup.RepositoryNotEncrypted},
		"a key for no secret":       {func() error { return plain.canOpen(v.private) }, backup.RepositoryNotEncrypted},
		"a wrong passphrase":        {func() error { return protected.canCreate(backup.Keys{Passphrase: []byte("horse")}) }, backup.PassphraseWrong},
		"a wrong passphrase to read": {func() error {
			return protected.canOpen(backup.Keys{Passphrase: []byte("horse")})
		}, backup.PassphraseWrong},
	} {
		t.Run(name, func(t *testing.T) {
			before := []map[string]string{tree(t, v.at.Folder), tree(t, plain.at.Folder), tree(t, protected.at.Folder)}
			if ids := refusedFor(t, one.do()); !slices.Equal(ids, []backup.ProblemID{one.want}) {
				t.Error(ids)
			}
			for i, folder := range []string{v.at.Folder, plain.at.Folder, protected.at.Folder} {
				if after := tree(t, folder); len(after) != len(before[i]) {
					t.Error("something was written")
				}
			}
		})
	}
	protected.whole(manifest.ID)
	protected.comesBack(manifest)
	_, err := backup.OpenRepository(v.at.Folder)
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.RepositoryPacked}) {
		t.Error(err)
	}
}

func (v *vault) canOpen(keys backup.Keys) error {
	return v.with(keys, func(p *backup.Packed) error {
		_, err := p.Open(v.t.Context(), "")
		return err
	})
}

func (v *vault) canCreate(keys backup.Keys) error {
	_, err := v.tryCreate(keys)
	return err
}

func TestNewerPackedRepository(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(false)
	id := v.create().ID
	for name, change := range map[string]string{
		"synapse-backups.json":          `{"format":2,"id":"aa","packed":true}`,
		"backups/" + id + "/packs.json": `{"format":2}`,
	} {
		path := filepath.Join(v.at.Folder, name)
		before := content(t, path)
		if err := os.WriteFile(path, []byte(change), 0o600); err != nil {
			t.Fatal(err)
		}
		err := v.canOpen(backup.Keys{})
		if _, isNewer := errors.AsType[*backup.FormatError](err); !isNewer {
			t.Errorf("%s: %v", name, err)
		}
		prune := v.with(backup.Keys{}, func(p *backup.Packed) error {
			_, err := p.Prune(t.Context(), backup.PruneOptions{Policy: backup.Policy{Last: 1}})
			return err
		})
		if _, isNewer := errors.AsType[*backup.FormatError](prune); !isNewer {
			t.Errorf("%s: %v", name, prune)
		}
		if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	v.whole(id)
}
