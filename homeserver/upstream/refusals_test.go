package upstream

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// refused expects an error of a type that says something, and a database that is as before.
func refused[T error](t *testing.T, on *scene, files fs.FS, options schema.Options, words ...string) {
	t.Helper()
	before := on.everything()
	_, err := on.prepare(files, options)
	if _, typed := errors.AsType[T](err); !typed {
		t.Fatalf("%T: %v", err, err)
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
	if diff := cmp.Diff(before, on.everything()); diff != "" {
		t.Errorf("something was written:\n%s", diff)
	}
}

func TestVersionAboveTheCode(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(94, 84), example())
		on.mustExecute("UPDATE schema_version SET version = 96")
		before := on.everything()
		if result := on.mustPrepare(release(94, 84), example()); result.Changed || on.everything() != before {
			t.Error("something was written")
		}
		on.mustExecute("UPDATE schema_compat_version SET compat_version = 95")
		refused[*schema.TooNewError](t, on, release(94, 84), example(), "version 96", "95 and later", "94")
		refused[*schema.TooNewError](t, on, release(94, 84), worker(), "95 and later")
	})
}

func TestWorkersRefuse(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		refused[*schema.BehindError](t, on, release(94, 84), worker(), "is empty", "main process")
		on.mustPrepare(release(93, 84), example())
		refused[*schema.BehindError](t, on, release(94, 84), worker(), "version 93", "needs 94", "94/01_redactions.sql", "94/02_settings.sql")
		on.mustPrepare(release(94, 84), example())
		on.mustExecute("DELETE FROM applied_schema_deltas WHERE file = '94/02_settings.sql'")
		refused[*schema.BehindError](t, on, release(94, 84), worker(), "94/02_settings.sql")
		// The full schema of 94 has it.
		on.mustExecute("UPDATE schema_version SET upgraded = FALSE")
		if result := on.mustPrepare(release(94, 84), worker()); result.Changed {
			t.Error("a worker changed something")
		}
	})
}

func TestDatabaseOfAnotherHomeserver(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(80, 78), schema.Options{Config: homeserver.Config{ServerName: "example.com"}})
		on.mustExecute("INSERT INTO users (name) VALUES ('@alice:other.example:8448')")
		refused[*homeserver.ServerNameError](t, on, release(94, 84), example(), "other.example:8448", "@alice", "example.com", "correct server_name")
		options := schema.Options{Config: homeserver.Config{ServerName: "other.example:8448"}}
		on.mustPrepare(release(94, 84), options)
		refused[*homeserver.ServerNameError](t, on, release(94, 84), example(), "other.example:8448")
	})
}

func TestNamelessHomeserver(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		on.mustPrepare(release(76, 72), schema.Options{})
		on.mustExecute("INSERT INTO profiles (user_id) VALUES ('alice')")
		refused[*homeserver.ServerNameError](t, on, release(94, 84), schema.Options{}, "give server_name")
		on.mustPrepare(release(77, 72), schema.Options{})
		on.mustExecute("INSERT INTO users (name) VALUES ('@bob:example.com')")
		on.mustPrepare(release(94, 84), schema.Options{})
		on.expect("SELECT full_user_id FROM profiles", "@alice:example.com")
	})
}

func TestUnknownPython(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, on *scene) {
		unknown := with(release(94, 84), map[string]string{"main/delta/85/04_new.py": "", "state/delta/85/05_new.py": ""})
		refused[*schema.MissingCodeError](t, on, unknown, example(), "main/delta/85/04_new.py", "state/delta/85/05_new.py", "newer release")
		on.mustPrepare(release(84, 84), example())
		refused[*schema.MissingCodeError](t, on, unknown, example(), "main/delta/85/04_new.py")
		on.mustPrepare(release(94, 84), example())
		if result := on.mustPrepare(unknown, example()); result.Changed {
			t.Error("what nobody needs any more was missed")
		}
	})
}

// unreadable is a folder that nobody may list.
type unreadable struct {
	fstest.MapFS

	folder string
}

func (u unreadable) ReadDir(name string) ([]fs.DirEntry, error) {
	if name == u.folder {
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
	}
	return u.MapFS.ReadDir(name)
}

func TestWrongDirectories(t *testing.T) {
	t.Parallel()
	without := func(path string) fs.FS {
		files := release(94, 84)
		delete(files, path)
		return files
	}
	tests := map[string]struct {
		files fs.FS
		want  []string
	}{
		"the same name in two databases": {
			with(release(94, 84), map[string]string{"state/delta/94/01_redactions.sql": "SELECT 1;"}),
			[]string{"state/delta/94/01_redactions.sql", "main/delta/94/01_redactions.sql has the same name"},
		},
		"a folder that cannot be listed":   {unreadable{release(94, 84), "main/delta/80"}, []string{"main/delta/80: cannot be read", "permission denied"}},
		"SQL that cannot be split":         {with(release(94, 84), map[string]string{"main/delta/94/09.sql": "SELECT 1;\nSELECT 'abc;"}), []string{"main/delta/94/09.sql:2:"}},
		"no full schema":                   {release(50, 40), []string{"no full schema for sqlite that is not above version 50"}},
		"a database without a full schema": {without("state/full_schemas/72/full.sql.postgres"), []string{`"state" has no full schema 72 for postgres`}},
		"no bookkeeping":                   {without("common/schema_version.sql"), []string{"common/schema_version.sql: cannot be read"}},
		"a compat version above":           {release(94, 95), []string{"compat version 95"}},
		"no main":                          {fstest.MapFS{constantsFile: release(94, 84)[constantsFile]}, []string{"main: there is no such folder", "state: there is no such folder"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := Read(test.files)
			if _, typed := errors.AsType[*schema.SetError](err); !typed {
				t.Fatalf("%T: %v", err, err)
			}
			for _, word := range test.want {
				if !strings.Contains(err.Error(), word) {
					t.Errorf("%q is not in: %v", word, err)
				}
			}
		})
	}
}

func TestOpenRefusesOtherDirectories(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, "synapse/storage/schema/__init__.py"), "SCHEMA_VERSION = 94")
	write(t, filepath.Join(folder, "file"), "")
	write(t, filepath.Join(folder, "outside/__init__.py"), "SCHEMA_VERSION = 94")
	write(t, filepath.Join(folder, "jail/main/x"), "")
	if err := os.Symlink("../outside/__init__.py", filepath.Join(folder, "jail/__init__.py")); err != nil {
		t.Fatal(err)
	}
	tests := map[string]string{
		folder:                             "give synapse/storage/schema in it",
		folder + "/none":                   "it cannot be opened: no such file or directory; give the directory synapse/storage/schema",
		folder + "/file":                   "not a directory",
		folder + "/synapse":                "give storage/schema in it",
		folder + "/synapse/storage":        "give schema in it",
		folder + "/jail":                   "path escapes",
		folder + "/jail/main":              "it holds no __init__.py; give the directory synapse/storage/schema",
		folder + "/synapse/storage/schema": "/synapse/storage/schema/__init__.py: read SCHEMA_COMPAT_VERSION: it is not assigned",
	}
	for dir, want := range tests {
		_, err := Open(dir)
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%v; want %q", err, want)
		}
	}
}

func TestOpenNamesTheDirectory(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	write(t, filepath.Join(folder, constantsFile), "SCHEMA_VERSION = 94\nSCHEMA_COMPAT_VERSION = 84\n")
	_, err := Open(folder)
	if _, typed := errors.AsType[*schema.SetError](err); !typed || !strings.HasPrefix(err.Error(), "the schema directory "+folder+": ") {
		t.Errorf("%v", err)
	}
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
