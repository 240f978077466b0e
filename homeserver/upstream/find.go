package upstream

import (
	"io/fs"
	"os"
	"path/filepath"
)

// Find looks for upstream's schema directory where its packages of Debian, pip and Docker install it. Where several are,
// it takes the one with the greatest SCHEMA_VERSION. tried are the places it looked at, with "*" for what it filled in.
func Find() (dir string, tried []string, ok bool) {
	home, _ := os.UserHomeDir() // without one, one place less
	return search{root: "/", home: home, environment: os.Getenv("VIRTUAL_ENV")}.find()
}

// search is Find in a file system that begins at root.
type search struct {
	root        string
	home        string // of the user, with root in front
	environment string // the Python environment that is active, with root in front
}

type place struct{ base, pattern string }

func (s search) places() []place {
	const directory = "synapse/storage/schema"
	const site = "lib/python3*/site-packages/" + directory
	system := []place{
		{"opt/venvs/matrix-synapse", site}, // Debian, packages of the project
		{"usr/lib/python3/dist-packages", directory},
		{"usr/local", site}, // Docker, pip
		{"usr/local", "lib/python3*/dist-packages/" + directory},
		{"usr", site},
	}
	var all []place
	if s.environment != "" {
		all = append(all, place{s.environment, site})
	}
	for _, found := range system {
		all = append(all, place{filepath.Join(s.root, found.base), found.pattern})
	}
	if s.home != "" {
		all = append(all, place{filepath.Join(s.home, ".local"), site}, place{filepath.Join(s.home, "synapse/env"), site})
	}
	return all
}

func (s search) find() (dir string, tried []string, ok bool) {
	newest := -1
	for _, where := range s.places() {
		tried = append(tried, filepath.Join(where.base, where.pattern))
		found, _ := fs.Glob(os.DirFS(where.base), where.pattern+"/"+constantsFile) // the patterns are well-formed
		for _, name := range found {
			candidate := filepath.Join(where.base, name)
			if version := versionOf(candidate); version > newest {
				newest, dir, ok = version, filepath.Dir(candidate), true
			}
		}
	}
	return dir, tried, ok
}

// versionOf is 0 for what cannot be read: Open says why, if nothing better is there.
func versionOf(file string) int {
	content, err := os.ReadFile(file)
	if err != nil {
		return 0
	}
	version, err := readConstant(string(content), versionConstant)
	if err != nil {
		return 0
	}
	return version
}
