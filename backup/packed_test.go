package backup_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"filippo.io/age"
	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/backup/pack"
	"github.com/synapsedb/synapse/backup/store"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// vault is a packed repository of a scene, and the keys to it. The homeserver has the public one alone.
type vault struct {
	*scene

	at      storeAt
	public  backup.Keys
	private backup.Keys
	cache   string
}

// storeAt is a folder or a bucket.
type storeAt struct {
	Folder    string `json:"folder"`
	Bucket    string `json:"bucket"`
	Endpoint  string `json:"endpoint"`
	AccessKey string `json:"access_key"`
	SecretKey string `json:"secret_key"`
}

// lease is short, so that tests need not wait long for the lock of a process that was killed.
const lease = 4 * time.Second

func (s storeAt) open(ctx context.Context) (store.Store, error) {
	if s.Folder != "" {
		return store.OpenFolder(s.Folder)
	}
	return store.OpenS3(ctx, store.S3Options{
		Bucket: s.Bucket, Prefix: "backups/of", Endpoint: s.Endpoint, Region: server.S3Region, Lease: lease,
		Credentials: store.Credentials{AccessKey: s.AccessKey, SecretKey: s.SecretKey},
	})
}

func (v *vault) open() store.Store {
	v.t.Helper()
	opened, err := v.at.open(v.t.Context())
	if err != nil {
		v.t.Fatal(err)
	}
	return opened
}

func (s *scene) newVault(at storeAt, encrypted bool) *vault {
	s.t.Helper()
	v := &vault{scene: s, at: at, cache: filepath.Join(s.t.TempDir(), "cache")}
	if !encrypted {
		return v
	}
	identity, err := age.GenerateX25519Identity()
	if err != nil {
		s.t.Fatal(err)
	}
	v.public.Recipients, v.private.Identities = []age.Recipient{identity.Recipient()}, []age.Identity{identity}
	return v
}

// inFolder is a vault in a folder.
func (s *scene) inFolder(encrypted bool) *vault {
	s.t.Helper()
	folder := filepath.Join(s.t.TempDir(), "packed")
	if err := os.Mkdir(folder, 0o700); err != nil {
		s.t.Fatal(err)
	}
	return s.newVault(storeAt{Folder: folder}, encrypted)
}

// inBucket is a vault in a bucket of its own.
func (s *scene) inBucket(encrypted bool) *vault {
	s.t.Helper()
	service := dbtest.S3(s.t)
	return s.newVault(storeAt{Bucket: dbtest.NewBucket(s.t), Endpoint: service.Endpoint(), AccessKey: service.AccessKey(), SecretKey: service.SecretKey()}, encrypted)
}

// with opens the repository to read.
func (v *vault) with(keys backup.Keys, do func(p *backup.Packed) error) error {
	v.t.Helper()
	in := v.open()
	defer closing(v.t, in)
	opened, err := backup.OpenPacked(v.t.Context(), in, keys)
	if err != nil {
		return err
	}
	return do(opened)
}

func (v *vault) tryCreate(keys backup.Keys) (manifest *backup.Manifest, err error) {
	v.t.Helper()
	in := v.open()
	defer closing(v.t, in)
	made, err := backup.MakePacked(v.t.Context(), in, keys)
	if err != nil {
		return nil, err
	}
	return made.Create(v.t.Context(), backup.PackedCreateOptions{CreateOptions: v.options(), Staging: v.t.TempDir(), Cache: v.cache})
}

func (v *vault) create() *backup.Manifest {
	v.t.Helper()
	manifest, err := v.tryCreate(v.public)
	if err != nil {
		v.t.Fatal(err)
	}
	return manifest
}

func (v *vault) tryVerify(keys backup.Keys, id string) (report *backup.Verified, err error) {
	v.t.Helper()
	err = v.with(keys, func(p *backup.Packed) error {
		options := backup.PackedVerifyOptions{VerifyOptions: backup.VerifyOptions{PgRestore: program(v.t, "pg_restore")}, Staging: v.t.TempDir()}
		report, err = p.Verify(v.t.Context(), id, options)
		return err
	})
	return report, err
}

// whole looks that a backup is, with a key and without.
func (v *vault) whole(id string) {
	v.t.Helper()
	for _, keys := range []backup.Keys{{}, v.private} {
		report, err := v.tryVerify(keys, id)
		if err != nil || len(report.Damaged) > 0 || !report.Noted {
			v.t.Errorf("%s: %+v %v", id, report, err)
		}
	}
}

// restoreTo fetches a backup, and restores it from there.
func (v *vault) restoreTo(p *place, staging string) (*backup.Restored, error) {
	v.t.Helper()
	var report *backup.Restored
	err := v.with(v.private, func(from *backup.Packed) error {
		fetched, err := from.Fetch(v.t.Context(), backup.FetchOptions{Staging: staging})
		if err != nil {
			return err
		}
		if report, err = fetched.Restore(v.t.Context(), p.options()); err != nil {
			return errors.Join(err, fetched.Close())
		}
		return fetched.Remove()
	})
	return report, err
}

// comesBack looks that the newest backup does.
func (v *vault) comesBack(manifest *backup.Manifest) {
	v.t.Helper()
	p, staging := v.newPlace(), v.t.TempDir()
	report, err := v.restoreTo(p, staging)
	if err != nil {
		v.t.Fatal(err)
	}
	p.sound(manifest)
	p.everyRow(manifest)
	if report.MediaFiles != manifest.Media.Files || len(report.Files) != len(manifest.Files) {
		v.t.Errorf("%+v", report)
	}
	if diff := cmp.Diff(map[string]string{}, tree(v.t, staging)); diff != "" {
		v.t.Errorf("something is left of fetching: %s", diff)
	}
}

// clearTexts are texts that nobody may find in an encrypted repository.
func clearTexts() []string {
	return []string{"Media00000000000", "ed25519", serverName, "pepper", "homeserver", "media.jsonl", "local_content", "PGDMP", "SQLite format", "zstd"}
}

func TestPackedHomeserverComesBack(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		shape     shape
		encrypted bool
	}{{onSQLite, true}, {onSQLite, false}, {onPostgres, false}, {inTwo, true}} {
		t.Run(fmt.Sprintf("%s, encrypted: %v", one.shape, one.encrypted), func(t *testing.T) {
			t.Parallel()
			v := newScene(t, one.shape).inFolder(one.encrypted)
			manifest := v.create()
			v.whole(manifest.ID)
			v.comesBack(manifest)
			onlyForOwner(t, v.at.Folder)
			if one.encrypted {
				v.tellsNothing()
			}
		})
	}
}

func (v *vault) tellsNothing() {
	v.t.Helper()
	for path, content := range tree(v.t, v.at.Folder) {
		for _, text := range clearTexts() {
			if strings.Contains(content, text) {
				v.t.Errorf("%s shows %q", path, text)
			}
		}
	}
}

// TestSparsePacksAreNotTakenOver: else a pack would stay as long as one small file in it is there.
func TestSparsePacksAreNotTakenOver(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	random := rand.NewChaCha8([32]byte{})
	var large []string
	for i := range 4 {
		content := make([]byte, 2<<20)
		_, _ = random.Read(content) // it never fails
		name := fmt.Sprintf("media_store/local_content/La/rg/e%d", i)
		v.file(name, string(content), 0o640)
		large = append(large, v.path(name))
	}
	v.create()
	first := v.packsIn()
	for _, path := range large[1:] {
		if err := os.Remove(path); err != nil {
			t.Fatal(err)
		}
	}
	// The list of the backup before still has all of them; the one behind it has not.
	if m := v.create().Media; m.NewFiles != 0 {
		t.Errorf("%+v", m)
	}
	last := v.create()
	if m := last.Media; m.NewBytes < 2<<20 || m.NewFiles != m.Read {
		t.Errorf("%+v", m)
	}
	err := v.with(backup.Keys{}, func(p *backup.Packed) error {
		_, err := p.Prune(t.Context(), backup.PruneOptions{Policy: backup.Policy{Last: 1}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range first {
		if slices.Contains(v.packsIn(), path) {
			t.Errorf("%s is still there", path)
		}
	}
	v.whole(last.ID)
	v.comesBack(last)
}

// TestTamperedPackedBackupLeadsNowhere: whoever knows the public key can write a backup, whose names may lead anywhere.
func TestTamperedPackedBackupLeadsNowhere(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	manifest := v.create()
	for name, tamper := range map[string]func(m *backup.Manifest){
		"up": func(m *backup.Manifest) {
			m.Files[0].Name, m.Files[0].Path = "files/../../../../../evil", "/../../../../evil"
		},
		"list elsewhere":   func(m *backup.Manifest) { m.Media.List.Name = "../../other" },
		"another backup's": func(m *backup.Manifest) { m.ID = "20200101T000000Z-000000" },
		"another pack's":   func(m *backup.Manifest) { m.Files[0].Packs = []int{1000} },
		"negative":         func(m *backup.Manifest) { m.Databases[0].Files[0].Packs = []int{-1} },
	} {
		changed := copyOf(t, manifest)
		tamper(changed)
		v.replace(changed, manifest.ID)
		p, staging := v.newPlace(), t.TempDir()
		_, err := v.restoreTo(p, staging)
		if _, isDamaged := errors.AsType[*backup.DamagedError](err); !isDamaged {
			t.Errorf("%s: %v", name, err)
		}
		empty(t, staging)
	}
	v.replace(manifest, manifest.ID)
	v.comesBack(manifest)
}

// replace puts a manifest in the place of that of a backup, with all its sums.
func (v *vault) replace(manifest *backup.Manifest, id string) {
	v.t.Helper()
	plain, err := json.Marshal(manifest)
	if err != nil {
		v.t.Fatal(err)
	}
	sealed, err := pack.Seal(plain, v.public.Recipients)
	if err != nil {
		v.t.Fatal(err)
	}
	packs := filepath.Join(v.at.Folder, "backups", id, "packs.json")
	described := map[string]any{}
	if err := json.Unmarshal([]byte(content(v.t, packs)), &described); err != nil {
		v.t.Fatal(err)
	}
	name := "backups/" + id + "/manifest.json.age"
	described["manifest"] = pack.Pack{Name: name, Size: int64(len(sealed)), SHA256: sumOf(sealed)}
	text, err := json.Marshal(described)
	if err != nil {
		v.t.Fatal(err)
	}
	if err := errors.Join(os.WriteFile(packs, text, 0o600), os.WriteFile(filepath.Join(v.at.Folder, name), sealed, 0o600)); err != nil {
		v.t.Fatal(err)
	}
}

func TestHomeserverComesBackFromABucket(t *testing.T) {
	t.Parallel()
	for of, encrypted := range map[shape]bool{onSQLite: true, onPostgres: false, inTwo: true} {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			v := newScene(t, of).inBucket(encrypted)
			v.create()
			v.work(func(main, _ engine.Session) { v.medium(main, 6) })
			second := v.create()
			if m := second.Media; m.Files != 12 || m.Read != 2 || m.NewFiles != 1 {
				t.Errorf("%+v", m)
			}
			v.whole(second.ID)
			err := v.with(backup.Keys{}, func(p *backup.Packed) error {
				report, err := p.Prune(t.Context(), backup.PruneOptions{Policy: backup.Policy{Last: 1}})
				if err == nil && (len(report.Removed) != 1 || report.Packs == 0) {
					t.Errorf("%+v", report)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			v.whole(second.ID)
			v.comesBack(second)
		})
	}
}

// packsIn are the files of packs.
func (v *vault) packsIn() (packs []string) {
	v.t.Helper()
	for path := range tree(v.t, filepath.Join(v.at.Folder, "packs")) {
		packs = append(packs, path)
	}
	slices.Sort(packs)
	return packs
}

func TestSecondPackedBackupStoresOnlyWhatIsNew(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	v.create()
	first := v.packsIn()
	v.work(func(main, _ engine.Session) { v.medium(main, 6) })
	second := v.create()
	if m := second.Media; m.Files != 12 || m.Read != 2 || m.NewFiles != 1 {
		t.Errorf("%+v", m)
	}
	for _, path := range first {
		if _, err := os.Stat(path); err != nil {
			t.Error(err)
		}
	}
	v.whole(second.ID)
	v.comesBack(second)

	if err := os.RemoveAll(v.cache); err != nil {
		t.Fatal(err)
	}
	third := v.create()
	if m := third.Media; m.Read != 12 || m.NewFiles != 6 {
		t.Errorf("without the cache and without a key: %+v", m)
	}
	if err := os.RemoveAll(v.cache); err != nil {
		t.Fatal(err)
	}
	fourth, err := v.tryCreate(backup.Keys{Recipients: v.public.Recipients, Identities: v.private.Identities})
	if err != nil {
		t.Fatal(err)
	}
	if m := fourth.Media; m.Read != 0 || m.NewFiles != 0 {
		t.Errorf("without the cache, with a key: %+v", m)
	}
	v.comesBack(fourth)
}

func TestDamagedPackIsFoundAndStoredAnew(t *testing.T) {
	t.Parallel()
	for name, harm := range map[string]func(path string, content []byte) error{
		"flipped bit": func(path string, content []byte) error {
			content[len(content)/2] ^= 4
			return os.WriteFile(path, content, 0o600)
		},
		"truncated": func(path string, content []byte) error { return os.Truncate(path, int64(len(content)-1)) },
		"missing":   func(path string, _ []byte) error { return os.Remove(path) },
	} {
		for _, encrypted := range []bool{true, false} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				v := newScene(t, onSQLite).inFolder(encrypted)
				v.create()
				for _, path := range v.packsIn() {
					v.harmPack(path, harm)
				}
				healed := v.create()
				v.whole(healed.ID)
				v.comesBack(healed)
			})
		}
	}
}

// harmPack damages a pack, and looks that it is told, and that nothing is restored.
func (v *vault) harmPack(path string, harm func(path string, content []byte) error) {
	v.t.Helper()
	if err := harm(path, []byte(content(v.t, path))); err != nil {
		v.t.Fatal(err)
	}
	for _, keys := range []backup.Keys{{}, v.private} {
		report, err := v.tryVerify(keys, "")
		if err != nil || !strings.Contains(strings.Join(report.Damaged, "\n"), filepath.Base(path)) {
			v.t.Errorf("%+v %v", report, err)
		}
	}
	p := v.newPlace()
	_, err := v.restoreTo(p, v.t.TempDir())
	if _, isDamaged := errors.AsType[*backup.DamagedError](err); !isDamaged {
		v.t.Error(err)
	}
	if _, err := os.Lstat(p.folder); !errors.Is(err, fs.ErrNotExist) {
		v.t.Error("something was restored")
	}
}

func TestPackedPruneRemovesWhatNoBackupNeeds(t *testing.T) {
	t.Parallel()
	v := newScene(t, onSQLite).inFolder(true)
	first := v.create()
	v.work(func(main, _ engine.Session) { v.medium(main, 6) })
	v.create()
	if err := errors.Join(os.RemoveAll(filepath.Join(v.store(), "local_content")), os.RemoveAll(filepath.Join(v.store(), "local_thumbnails"))); err != nil {
		t.Fatal(err)
	}
	v.work(func(main, _ engine.Session) { v.medium(main, 7) })
	third := v.create()
	before := v.packsIn()
	if report, err := v.tryVerify(backup.Keys{}, first.ID); err != nil || !report.Noted {
		t.Fatal(report, err)
	}
	prune := func(options backup.PruneOptions) (report *backup.Pruned) {
		t.Helper()
		err := v.with(backup.Keys{}, func(p *backup.Packed) (err error) {
			report, err = p.Prune(t.Context(), options)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return report
	}
	would := prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}, DryRun: true})
	if got := v.packsIn(); !slices.Equal(got, before) {
		t.Error("a dry run has removed packs")
	}
	did := prune(backup.PruneOptions{Policy: backup.Policy{Last: 1}})
	if diff := cmp.Diff([]string{first.ID, third.ID}, did.Kept); diff != "" {
		t.Error(diff)
	}
	if would.PackBytes != did.PackBytes || int(did.Packs) != len(before)-len(v.packsIn()) || did.Packs == 0 {
		t.Errorf("%+v, and would have %+v", did, would)
	}
	v.whole(first.ID)
	v.whole(third.ID)
	if _, err := v.restoreTo(v.newPlace(), t.TempDir()); err != nil {
		t.Error(err)
	}
}
