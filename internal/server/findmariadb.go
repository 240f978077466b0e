package server

import (
	"os"
	"path/filepath"
)

// mariaDBPrograms are a server and what makes its data, of MariaDB or of MySQL.
type mariaDBPrograms struct {
	installation

	// server is the full path of mariadbd or mysqld.
	server string
	// installer is the full path of mariadb-install-db. It is empty for MySQL, whose server makes its own data.
	installer string
}

// mariaDBFolders returns where distributions put MariaDB's and MySQL's servers: Debian, Ubuntu, Arch and Alpine, Fedora,
// the makers' own packages and archives, and Homebrew on both processors.
func mariaDBFolders() []string {
	return []string{
		"/usr/sbin",
		"/usr/libexec",
		"/usr/bin",
		"/usr/local/mariadb*/bin",
		"/usr/local/mysql*/bin",
		"/opt/mariadb*/bin",
		"/opt/homebrew/opt/mariadb*/bin",
		"/usr/local/opt/mariadb*/bin",
		"/opt/homebrew/opt/mysql*/bin",
		"/usr/local/opt/mysql*/bin",
		"/usr/local/libexec",
		"/usr/local/sbin",
		"/usr/local/bin",
	}
}

// findMariaDB returns the programs in folder; without a folder, those of the one the environment names; without that, of
// the first of PATH and the usual places. MariaDB comes before MySQL.
func findMariaDB(folder string) (mariaDBPrograms, error) {
	if folder == "" {
		folder = os.Getenv(MariaDBFolderVariable)
	}
	patterns := []string{folder}
	if folder == "" {
		patterns = append(filepath.SplitList(os.Getenv("PATH")), mariaDBFolders()...)
	}
	for _, programsIn := range []func(string) (mariaDBPrograms, bool){mariaDBIn, mySQLIn} {
		if found, ok := firstIn(patterns, programsIn); ok {
			return found, nil
		}
	}
	if folder == "" {
		patterns = append([]string{"PATH"}, mariaDBFolders()...)
	}
	return mariaDBPrograms{}, &NotInstalledError{Product: "MariaDB or MySQL", Looked: patterns, Hint: mariaDBHint(systemFamily())}
}

// firstIn returns the programs of the first folder among the patterns that has them.
func firstIn(patterns []string, programsIn func(folder string) (mariaDBPrograms, bool)) (mariaDBPrograms, bool) {
	for _, pattern := range patterns {
		for _, folder := range newestFirst(pattern) {
			if found, ok := programsIn(folder); ok {
				return found, true
			}
		}
	}
	return mariaDBPrograms{}, false
}

// mariaDBIn looks for MariaDB. What makes the data is often in another folder than the server.
func mariaDBIn(folder string) (mariaDBPrograms, bool) {
	const server, installer = "mariadbd", "mariadb-install-db"
	here := installation{folder: folder}
	if !here.has(server) {
		return mariaDBPrograms{}, false
	}
	for _, beside := range []string{".", "../bin", "../scripts"} {
		other := installation{folder: filepath.Join(folder, beside)}
		if other.has(installer) {
			return mariaDBPrograms{installation: other, server: here.program(server), installer: other.program(installer)}, true
		}
	}
	return mariaDBPrograms{}, false
}

// mySQLIn looks for MySQL. MariaDB's server has a link of that name too.
func mySQLIn(folder string) (mariaDBPrograms, bool) {
	here := installation{folder: folder}
	if !here.has("mysqld") {
		return mariaDBPrograms{}, false
	}
	target, err := filepath.EvalSymlinks(here.program("mysqld"))
	if err != nil || filepath.Base(target) != "mysqld" {
		return mariaDBPrograms{}, false
	}
	return mariaDBPrograms{installation: here, server: here.program("mysqld")}, true
}
