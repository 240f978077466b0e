package upstream

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	debian = "opt/venvs/matrix-synapse/lib/python3.11/site-packages/synapse/storage/schema"
	docker = "usr/local/lib/python3.12/site-packages/synapse/storage/schema"
	distro = "usr/lib/python3/dist-packages/synapse/storage/schema"
	rolled = "usr/lib/python3.13/site-packages/synapse/storage/schema"
	user   = "root/home/.local/lib/python3.10/site-packages/synapse/storage/schema"
	manual = "root/home/synapse/env/lib/python3.9/site-packages/synapse/storage/schema"
	active = "work/[env]/lib/python3.12/site-packages/synapse/storage/schema"
)

func TestFind(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		installed map[string]string // constants by folder
		want      string
	}{
		"none":                     {nil, ""},
		"Debian":                   {map[string]string{debian: "SCHEMA_VERSION = 94"}, debian},
		"Docker":                   {map[string]string{docker: "SCHEMA_VERSION = 94"}, docker},
		"the distribution's":       {map[string]string{distro: "SCHEMA_VERSION = 73"}, distro},
		"another distribution's":   {map[string]string{rolled: "SCHEMA_VERSION = 94"}, rolled},
		"of the user":              {map[string]string{user: "SCHEMA_VERSION = 94"}, user},
		"by the manual":            {map[string]string{manual: "SCHEMA_VERSION = 94"}, manual},
		"the active environment":   {map[string]string{active: "SCHEMA_VERSION = 94"}, active},
		"the newest":               {map[string]string{debian: "SCHEMA_VERSION = 88", distro: "SCHEMA_VERSION = 73", manual: "SCHEMA_VERSION: int = 94", user: "SCHEMA_VERSION = 93"}, manual},
		"the first of equal ones":  {map[string]string{docker: "SCHEMA_VERSION = 94", active: "SCHEMA_VERSION = 94"}, active},
		"rather one that is read":  {map[string]string{debian: "SCHEMA_VERSION = f()", manual: "SCHEMA_VERSION = 72"}, manual},
		"one that cannot be read":  {map[string]string{debian: "SCHEMA_VERSION = f()"}, debian},
		"the newer Python of them": {map[string]string{docker: "SCHEMA_VERSION = 94", strings.Replace(docker, "3.12", "3.9", 1): "SCHEMA_VERSION = 93"}, docker},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root := t.TempDir()
			for folder, constants := range test.installed {
				write(t, filepath.Join(root, folder, constantsFile), constants)
			}
			dir, tried, ok := search{root: root, home: filepath.Join(root, "root/home"), environment: filepath.Join(root, "work/[env]")}.find()
			if want := test.want != ""; ok != want || ok && dir != filepath.Join(root, test.want) {
				t.Errorf("found %q, %t; want %q", dir, ok, test.want)
			}
			if len(tried) != 8 {
				t.Errorf("tried %q", tried)
			}
		})
	}
}

func TestFindSaysWhereItLooked(t *testing.T) {
	t.Parallel()
	_, tried, _ := search{root: "/nowhere"}.find()
	want := []string{
		"/nowhere/opt/venvs/matrix-synapse/lib/python3*/site-packages/synapse/storage/schema",
		"/nowhere/usr/lib/python3/dist-packages/synapse/storage/schema",
		"/nowhere/usr/local/lib/python3*/site-packages/synapse/storage/schema",
		"/nowhere/usr/local/lib/python3*/dist-packages/synapse/storage/schema",
		"/nowhere/usr/lib/python3*/site-packages/synapse/storage/schema",
	}
	if diff := cmp.Diff(want, tried); diff != "" {
		t.Error(diff)
	}
}
