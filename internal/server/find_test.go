package server

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// install makes folders with programs of the given names that can be run.
func install(t *testing.T, root string, folders []string, programs ...string) {
	t.Helper()
	for _, folder := range folders {
		path := filepath.Join(root, folder)
		if err := os.MkdirAll(path, 0o755); err != nil {
			t.Fatal(err)
		}
		for _, program := range programs {
			if err := os.WriteFile(filepath.Join(path, program), []byte("#!/bin/sh\n"), 0o755); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestNewestCompleteInstallationIsFound(t *testing.T) {
	t.Parallel()
	root := filepath.Join(t.TempDir(), "place")
	install(t, root, []string{"9/bin", "17/bin", "16/bin"}, "initdb", "postgres")
	install(t, root, []string{"18/bin"}, "psql")
	patterns := []string{filepath.Join(root, "missing"), filepath.Join(root, "*/bin")}
	found, ok := findInstallation(patterns, "initdb", "postgres")
	if want := filepath.Join(root, "17/bin"); !ok || found.folder != want {
		t.Errorf("found %q, want %q", found.folder, want)
	}
	if _, ok := findInstallation(patterns, "mariadbd"); ok {
		t.Error("found a program that is nowhere")
	}
}

func TestLinkedProgramLeadsToAllOfThem(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	install(t, root, []string{"real", "links"}, "postgres", "psql")
	for _, program := range []string{"postgres", "psql"} {
		if err := os.Remove(filepath.Join(root, "links", program)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(filepath.Join(root, "real/postgres"), filepath.Join(root, "links/postgres")); err != nil {
		t.Fatal(err)
	}
	found, ok := findInstallation([]string{filepath.Join(root, "links")}, "postgres")
	if want := filepath.Join(root, "real"); !ok || found.folder != want {
		t.Errorf("found %q, want %q", found.folder, want)
	}
}

func TestHintFitsTheSystem(t *testing.T) {
	t.Parallel()
	tests := []struct {
		families []string
		want     string
	}{
		{[]string{"linux", "debian"}, "apt-get install postgresql"},
		{[]string{"linux", "ubuntu", "debian"}, "create_main_cluster = false"},
		{[]string{"linux", "rocky", "rhel", "centos", "fedora"}, "dnf install postgresql-server"},
		{[]string{"linux", "alpine"}, "apk add postgresql"},
		{[]string{"darwin"}, "brew install"},
		{[]string{"plan9"}, PostgresFolderVariable},
	}
	for _, test := range tests {
		if got := postgresHint(test.families); !strings.Contains(got, test.want) {
			t.Errorf("the hint for %v is %q, want %q in it", test.families, got, test.want)
		}
	}
}

func TestTargetReplacesWhatTheConnectionStringNames(t *testing.T) {
	t.Parallel()
	tests := []struct{ dsn, want string }{
		{"host=db user=root dbname=main", `host=db user=root dbname=main user='a b' password='it\'s' dbname=new`},
		{"postgresql://root:pw@db:5433/main?sslmode=require", "postgresql://a%20b:it%27s@db:5433/new?sslmode=require"},
	}
	for _, test := range tests {
		if difference := cmp.Diff(test.want, withTarget(test.dsn, "new", "a b", "it's")); difference != "" {
			t.Errorf("%s (-want +got):\n%s", test.dsn, difference)
		}
	}
}

func TestFolderLeavesRoomForTheSocket(t *testing.T) {
	t.Parallel()
	if _, err := folderParent(account{}, longestSocketPath); err == nil {
		t.Error("a folder was chosen although no socket's path fits")
	}
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.Mkdir(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	if reachable(account{other: true}, closed) || !reachable(account{}, closed) {
		t.Error("a folder with permissions 0700 must be open to its owner and to nobody else")
	}
}

func TestMariaDBIsFoundWithItsInstaller(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	install(t, root, []string{"split/sbin", "lone/sbin", "whole/bin"}, "mariadbd")
	install(t, root, []string{"split/bin", "whole/bin"}, "mariadb-install-db")
	install(t, root, []string{"mysql/bin"}, "mysqld")
	if err := os.Symlink(filepath.Join(root, "lone/sbin/mariadbd"), filepath.Join(root, "lone/sbin/mysqld")); err != nil {
		t.Fatal(err)
	}
	for folder, want := range map[string]string{
		"split/sbin": "split/sbin/mariadbd split/bin/mariadb-install-db",
		"whole/bin":  "whole/bin/mariadbd whole/bin/mariadb-install-db",
		"mysql/bin":  "mysql/bin/mysqld ",
		"lone/sbin":  " ",
	} {
		t.Run(folder, func(t *testing.T) {
			t.Parallel()
			found, err := findMariaDB(filepath.Join(root, folder))
			if _, missing := errors.AsType[*NotInstalledError](err); err != nil && !missing {
				t.Fatal(err)
			}
			got := strings.ReplaceAll(found.server+" "+found.installer, root+"/", "")
			if difference := cmp.Diff(want, got); difference != "" {
				t.Error(difference)
			}
		})
	}
}

func TestVersionsAreNumbered(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"10.11.19-MariaDB-0+deb12u1": 101119, "8.0.36": 80036, "11.8.3-MariaDB": 110803} {
		if got, err := versionNumber(text); err != nil || got != want {
			t.Errorf("%s is %d, %v; want %d", text, got, err, want)
		}
	}
	if _, err := versionNumber("MariaDB"); err == nil {
		t.Error("a version was read where there is none")
	}
}

func TestProgramForClientsIsFoundAlone(t *testing.T) {
	root := t.TempDir()
	install(t, root, []string{"bin"}, "pg_dump")
	t.Setenv(PostgresFolderVariable, filepath.Join(root, "bin"))
	if found, err := FindPostgresProgram("pg_dump"); err != nil || found != filepath.Join(root, "bin/pg_dump") {
		t.Errorf("found %q, error %v", found, err)
	}
	if _, err := FindPostgresProgram("pg_restore"); err == nil || !strings.Contains(err.Error(), "pg_restore") {
		t.Errorf("the error is %v", err)
	}
}
