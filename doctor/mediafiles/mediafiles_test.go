package mediafiles_test

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/doctor/mediafiles"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

// rows of media whose files are as write makes them. That of a URL preview, and the one that was not uploaded yet, have none.
var rows = []string{
	`INSERT INTO local_media_repository (media_id, media_length, url_cache) VALUES ('AAbbfirst', 5, NULL), ('AAbbsecond', 6, NULL), ('aabbthird', 5, NULL), ('AAccwaiting', NULL, NULL), ('2026-01-01_preview', 9, 'https://x.test')`,
	`INSERT INTO local_media_repository_thumbnails (media_id, thumbnail_width, thumbnail_height, thumbnail_type, thumbnail_method, thumbnail_length) VALUES ('AAbbfirst', 32, 32, 'image/png', 'crop', 3), ('AAbbfirst', 100, 32, 'image/png', 'crop', 3)`,
	`INSERT INTO remote_media_cache (media_origin, media_id, media_length, filesystem_id) VALUES ('b.test:8448', 'x', 4, 'CCddremote'), ('a-b.test', 'x', 4, 'CCddremote'), ('a.test', 'x', 4, 'CCddremote')`,
	`INSERT INTO remote_media_cache_thumbnails (media_origin, media_id, thumbnail_width, thumbnail_height, thumbnail_type, thumbnail_method, thumbnail_length, filesystem_id) VALUES ('a.test', 'x', 32, 32, 'image/jpeg', 'scale', 3, 'CCddremote')`,
}

var files = map[string]string{
	"local_content/AA/bb/first":                                   "12345",
	"local_content/AA/bb/second":                                  "123456",
	"local_content/aa/bb/third":                                   "12345",
	"local_thumbnails/AA/bb/first/32-32-image-png-crop":           "123",
	"local_thumbnails/AA/bb/first/100-32-image-png-crop":          "123",
	"remote_content/a-b.test/CC/dd/remote":                        "1234",
	"remote_content/a.test/CC/dd/remote":                          "1234",
	"remote_content/b.test:8448/CC/dd/remote":                     "1234",
	"remote_thumbnail/a.test/CC/dd/remote/32-32-image-jpeg-scale": "123",
	"url_cache/2026-01-01/preview":                                "123456789",
}

func write(t *testing.T, store string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(store, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// each runs a test on both engines, beside a store that is in order.
func each(t *testing.T, test func(t *testing.T, store string, session engine.Session, options doctor.Options)) {
	t.Helper()
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.Postgres(t)
		test(t, prepare(t, session, &options), session, options)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		_, session, options := doctortest.SQLite(t)
		test(t, prepare(t, session, &options), session, options)
	})
}

func prepare(t *testing.T, session engine.Session, options *doctor.Options) (store string) {
	t.Helper()
	store = t.TempDir()
	options.MediaStore = store
	doctortest.Exec(t, session, rows...)
	write(t, store, files)
	if found := media(t, *options); len(found) > 0 {
		t.Fatalf("before anything was broken: %+v", found)
	}
	return store
}

// media makes the check of this package alone.
func media(t *testing.T, options doctor.Options) []finding.Finding {
	t.Helper()
	database := options.Databases[0]
	subject := &finding.Subject{Path: database.SQLitePath, Postgres: database.Postgres, MediaStore: options.MediaStore}
	var err error
	if database.Postgres != nil {
		subject.Session, err = database.Postgres.OpenSession(t.Context(), nil)
	} else {
		subject.Session, err = sqlite.OpenSession(t.Context(), sqlite.Config{Database: database.SQLitePath}.ReadOnly(), nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	found, err := mediafiles.Checks()[0].Run(t.Context(), subject)
	if err := errors.Join(err, subject.Session.Close()); err != nil {
		t.Fatal(err)
	}
	return found
}

func TestMissingAndSurplusFiles(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		remove   string
		write    map[string]string
		id       string
		severity finding.Severity
		evidence string
	}{
		"an upload":             {"local_content/AA/bb/second", nil, mediafiles.FileMissing, finding.Error, "local_content/AA/bb/second"},
		"all uploads":           {"local_content", nil, mediafiles.FileMissing, finding.Error, "local_content/aa/bb/third"},
		"a thumbnail":           {"local_thumbnails/AA/bb/first/100-32-image-png-crop", nil, mediafiles.ThumbnailMissing, finding.Info, "local_thumbnails/AA/bb/first/100-32-image-png-crop"},
		"media of others":       {"remote_content/a.test", nil, mediafiles.RemoteMissing, finding.Info, "remote_content/a.test/CC/dd/remote"},
		"a thumbnail of others": {"remote_thumbnail", nil, mediafiles.RemoteMissing, finding.Info, "remote_thumbnail/a.test/CC/dd/remote/32-32-image-jpeg-scale"},
		"another size":          {"", map[string]string{"local_content/AA/bb/first": "1"}, mediafiles.FileSize, finding.Error, "local_content/AA/bb/first: 1 bytes, and its row says 5"},
		"too many": {"", map[string]string{"local_content/AA/bb/more": "12", "local_content/ZZ/zz/more": "34"}, mediafiles.FileWithoutRow, finding.Info,
			"local_content: 2 of 5 files, 4 bytes, such as local_content/AA/bb/more"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, store string, _ engine.Session, options doctor.Options) {
				if test.remove != "" {
					if err := os.RemoveAll(filepath.Join(store, test.remove)); err != nil {
						t.Fatal(err)
					}
				}
				write(t, store, test.write)
				found := media(t, options)
				if len(found) != 1 || found[0].ID != test.id || found[0].Severity != test.severity || !strings.Contains(strings.Join(found[0].Evidence, "\n"), test.evidence) {
					t.Fatalf("%+v", found)
				}
				for name := range test.write {
					if err := os.Remove(filepath.Join(store, name)); err != nil {
						t.Fatal(err)
					}
				}
				write(t, store, files)
				if found := media(t, options); len(found) > 0 {
					t.Errorf("still there: %+v", found)
				}
			})
		})
	}
}

// What is behind a symbolic link is not looked at, and so neither missing nor too much; the link may lead anywhere.
func TestSymbolicLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	for _, link := range []string{"local_content", "local_content/AA", "local_content/AA/bb/first"} {
		t.Run(link, func(t *testing.T) {
			t.Parallel()
			each(t, func(t *testing.T, store string, _ engine.Session, options doctor.Options) {
				elsewhere := t.TempDir()
				write(t, elsewhere, map[string]string{"not/to/be/seen": "x"})
				if err := os.RemoveAll(filepath.Join(store, link)); err != nil {
					t.Fatal(err)
				}
				if err := os.Symlink(elsewhere, filepath.Join(store, link)); err != nil {
					t.Fatal(err)
				}
				found := media(t, options)
				if len(found) != 1 || found[0].ID != mediafiles.FolderSkipped || len(found[0].Evidence) != 1 || !strings.HasPrefix(found[0].Evidence[0], link+": ") {
					t.Errorf("%+v", found)
				}
			})
		})
	}
}

// A socket stands where a file could: it is counted as one that no row knows.
func TestWhatIsNoRegularFileIsTooMuch(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store string, _ engine.Session, options doctor.Options) {
		short, err := os.MkdirTemp("", "media") // the path of a socket has to be
		if err != nil {
			t.Fatal(err)
		}
		defer os.RemoveAll(short)
		listener, err := net.Listen("unix", filepath.Join(short, "socket"))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		if err := os.Rename(filepath.Join(short, "socket"), filepath.Join(store, "local_content", "AA", "bb", "socket")); err != nil {
			t.Fatal(err)
		}
		found := media(t, options)
		if len(found) != 1 || found[0].ID != mediafiles.FileWithoutRow || !strings.Contains(found[0].Evidence[0], "1 of 4 files, 0 bytes, such as local_content/AA/bb/socket") {
			t.Errorf("%+v", found)
		}
	})
}

func TestStoreThatIsNotThere(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, store string, session engine.Session, options doctor.Options) {
		options.MediaStore = filepath.Join(store, "elsewhere")
		found := media(t, options)
		if len(found) != 1 || found[0].ID != mediafiles.StoreUnreadable || found[0].Severity != finding.Warning {
			t.Errorf("%+v", found)
		}
		doctortest.Exec(t, session, "DELETE FROM local_media_repository")
		if found := media(t, options); len(found) > 0 {
			t.Errorf("nothing was ever stored: %+v", found)
		}
	})
}

// Evidence is cut, and says how much more there is.
func TestManyMissingFiles(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.SQLite(t)
	prepare(t, session, &options)
	doctortest.Exec(t, session, `INSERT INTO local_media_repository (media_id, media_length)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000) SELECT printf('media%04d', i), 1 FROM n`)
	found := media(t, options)
	if len(found) != 1 || len(found[0].Evidence) != finding.MostEvidence || found[0].Evidence[finding.MostEvidence-1] != "and 991 more" {
		t.Errorf("%+v", found)
	}
}
