package server

import (
	"bufio"
	"os"
	"runtime"
	"strings"
)

// systemFamily returns the words that say which family of distributions this machine belongs to: the operating system's
// name, and on Linux the ID and ID_LIKE of /etc/os-release (freedesktop.org's os-release).
func systemFamily() []string {
	families := []string{runtime.GOOS}
	file, err := os.Open("/etc/os-release")
	if err != nil {
		return families
	}
	defer file.Close()
	for scanner := bufio.NewScanner(file); scanner.Scan(); {
		key, value, _ := strings.Cut(scanner.Text(), "=")
		if key == "ID" || key == "ID_LIKE" {
			families = append(families, strings.Fields(strings.Trim(value, `"'`))...)
		}
	}
	return families
}

// postgresHint says how a system of one of the families gets a PostgreSQL server. Debian's package starts a cluster of
// its own unless it is told not to, which nobody wants from a demo.
func postgresHint(families []string) string {
	return hintFor(families, map[string]string{
		"debian": "mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' >> " +
			"/etc/postgresql-common/createcluster.conf && apt-get install postgresql",
		"fedora":  "dnf install postgresql-server",
		"rhel":    "dnf install postgresql-server",
		"suse":    "zypper install postgresql-server",
		"alpine":  "apk add postgresql",
		"arch":    "pacman -S postgresql",
		"darwin":  "brew install postgresql@17",
		"freebsd": "pkg install postgresql17-server",
	}, "PostgreSQL's server programs, or set "+PostgresFolderVariable+" to the folder that holds initdb and postgres")
}

// mariaDBHint says how a system of one of the families gets a MariaDB server. On Debian these packages hold the programs
// alone; mariadb-server would start a server of its own.
func mariaDBHint(families []string) string {
	return hintFor(families, map[string]string{
		"debian":  "apt-get install mariadb-server-core mariadb-client-core",
		"fedora":  "dnf install mariadb-server",
		"rhel":    "dnf install mariadb-server",
		"suse":    "zypper install mariadb",
		"alpine":  "apk add mariadb",
		"arch":    "pacman -S mariadb",
		"darwin":  "brew install mariadb",
		"freebsd": "pkg install mariadb1011-server",
	}, "MariaDB's server programs, or set "+MariaDBFolderVariable+" to the folder that holds mariadbd or mysqld")
}

// mosquittoHint says how a system of one of the families gets a Mosquitto. Debian's package starts a broker of its own.
func mosquittoHint(families []string) string {
	return hintFor(families, map[string]string{
		"debian":  "scripts/install-tools test, or apt-get install mosquitto, which starts a broker of its own",
		"fedora":  "dnf install mosquitto",
		"rhel":    "dnf install mosquitto",
		"suse":    "zypper install mosquitto",
		"alpine":  "apk add mosquitto",
		"arch":    "pacman -S mosquitto",
		"darwin":  "brew install mosquitto",
		"freebsd": "pkg install mosquitto",
	}, "Mosquitto, or set "+MosquittoFolderVariable+" to the folder that holds mosquitto and mosquitto_passwd")
}

// hintFor picks the command of the first family that has one.
func hintFor(families []string, commands map[string]string, otherwise string) string {
	for _, family := range families {
		if command, ok := commands[family]; ok {
			return "install it with: " + command
		}
	}
	return "install " + otherwise
}
