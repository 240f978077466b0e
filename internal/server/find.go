package server

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// PostgresFolderVariable is the environment variable that names the folder of PostgreSQL's programs. Where it is set, no
// other place is searched.
const PostgresFolderVariable = "SYNAPSE_POSTGRES_BIN"

// MariaDBFolderVariable is the environment variable that names the folder of MariaDB's (or MySQL's) server program. Where
// it is set, no other place is searched.
const MariaDBFolderVariable = "SYNAPSE_MARIADB_BIN"

// installation is a folder that holds the programs of one version of a server.
type installation struct {
	folder string
}

// program returns the full path of one of the installation's programs.
func (i installation) program(name string) string { return filepath.Join(i.folder, name) }

// has reports whether all the named programs are there and can be run.
func (i installation) has(names ...string) bool {
	for _, name := range names {
		if _, err := exec.LookPath(i.program(name)); err != nil {
			return false
		}
	}
	return true
}

// resolved follows a link to one program into the folder that has all of them: PATH may hold links to a few only.
func (i installation) resolved(program string) installation {
	target, err := filepath.EvalSymlinks(i.program(program))
	if err != nil {
		return i
	}
	return installation{folder: filepath.Dir(target)}
}

// postgresFolders returns where distributions put PostgreSQL's programs: Debian and Ubuntu, PostgreSQL's own RPMs, a
// build from source, Homebrew on both processors, Alpine, and Fedora or Arch.
func postgresFolders() []string {
	return []string{
		"/usr/lib/postgresql/*/bin",
		"/usr/pgsql-*/bin",
		"/usr/local/pgsql/bin",
		"/opt/homebrew/opt/postgresql*/bin",
		"/usr/local/opt/postgresql*/bin",
		"/usr/libexec/postgresql*",
		"/usr/bin",
		"/usr/local/bin",
	}
}

// findPostgres returns the installation in folder; without a folder, the one the environment names; without that, the
// first of PATH and the usual places. Of several versions in one place it takes the newest.
func findPostgres(folder string) (installation, error) {
	if folder == "" {
		folder = os.Getenv(PostgresFolderVariable)
	}
	patterns := []string{folder}
	if folder == "" {
		patterns = append(filepath.SplitList(os.Getenv("PATH")), postgresFolders()...)
	}
	if found, ok := findInstallation(patterns, "initdb", "postgres"); ok {
		return found, nil
	}
	if folder == "" {
		patterns = append([]string{"PATH"}, postgresFolders()...)
	}
	return installation{}, &NotInstalledError{Product: "PostgreSQL", Looked: patterns, Hint: postgresHint(systemFamily())}
}

// FindPostgresProgram returns the full path of one of PostgreSQL's programs for clients, such as pg_dump: in the folder that
// the environment names; without that, the newest of the usual places, then of PATH, which on Debian holds scripts that
// choose a version by themselves. The error is a *NotInstalledError.
func FindPostgresProgram(name string) (string, error) {
	patterns := []string{os.Getenv(PostgresFolderVariable)}
	if patterns[0] == "" {
		patterns = append(postgresFolders(), filepath.SplitList(os.Getenv("PATH"))...)
	}
	for _, pattern := range patterns {
		for _, folder := range newestFirst(pattern) {
			if found := (installation{folder: folder}); found.has(name) {
				return found.program(name), nil
			}
		}
	}
	return "", &NotInstalledError{Product: name + " of PostgreSQL", Looked: patterns, Hint: postgresHint(systemFamily())}
}

// findInstallation returns the first folder among the patterns that has all the programs.
func findInstallation(patterns []string, programs ...string) (installation, bool) {
	for _, pattern := range patterns {
		for _, folder := range newestFirst(pattern) {
			if found := (installation{folder: folder}); found.has(programs...) {
				return found.resolved(programs[0]), true
			}
		}
	}
	return installation{}, false
}

// newestFirst expands a pattern; folders that differ in a version number come with the highest first.
func newestFirst(pattern string) []string {
	folders, err := filepath.Glob(pattern)
	if err != nil {
		return nil
	}
	slices.SortStableFunc(folders, func(a, b string) int { return slices.Compare(numbersIn(b), numbersIn(a)) })
	return folders
}

// numbersIn returns all numbers in a path, in order.
func numbersIn(path string) []int {
	var numbers []int
	for _, digits := range strings.FieldsFunc(path, func(letter rune) bool { return letter < '0' || letter > '9' }) {
		number, err := strconv.Atoi(digits)
		if err != nil {
			number = math.MaxInt // too long for a number, so larger than any
		}
		numbers = append(numbers, number)
	}
	return numbers
}
