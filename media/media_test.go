package media_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/media"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

func TestPathsAreThoseOfTheHomeserver(t *testing.T) {
	t.Parallel()
	const thumbnail = "32-32-image-png-crop"
	for _, one := range []struct {
		kind             media.Kind
		server, id, name string
		want             string // empty for none
	}{
		{media.LocalContent, "", "AbCdEfGh", "", "local_content/Ab/Cd/EfGh"},
		{media.LocalThumbnails, "", "AbCdEfGh", thumbnail, "local_thumbnails/Ab/Cd/EfGh/" + thumbnail},
		{media.RemoteContent, "[2001:db8::1]:8448", "AbCdEfGh", "", "remote_content/[2001:db8::1]:8448/Ab/Cd/EfGh"},
		{media.RemoteThumbnail, "example.org", "AbCdEfGh", thumbnail, "remote_thumbnail/example.org/Ab/Cd/EfGh/" + thumbnail},
		{media.URLCache, "", "2024-05-06_abcdefgh", "", "url_cache/2024-05-06/abcdefgh"},
		{media.URLCache, "", "AbCdEfGh", "", "url_cache/Ab/Cd/EfGh"},
		{media.URLThumbnails, "", "2024-05-06_abcdefgh", thumbnail, "url_cache_thumbnails/2024-05-06/abcdefgh/" + thumbnail},
		{media.LocalContent, "", "2024-05-06_abcdefgh", "", "local_content/20/24/-05-06_abcdefgh"},
		{media.LocalContent, "", "AbCd", "", ""},
		{media.LocalContent, "", "", "", ""},
		{media.LocalContent, "", "../../etc/passwd", "", ""},
		{media.LocalContent, "", "AbCd..", "", ""},
		{media.LocalContent, "", "AbCd/x", "", ""},
		{media.LocalThumbnails, "", "AbCdEfGh", "..", ""},
		{media.LocalThumbnails, "", "AbCdEfGh", "", ""},
		{media.RemoteContent, "..", "AbCdEfGh", "", ""},
		{media.RemoteContent, "", "AbCdEfGh", "", ""},
		{media.RemoteContent, "a/b", "AbCdEfGh", "", ""},
	} {
		parts, err := one.kind.Path(one.server, one.id, one.name)
		if got := strings.Join(parts, "/"); got != one.want || (err != nil) != (one.want == "") {
			t.Errorf("%s %q %q %q: %q, %v; want %q", one.kind, one.server, one.id, one.name, got, err, one.want)
		}
	}
}

func TestOnlyPathsBelowTheFoldersHaveAKind(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"local_content/Ab/Cd/EfGh": true, "url_cache/2024-05-06/x": true,
		"local_content": false, "/local_content/a": false, "local_content/../a": false, "local_content//a": false, "../local_content/a": false,
		"other/a": false, "": false, "local_content/./a": false, "local_content/a\x00b": false, `local_content/a\b`: false, "local_content/": false,
	} {
		if _, got := media.KindOf(path); got != want {
			t.Errorf("%q: %t, want %t", path, got, want)
		}
	}
}

func TestWalkGivesFilesInOrderAndFollowsNoLink(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"local_content/aa/bb/c", "local_content/aa/bb/b", "local_content/aa-/x/y", "other/file"} {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("/etc", filepath.Join(folder, "local_content", "zz")); err != nil {
		t.Fatal(err)
	}
	root, err := os.OpenRoot(folder)
	if err != nil {
		t.Fatal(err)
	}
	defer root.Close()
	var got []string
	for file, err := range media.Walk(t.Context(), root, media.LocalContent) {
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, strings.Join(file.Path, "/")+file.Closed)
	}
	want := []string{"local_content/aa/bb/b", "local_content/aa/bb/c", "local_content/aa-/x/y", "local_content/zza symbolic link, which is not followed"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for range media.Walk(t.Context(), root, media.RemoteContent) {
		t.Error("a folder that is not there has files")
	}
}

const rows = `CREATE TABLE local_media_repository (media_id TEXT, media_length INTEGER, url_cache TEXT%s);
CREATE TABLE local_media_repository_thumbnails (media_id TEXT, thumbnail_width INTEGER, thumbnail_height INTEGER, thumbnail_type TEXT, thumbnail_method TEXT);
CREATE TABLE remote_media_cache (media_origin TEXT, filesystem_id TEXT, media_length INTEGER%[1]s);
CREATE TABLE remote_media_cache_thumbnails (media_origin TEXT, filesystem_id TEXT, thumbnail_width INTEGER, thumbnail_height INTEGER, thumbnail_type TEXT, thumbnail_method TEXT);
INSERT INTO local_media_repository (media_id, media_length, url_cache) VALUES ('bbCdEfGh', 7, NULL), ('BBCdEfGh', 8, NULL), ('announced', NULL, NULL), ('x', 1, NULL), ('2024-05-06_abc', 9, 'http');
INSERT INTO local_media_repository_thumbnails VALUES ('bbCdEfGh', 32, 32, 'image/png', 'crop'), ('2024-05-06_abc', 32, 32, 'image/png', 'crop');
INSERT INTO remote_media_cache (media_origin, filesystem_id, media_length) VALUES ('a.example', 'AbCdEfGh', NULL), ('a.example', 'AbCdEfGh', NULL);
INSERT INTO remote_media_cache_thumbnails VALUES ('a.example', 'AbCdEfGh', 32, 32, 'image/png', 'crop');`

func TestRowsNameFiles(t *testing.T) {
	t.Parallel()
	for name, columns := range map[string]string{"with checksums": ", sha256 TEXT", "without": ""} {
		for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
			t.Run(string(kind)+" "+name, func(t *testing.T) {
				session := anyengine.New(t, kind).Session(t)
				if _, err := session.Exec(t.Context(), strings.ReplaceAll(strings.ReplaceAll(rows, "%s", columns), "%[1]s", columns)); err != nil {
					t.Fatal(err)
				}
				var got []string
				var without int64
				for _, kind := range media.Kinds() {
					count, err := media.Named(t.Context(), session, kind, func(row media.Row) error {
						got = append(got, strings.Join(row.Path, "/"))
						return nil
					})
					if err != nil {
						t.Fatal(err)
					}
					without += count
				}
				want := []string{
					"local_content/BB/Cd/EfGh", "local_content/bb/Cd/EfGh", "local_thumbnails/bb/Cd/EfGh/32-32-image-png-crop",
					"remote_content/a.example/Ab/Cd/EfGh", "remote_thumbnail/a.example/Ab/Cd/EfGh/32-32-image-png-crop",
					"url_cache/2024-05-06/abc", "url_cache_thumbnails/2024-05-06/abc/32-32-image-png-crop",
				}
				if diff := cmp.Diff(want, got); diff != "" || without != 1 {
					t.Errorf("%d rows without a file\n%s", without, diff)
				}
			})
		}
	}
}
