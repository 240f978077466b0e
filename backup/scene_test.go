package backup_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/media"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[process](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

// shape is how the databases of a homeserver are made.
type shape string

const (
	onSQLite   shape = "sqlite"
	onPostgres shape = "postgres"
	inTwo      shape = "split"
)

func shapes() []shape { return []shape{onSQLite, onPostgres, inTwo} }

const (
	serverName = "example.org"
	keyLine    = "ed25519 a_test AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n"
)

// scene is a homeserver with its files.
type scene struct {
	t      testing.TB
	shape  shape
	folder string
	repo   string
	yaml   string
	main   opener
	state  opener
	// reached says how other processes open the databases of main and state.
	reached [2]reach
}

// reach is a path of SQLite, or the args of PostgreSQL.
type reach struct {
	Path string         `json:"path"`
	Args map[string]any `json:"args"`
}

func (r reach) opener() opener {
	if r.Path != "" {
		return sqliteAt(r.Path)
	}
	return postgresAt(r.Args)
}

func newScene(t testing.TB, of shape) *scene {
	t.Helper()
	folder := t.TempDir()
	s := &scene{t: t, shape: of, folder: folder, repo: filepath.Join(folder, "repo"), yaml: filepath.Join(folder, "etc", "homeserver.yaml")}
	s.file("etc/example.org.signing.key", keyLine, 0o640)
	s.file("etc/log.yaml", "version: 1\n", 0o644)
	s.file("etc/bridge.yaml", "as_token: secret\n", 0o600)
	s.file("etc/templates/a/b.html", "<p>", 0o644)
	s.file("etc/pepper", "shared\n", 0o600)
	if err := os.MkdirAll(s.store(), 0o700); err != nil {
		t.Fatal(err)
	}
	s.file("etc/homeserver.yaml", fmt.Sprintf(`server_name: %s
signing_key_path: %q
log_config: %q
app_service_config_files: [%q]
registration_shared_secret_path: %q
templates: {custom_template_directory: %q}
media_store_path: %q
media_storage_providers: [{module: s3_storage_provider.S3StorageProviderBackend}]
%s`, serverName, s.path("etc/example.org.signing.key"), s.path("etc/log.yaml"), s.path("etc/bridge.yaml"), s.path("etc/pepper"), s.path("etc/templates"),
		s.store(), s.databases()), 0o600)
	s.fill()
	return s
}

func (s *scene) path(name string) string { return filepath.Join(s.folder, filepath.FromSlash(name)) }
func (s *scene) store() string           { return s.path("media_store") }

func (s *scene) file(name, content string, mode os.FileMode) {
	s.t.Helper()
	path := s.path(name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), mode); err != nil {
		s.t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		s.t.Fatal(err)
	}
}

// databases makes them, and gives their section of the configuration.
func (s *scene) databases() string {
	s.t.Helper()
	switch s.shape {
	case onSQLite:
		path := s.path("homeserver.db")
		s.main, s.reached = sqliteAt(path), [2]reach{{Path: path}}
		s.state = s.main
		s.create(s.main)
		return fmt.Sprintf("database: {name: sqlite3, args: {database: %q}}\n", path)
	case onPostgres:
		database := dbtest.NewDatabase(s.t)
		s.main, s.reached = postgresAt(database.Config), [2]reach{{Args: database.Config}}
		s.state = s.main
		s.create(s.main)
		return "database: {name: psycopg2, args: " + inline(s.t, database.Config) + "}\n"
	case inTwo:
		main, state := dbtest.NewDatabase(s.t), dbtest.NewDatabase(s.t)
		s.main, s.state = postgresAt(main.Config), postgresAt(state.Config)
		s.reached = [2]reach{{Args: main.Config}, {Args: state.Config}}
		s.create(s.main, "main")
		s.create(s.state, "state")
		return "databases:\n  groups: {name: psycopg2, data_stores: [state], args: " + inline(s.t, state.Config) + "}\n" +
			"  rest: {name: psycopg2, data_stores: [main], args: " + inline(s.t, main.Config) + "}\n"
	}
	panic("no such shape")
}

// inline is YAML too.
func inline(t testing.TB, args map[string]any) string {
	t.Helper()
	text, err := json.Marshal(args)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (s *scene) create(open opener, logical ...string) {
	s.t.Helper()
	session := s.open(open)
	defer closing(s.t, session)
	if err := homeserver.Create(s.t.Context(), session, logical...); err != nil {
		s.t.Fatal(err)
	}
}

// opener opens a database.
type opener func(context.Context) (engine.Session, error)

func sqliteAt(path string) opener {
	return func(ctx context.Context) (engine.Session, error) {
		return sqlite.OpenSession(ctx, sqlite.Config{Database: path}, nil)
	}
}

func postgresAt(args map[string]any) opener {
	return func(ctx context.Context) (engine.Session, error) {
		config, _, err := postgres.ParseArgs(args)
		if err != nil {
			return nil, err
		}
		return config.OpenSession(ctx, nil)
	}
}

func (s *scene) open(open opener) engine.Session {
	s.t.Helper()
	session, err := open(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return session
}

// work gives sessions on the databases of main and state, which end then: this process may not have an SQLite file open that it copies.
func (s *scene) work(do func(main, state engine.Session)) {
	s.t.Helper()
	main := s.open(s.main)
	defer closing(s.t, main)
	state := main
	if s.shape == inTwo {
		state = s.open(s.state)
		defer closing(s.t, state)
	}
	do(main, state)
}

func must(t testing.TB, session engine.Querier, statement string, values ...any) {
	t.Helper()
	if _, err := session.Exec(t.Context(), statement, values...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

const room = "!room:" + serverName

func (s *scene) fill() {
	s.t.Helper()
	s.work(func(main, state engine.Session) {
		must(s.t, main, "INSERT INTO rooms (room_id) VALUES (?)", room)
		must(s.t, main, "INSERT INTO users (name) VALUES (?)", "@alice:"+serverName)
		must(s.t, main, "INSERT INTO e2e_one_time_keys_json VALUES ('@alice:example.org', 'D', 'signed_curve25519', 'K', 1, '{}')")
		must(s.t, main, "INSERT INTO stream_positions VALUES ('events', 'master', 3)")
		for i := range 5 {
			s.event(main, state, i+1)
			s.medium(main, i+1)
		}
	})
}

func (s *scene) event(main, state engine.Querier, number int) {
	s.t.Helper()
	if err := writeEvent(s.t.Context(), main, state, number); err != nil {
		s.t.Fatal(err)
	}
}

func (s *scene) medium(main engine.Querier, number int) {
	s.t.Helper()
	if err := writeMedium(s.t.Context(), main, s.store(), number); err != nil {
		s.t.Fatal(err)
	}
}

// writeEvent writes a state group before the event that refers to it, as a homeserver does.
func writeEvent(ctx context.Context, main, state engine.Querier, number int) error {
	id := fmt.Sprintf("$%d", number)
	if _, err := state.Exec(ctx, "INSERT INTO state_groups (id, room_id, event_id) VALUES (?, ?, ?)", number, room, id); err != nil {
		return err
	}
	if main.Engine() == engine.Postgres {
		if _, err := main.Exec(ctx, "SELECT setval('events_stream_seq', ?)", number); err != nil {
			return err
		}
	}
	if _, err := main.Exec(ctx, `INSERT INTO events (topological_ordering, event_id, type, room_id, processed, outlier, stream_ordering)
VALUES (?, ?, 'm.room.message', ?, ?, ?, ?)`, number, id, room, true, false, number); err != nil {
		return err
	}
	_, err := main.Exec(ctx, "INSERT INTO event_to_state_groups (event_id, room_id, state_group) VALUES (?, ?, ?)", id, room, number)
	return err
}

// mediumOf is the id and the content of a medium.
func mediumOf(number int) (id, content string) {
	id = fmt.Sprintf("Media%019d", number)
	return id, strings.Repeat(id, 100+number%7)
}

// writeMedium writes a file before its row, as a homeserver does.
func writeMedium(ctx context.Context, main engine.Querier, store string, number int) error {
	id, content := mediumOf(number)
	sum := sha256.Sum256([]byte(content))
	for kind, name := range map[media.Kind]string{media.LocalContent: "", media.LocalThumbnails: "32-32-image-png-crop"} {
		parts, err := kind.Path("", id, name)
		if err != nil {
			return err
		}
		path := filepath.Join(store, filepath.Join(parts...))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			return err
		}
	}
	if _, err := main.Exec(ctx, "INSERT INTO local_media_repository (media_id, media_length, sha256) VALUES (?, ?, ?)", id, len(content), hex.EncodeToString(sum[:])); err != nil {
		return err
	}
	_, err := main.Exec(ctx, "INSERT INTO local_media_repository_thumbnails VALUES (?, 32, 32, 'image/png', 'crop', 1)", id)
	return err
}

func (s *scene) config() *config.Config {
	s.t.Helper()
	loaded, err := config.Load(s.yaml)
	if err != nil {
		s.t.Fatal(err)
	}
	return loaded
}

func (s *scene) options() backup.CreateOptions {
	return backup.CreateOptions{Config: s.config(), PgDump: program(s.t, "pg_dump")}
}

// program is one of PostgreSQL's.
func program(t testing.TB, name string) string {
	t.Helper()
	return dbtest.Postgres(t).Bin(name)
}

func (s *scene) repository() *backup.Repository {
	s.t.Helper()
	repository, err := backup.MakeRepository(s.repo)
	if err != nil {
		s.t.Fatal(err)
	}
	return repository
}

// backUp makes a backup that has to succeed.
func (s *scene) backUp() *backup.Manifest {
	s.t.Helper()
	manifest, err := s.tryBackUp(s.options())
	if err != nil {
		s.t.Fatal(err)
	}
	return manifest
}

func (s *scene) tryBackUp(options backup.CreateOptions) (*backup.Manifest, error) {
	s.t.Helper()
	repository := s.repository()
	defer closing(s.t, repository)
	return repository.Create(s.t.Context(), options)
}

func (s *scene) verify(id string) *backup.Verified {
	s.t.Helper()
	repository := s.repository()
	defer closing(s.t, repository)
	report, err := repository.Verify(s.t.Context(), id, backup.VerifyOptions{PgRestore: program(s.t, "pg_restore")})
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

func closing(t testing.TB, closer interface{ Close() error }) {
	t.Helper()
	if err := closer.Close(); err != nil {
		t.Error(err)
	}
}
