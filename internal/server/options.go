package server

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// PostgresOptions describes a private PostgreSQL server. The zero value is a server with UTF8, locale C, a Unix socket
// and no TCP.
type PostgresOptions struct {
	// BinFolder holds initdb and postgres. Empty: the folder in SYNAPSE_POSTGRES_BIN, then PATH, then the usual places.
	BinFolder string
	// TCP lets the server listen on a free port of 127.0.0.1 as well, where roles log in with their password (SCRAM).
	TCP bool
	// Settings are lines of postgresql.conf, by name. They win over what this package sets.
	Settings map[string]string
	// HBA are lines of pg_hba.conf that come before this package's own, so they decide first.
	HBA []string
	// Encoding is the cluster's default character set; "UTF8" when empty.
	Encoding string
	// Locale is the cluster's default locale; "C" when empty.
	Locale string
	// Kept is a folder that keeps a copy of each kind of cluster that is made, for the next start to copy: that takes a tenth of what
	// initdb does. The server's account has to be able to write there. Empty: nothing is kept.
	Kept string
	// Durable makes the server survive a power cut, at the price of speed. Throw-away data need not.
	Durable bool
}

// ownHBA lets everybody in through the socket, which stands in a folder that only the server's account can enter, and
// asks for a password elsewhere.
const ownHBA = "local all all trust\nlocal replication all trust\nhost all all 127.0.0.1/32 scram-sha-256\n"

// hba returns the text of pg_hba.conf.
func (o PostgresOptions) hba() string {
	return strings.Join(append(slices.Clone(o.HBA), ownHBA), "\n")
}

// configuration returns the text of postgresql.conf for a server in a folder, on a port.
func (o PostgresOptions) configuration(folder string, port int) string {
	settings := map[string]string{
		"unix_socket_directories": folder,
		"port":                    strconv.Itoa(port),
		"listen_addresses":        "",
		"password_encryption":     "scram-sha-256",
		"timezone":                "UTC",
		"log_timezone":            "UTC",
	}
	if o.TCP {
		settings["listen_addresses"] = loopback
	}
	if !o.Durable {
		// Commits stay synchronous: a server that is killed, not its machine, must not lose what it has promised.
		// Package doctor/server takes a server that says it is thrown away at its word.
		maps.Copy(settings, map[string]string{"fsync": "off", "full_page_writes": "off", "synapse.throw_away": "on"})
	}
	maps.Copy(settings, o.Settings)
	return settingLines(settings)
}

// settingLines writes settings the way postgresql.conf wants them, in a fixed order.
func settingLines(settings map[string]string) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(settings)) {
		value := strings.NewReplacer(`\`, `\\`, `'`, `''`).Replace(settings[name])
		fmt.Fprintf(&text, "%s = '%s'\n", name, value)
	}
	return text.String()
}

// initdbArguments returns what initdb is called with to make a cluster in a folder.
func (o PostgresOptions) initdbArguments(data string) []string {
	return []string{
		"--pgdata=" + data,
		"--username=" + superuser,
		"--encoding=" + cmp.Or(o.Encoding, "UTF8"),
		"--locale=" + cmp.Or(o.Locale, "C"),
		"--auth=trust", // replaced by pg_hba.conf of this package before the server is started
		"--no-sync",
	}
}
