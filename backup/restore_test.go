package backup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/media"
)

// place is where a homeserver is restored to.
type place struct {
	*scene

	folder    string
	databases map[string]map[string]any // the args by label
}

func (s *scene) newPlace() *place {
	s.t.Helper()
	p := &place{scene: s, folder: filepath.Join(s.t.TempDir(), "restored"), databases: map[string]map[string]any{}}
	for _, label := range map[shape][]string{onPostgres: {"master"}, inTwo: {"rest", "groups"}}[s.shape] {
		p.databases[label] = dbtest.NewDatabase(s.t).Config
	}
	return p
}

func (p *place) options() backup.RestoreOptions {
	p.t.Helper()
	options := backup.RestoreOptions{Folder: p.folder, Databases: map[string]*postgres.Config{}, PgRestore: program(p.t, "pg_restore")}
	for label, args := range p.databases {
		config, _, err := postgres.ParseArgs(args)
		if err != nil {
			p.t.Fatal(err)
		}
		options.Databases[label] = config
	}
	return options
}

func (p *place) restore(options backup.RestoreOptions) (*backup.Restored, error) {
	p.t.Helper()
	repository, err := backup.OpenRepository(p.repo)
	if err != nil {
		p.t.Fatal(err)
	}
	defer closing(p.t, repository)
	return repository.Restore(p.t.Context(), options)
}

// restored are sessions on what was restored, main first.
func (p *place) restored(do func(main, state engine.Session)) {
	p.t.Helper()
	copied := *p.scene
	switch p.shape {
	case onSQLite:
		copied.main = sqliteAt(filepath.Join(p.folder, "master.db"))
	case onPostgres:
		copied.main = postgresAt(p.databases["master"])
	case inTwo:
		copied.main, copied.state = postgresAt(p.databases["rest"]), postgresAt(p.databases["groups"])
	}
	copied.work(do)
}

// sound looks that the restored homeserver is whole: every state group and every file that rows refer to is there, and no one-time key.
func (p *place) sound(manifest *backup.Manifest) {
	p.t.Helper()
	p.restored(func(main, state engine.Session) {
		if got := number(p.t, main, "SELECT count(*) FROM e2e_one_time_keys_json"); got != 0 {
			p.t.Errorf("%d one-time keys came back", got)
		}
		events, newest := number(p.t, main, "SELECT count(*) FROM events"), number(p.t, main, "SELECT max(stream_ordering) FROM events")
		if events != newest || events != rowsOf(manifest, "events") {
			p.t.Errorf("%d events up to %d, and the snapshot has %d", events, newest, rowsOf(manifest, "events"))
		}
		group := number(p.t, main, "SELECT max(state_group) FROM event_to_state_groups")
		if got := number(p.t, state, "SELECT max(id) FROM state_groups"); got < group {
			p.t.Errorf("state groups end at %d, and events refer to %d", got, group)
		}
		for _, session := range []engine.Session{main, state} {
			if got := number(p.t, session, "SELECT compat_version FROM schema_compat_version"); got != homeserver.CompatVersion {
				p.t.Errorf("the compat version is %d", got)
			}
		}
		if main.Engine() == engine.Postgres {
			if got := number(p.t, main, "SELECT last_value FROM events_stream_seq"); got < newest+backup.DefaultSequenceMargin {
				p.t.Errorf("the sequence of events stands at %d", got)
			}
			if got := number(p.t, main, "SELECT stream_id FROM stream_positions"); got != 3 {
				p.t.Errorf("the position is %d", got)
			}
		}
		p.mediaSound(main)
	})
	p.filesSound(manifest)
}

func (p *place) mediaSound(main engine.Session) {
	p.t.Helper()
	for _, kind := range media.Local(false) {
		_, err := media.Named(p.t.Context(), main, kind, func(row media.Row) error {
			content, err := os.ReadFile(filepath.Join(p.folder, "media_store", filepath.Join(row.Path...)))
			if err != nil {
				return err
			}
			sum := sha256.Sum256(content)
			if row.SHA256 != "" && row.SHA256 != hex.EncodeToString(sum[:]) {
				p.t.Errorf("%v has another content", row.Path)
			}
			return nil
		})
		if err != nil {
			p.t.Error(err)
		}
	}
}

func (p *place) filesSound(manifest *backup.Manifest) {
	p.t.Helper()
	for _, file := range manifest.Files {
		restored := filepath.Join(p.folder, "config", file.Path)
		before, err := os.Stat(file.Path)
		if err != nil {
			p.t.Fatal(err)
		}
		after, err := os.Stat(restored)
		if err != nil {
			p.t.Error(err)
			continue
		}
		if before.Mode() != after.Mode() || content(p.t, file.Path) != content(p.t, restored) {
			p.t.Errorf("%s: mode %v, was %v", file.Path, after.Mode(), before.Mode())
		}
	}
}

func content(t testing.TB, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

func rowsOf(manifest *backup.Manifest, table string) int64 {
	for _, database := range manifest.Databases {
		for _, one := range database.Tables {
			if one.Name == table {
				return one.Rows
			}
		}
	}
	return -1
}

func number(t testing.TB, from engine.Querier, query string) (value int64) {
	t.Helper()
	if err := from.QueryRow(t.Context(), query).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

func TestHomeserverComesBack(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			manifest := s.backUp()
			p := s.newPlace()
			report, err := p.restore(p.options())
			if err != nil {
				t.Fatal(err)
			}
			p.sound(manifest)
			if report.Continued || report.MediaFiles != 10 || len(report.Files) != len(manifest.Files) || len(report.NotRestored) > 0 {
				t.Errorf("%+v", report)
			}
			if diff := cmp.Diff([]string{"media_storage_providers: media that only storage providers have"}, report.NotIncluded); diff != "" {
				t.Error(diff)
			}
			before := tree(t, p.folder)
			var refused *backup.RefusedError
			if _, err := p.restore(p.options()); !errors.As(err, &refused) {
				t.Errorf("a second restore over the first: %v", err)
			}
			if diff := cmp.Diff(before, tree(t, p.folder)); diff != "" {
				t.Errorf("the refused restore changed something: %s", diff)
			}
		})
	}
}

// tree are the files of a folder with their contents.
func tree(t testing.TB, folder string) map[string]string {
	t.Helper()
	files := map[string]string{}
	err := filepath.WalkDir(folder, func(path string, entry os.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			files[path] = content(t, path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func refusedFor(t testing.TB, err error) []backup.ProblemID {
	t.Helper()
	refused, isRefused := errors.AsType[*backup.RefusedError](err)
	if !isRefused {
		t.Errorf("it is not refused: %v", err)
		return nil
	}
	var ids []backup.ProblemID
	for _, problem := range refused.Problems {
		ids = append(ids, problem.ID)
	}
	return ids
}

func TestWhatIsThereIsNeverWrittenOver(t *testing.T) {
	t.Parallel()
	s := newScene(t, onPostgres)
	s.backUp()
	for name, one := range map[string]struct {
		prepare func(p *place, options *backup.RestoreOptions)
		want    backup.ProblemID
	}{
		"a database with a table": {func(p *place, _ *backup.RestoreOptions) {
			p.restored(func(main, _ engine.Session) { must(t, main, "CREATE TABLE precious (id int)") })
		}, backup.TargetNotEmpty},
		"a folder with a file": {func(p *place, _ *backup.RestoreOptions) {
			if err := errors.Join(os.Mkdir(p.folder, 0o700), os.WriteFile(filepath.Join(p.folder, "precious"), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}, backup.TargetNotEmpty},
		"no place for the database": {func(_ *place, options *backup.RestoreOptions) { clear(options.Databases) }, backup.TargetMissing},
		"the old place, whole": {func(p *place, options *backup.RestoreOptions) {
			options.Folder, options.Config = "", p.config()
		}, backup.TargetNotEmpty},
		"an encoding that is not UTF8": {func(p *place, _ *backup.RestoreOptions) {
			p.databases["master"] = dbtest.NewDatabase(t, func(options *server.DatabaseOptions) { options.Encoding = "SQL_ASCII" }).Config
		}, backup.TargetUnfit},
	} {
		t.Run(name, func(t *testing.T) {
			p := s.newPlace()
			options := p.options()
			one.prepare(p, &options)
			if name == "an encoding that is not UTF8" {
				options = p.options()
			}
			before := tree(t, s.folder)
			_, err := p.restore(options)
			if ids := refusedFor(t, err); !slices.Contains(ids, one.want) {
				t.Errorf("%v: %v", ids, err)
			}
			if diff := cmp.Diff(before, tree(t, s.folder)); diff != "" {
				t.Error(diff)
			}
			if _, err := os.Stat(filepath.Join(p.folder, "media_store")); err == nil {
				t.Error("something was written")
			}
		})
	}
}

func TestConfigurationComesBackWhereItIsReferredTo(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	manifest := s.backUp()
	lost := []string{"homeserver.db", "media_store", "etc/log.yaml", "etc/templates", "etc/example.org.signing.key"}
	for _, name := range lost {
		if err := os.RemoveAll(s.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	p := s.newPlace()
	report, err := p.restore(backup.RestoreOptions{Config: s.config()})
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range manifest.Files {
		if got, err := os.ReadFile(file.Path); err != nil || sumOf(got) != file.SHA256 {
			t.Errorf("%s: %v", file.Path, err)
		}
	}
	if len(report.NotRestored) > 0 || report.MediaFiles != 10 {
		t.Errorf("%+v", report)
	}
	second := s.backUp()
	if second.Media.Read != 0 {
		t.Errorf("the next backup reads %d files again", second.Media.Read)
	}
}

func TestSigningKeyGoesToWhereTheConfigurationHasIt(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	s.file("new.yaml", fmt.Sprintf("server_name: %s\nsigning_key_path: %q\nmedia_store_path: %q\ndatabase: {name: sqlite3, args: {database: %q}}\n",
		serverName, s.path("new/the.key"), s.path("new/media"), s.path("new/server.db")), 0o600)
	loaded, err := config.Load(s.path("new.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	p := s.newPlace()
	report, err := p.restore(backup.RestoreOptions{Config: loaded})
	if err != nil {
		t.Fatal(err)
	}
	if content(t, s.path("new/the.key")) != keyLine || len(report.NotRestored) == 0 {
		t.Errorf("%+v", report)
	}
	for _, name := range []string{"new/server.db", "new/media/local_content"} {
		if _, err := os.Stat(s.path(name)); err != nil {
			t.Error(err)
		}
	}
}

func TestDatabasesOfOneRoleAreBackedUpTogether(t *testing.T) {
	t.Parallel()
	s := newScene(t, inTwo)
	super := dbtest.Postgres(t)
	for i := range s.reached {
		name, _ := s.reached[i].Args["dbname"].(string)
		s.reached[i].Args = map[string]any{"dsn": super.DSN(name, super.Superuser())}
	}
	s.file("etc/homeserver.yaml", fmt.Sprintf("server_name: %s\nsigning_key_path: %q\nmedia_store_path: %q\ndatabases:\n"+
		"  groups: {name: psycopg2, data_stores: [state], args: %s}\n  rest: {name: psycopg2, data_stores: [main], args: %s}\n",
		serverName, s.path("etc/example.org.signing.key"), s.store(), inline(t, s.reached[1].Args), inline(t, s.reached[0].Args)), 0o600)
	if report := s.verify(s.backUp().ID); len(report.Damaged) > 0 {
		t.Error(report.Damaged)
	}
}

func sumOf(content []byte) string {
	sum := sha256.Sum256(content)
	return hex.EncodeToString(sum[:])
}

func TestLostSigningKeyStopsTheRestore(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	if err := os.Remove(s.path("etc/example.org.signing.key")); err != nil {
		t.Fatal(err)
	}
	_, err := s.tryBackUp(s.options())
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.FileMissing}) || !strings.Contains(err.Error(), "example.org.signing.key") {
		t.Error(err)
	}
	options := s.options()
	options.AllowMissing = true
	manifest, err := s.tryBackUp(options)
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.MissingFiles) != 1 || len(manifest.SigningKeys) != 0 {
		t.Errorf("%+v", manifest.MissingFiles)
	}
	p := s.newPlace()
	_, err = p.restore(p.options())
	if ids := refusedFor(t, err); !slices.Equal(ids, []backup.ProblemID{backup.SigningKeyMissing}) {
		t.Error(err)
	}
	withNew := p.options()
	withNew.NewSigningKey = true
	report, err := p.restore(withNew)
	if err != nil {
		t.Fatal(err)
	}
	if len(report.SigningKeys) != 1 || !strings.HasPrefix(report.SigningKeys[0].ID, "ed25519:a_") {
		t.Errorf("%+v", report.SigningKeys)
	}
}

func TestNewSigningKeyTellsTheOldOne(t *testing.T) {
	t.Parallel()
	s := newScene(t, onSQLite)
	s.backUp()
	p := s.newPlace()
	options := p.options()
	options.NewSigningKey = true
	report, err := p.restore(options)
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(report.OldSigningKeys, `"ed25519:a_test": { key: "O2onvM62pC1io6jQKm8Nc2UyFXcd4kOmOsBIoYtZ2ik", expired_ts: `) {
		t.Error(report.OldSigningKeys)
	}
	key := filepath.Join(p.folder, "config", s.path("etc/example.org.signing.key"))
	if got := content(t, key); got == keyLine || !strings.HasPrefix(got, "ed25519 a_") {
		t.Error("the old key came back")
	}
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
}

func TestStoppedRestoreGoesOn(t *testing.T) {
	t.Parallel()
	for _, of := range shapes() {
		t.Run(string(of), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, of)
			manifest := s.backUp()
			p := s.newPlace()
			for _, phase := range []backup.Phase{backup.PhaseDatabase, backup.PhaseProof, backup.PhaseMedia, backup.PhaseFiles, backup.PhaseFinish} {
				if err := p.restoreStopped(phase); !errors.Is(err, context.Canceled) {
					t.Errorf("stopped at %s: %v", phase, err)
				}
				p.guarded()
			}
			report, err := p.restore(p.options())
			if err != nil {
				t.Fatal(err)
			}
			if !report.Continued {
				t.Error("it did not go on")
			}
			p.sound(manifest)
		})
	}
}

// restoreStopped is told to end at the beginning of a phase.
func (p *place) restoreStopped(at backup.Phase) error {
	p.t.Helper()
	ctx, cancel := context.WithCancel(p.t.Context())
	defer cancel()
	options := p.options()
	options.Progress = func(now backup.Progress) {
		if now.Phase == at {
			cancel()
		}
	}
	repository, err := backup.OpenRepository(p.repo)
	if err != nil {
		p.t.Fatal(err)
	}
	defer closing(p.t, repository)
	_, err = repository.Restore(ctx, options)
	return err
}

// guarded looks that no homeserver would start on what is there.
func (p *place) guarded() {
	p.t.Helper()
	if p.shape == onSQLite {
		if _, err := os.Stat(filepath.Join(p.folder, "master.db")); err == nil {
			p.t.Error("the database has its name")
		}
		return
	}
	p.restored(func(main, state engine.Session) {
		for _, session := range []engine.Session{main, state} {
			if number(p.t, session, "SELECT count(*) FROM pg_class WHERE relname = 'users' OR relname = 'state_groups'") == 0 {
				continue
			}
			if got := number(p.t, session, "SELECT compat_version FROM schema_compat_version"); got != 2147483647 {
				p.t.Errorf("half a database has compat version %d", got)
			}
		}
	})
}
