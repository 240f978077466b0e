package connection

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"os/user"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

// scram is the method of login to recommend, since PostgreSQL 10.
const scram = "scram-sha-256"

// line is one of pg_hba.conf.
type line struct {
	kind     string // local, host or hostssl
	database string
	user     string
	address  string // with its mask; empty for local
	method   string
}

func (l line) String() string {
	fields := []string{l.kind, hbaName(l.database), hbaName(l.user)}
	if l.address != "" {
		fields = append(fields, l.address)
	}
	return strings.Join(append(fields, l.method), "  ")
}

// twin is the line for the other address that localhost has; which of them is tried first differs between programs.
func (l line) twin(hosts []string) (line, bool) {
	others := map[string]string{"127.0.0.1/32": "::1/128", "::1/128": "127.0.0.1/32"}
	byName := slices.ContainsFunc(hosts, func(host string) bool { return strings.HasPrefix(host, "localhost:") })
	l.address = others[l.address]
	return l, byName && l.address != ""
}

// hbaName quotes a name that would mean something else without quotes, as the words all and sameuser do, or could not be written.
func hbaName(name string) string {
	words := []string{"all", "sameuser", "samerole", "samegroup", "replication"}
	if regexp.MustCompile(`^[A-Za-z0-9_.-]+$`).MatchString(name) && !slices.Contains(words, name) {
		return name
	}
	return `"` + strings.ReplaceAll(name, `"`, `""`) + `"`
}

// systemUser is the operating system's user that this program runs as.
func systemUser() string {
	if current, err := user.Current(); err == nil {
		return current.Username
	}
	return "unknown"
}

// overSocket reports whether the connection was tried at a Unix socket.
func (f *failure) overSocket() bool {
	server := cmp.Or(f.Server, f.config.Hosts()[0])
	return filepath.IsAbs(server) || strings.HasPrefix(server, "@")
}

// client is this program's address as the server sees it, as far as that can be known without asking it.
func (f *failure) client() string {
	if f.Client != "" {
		return f.Client
	}
	connection, err := net.Dial("udp", f.Server) //nolint:noctx // nothing is sent and no name looked up: the system only chooses the address
	if err != nil {
		return ""
	}
	defer connection.Close() //nolint:errcheck // nothing was sent
	host, _, _ := net.SplitHostPort(connection.LocalAddr().String())
	return host
}

// line is the one to add.
func (f *failure) line() line {
	l := line{kind: "local", database: f.config.Database(), user: f.config.User(), method: scram}
	if f.overSocket() {
		if !f.config.HasPassword() {
			l.method = f.peerMethod()
		}
		return l
	}
	l.kind = "host"
	if mode := f.config.Link().SSLMode; mode == "require" || strings.HasPrefix(mode, "verify-") {
		l.kind = "hostssl"
	}
	l.address = "ADDRESS_OF_THIS_MACHINE"
	if address := net.ParseIP(f.client()); address != nil {
		mask := 128
		if address.To4() != nil {
			mask = 32
		}
		l.address = fmt.Sprintf("%s/%d", address, mask)
	}
	return l
}

// identMap names the lines of pg_ident.conf that let an operating system's user in as the role.
const identMap = "synapse"

func (f *failure) peerMethod() string {
	if systemUser() == f.config.User() {
		return "peer"
	}
	return "peer map=" + identMap
}

// admission says which line pg_hba.conf needs, and before which one it must stand.
func (f *failure) admission() finding.Remedy {
	l := f.line()
	text := asAdministrator + "add the line"
	place := "-- add to that file, above the line of that number (at the end if there is none):"
	commands := []string{"SHOW hba_file;"}
	if f.Kind == postgres.FailedNoHBAEntry {
		text += " `" + l.String() + "` to pg_hba.conf (anywhere, since no line there matches) and reload the server"
		place = "-- add to that file:"
	} else {
		text += " `" + l.String() + "` to pg_hba.conf, above the first line that matches, because that one alone decides; the query finds it; and reload the server"
		commands = append(commands, f.ruleQuery())
	}
	commands = append(commands, place+" "+l.String())
	if twin, also := l.twin(f.config.Hosts()); also {
		commands = append(commands, "-- and, since localhost may be either: "+twin.String())
	}
	if strings.HasPrefix(l.method, "peer map") {
		commands = append(commands, fmt.Sprintf("-- add to pg_ident.conf beside it: %s  %s  %s", identMap, hbaName(systemUser()), hbaName(f.config.User())))
	}
	commands = append(commands, "SELECT pg_reload_conf();", "SELECT line_number, error FROM pg_hba_file_rules WHERE error IS NOT NULL;")
	return finding.Remedy{Text: text + f.more(l), Commands: commands}
}

// more is what else is needed for the line to help.
func (f *failure) more(l line) string {
	switch {
	case f.Kind == postgres.FailedPeer && !f.config.HasPassword():
		return fmt.Sprintf("; none of this is needed if the homeserver runs as the user %q: then run this check as that user", f.config.User())
	case !f.config.HasPassword() && l.method == scram:
		return fmt.Sprintf("; give the role a password (`\\password %s` in psql) and write it into database.args; "+
			"the method trust would need none, and let everybody at that address in", postgres.QuoteIdentifier(f.config.User()))
	case l.method == scram:
		return "; where the role's password is stored as md5, the method is md5, or set the password again"
	}
	return ""
}

// ruleQuery finds the first line of pg_hba.conf that matches this connection, or may: a group, a pattern and a host's name count as matching,
// since a line above those is right in any case.
func (f *failure) ruleQuery() string {
	quote := func(text string) string { return strings.TrimSpace(postgres.QuoteLiteral(text)) }
	names := func(column, name string) string {
		return fmt.Sprintf("EXISTS (SELECT FROM unnest(%s) AS n WHERE n IN ('all', 'sameuser', 'samerole', %s) OR n LIKE '+%%' OR n LIKE '/%%')", column, quote(name))
	}
	where := "type = 'local'"
	if !f.overSocket() {
		where = "type LIKE 'host%'"
		if client := f.client(); client != "" {
			where += fmt.Sprintf(" AND CASE WHEN address !~ '^[0-9a-f.:]+$' OR netmask IS NULL THEN true "+
				"WHEN family(address::inet) <> family(inet %[1]s) THEN false ELSE inet %[1]s & netmask::inet = address::inet & netmask::inet END", quote(client))
		}
	}
	return fmt.Sprintf("SELECT line_number, type, database, user_name, address, netmask, auth_method FROM pg_hba_file_rules WHERE %s AND %s AND %s ORDER BY line_number LIMIT 1;",
		where, names("database", f.config.Database()), names("user_name", f.config.User()))
}

// onlyTLSIsMissing connects with TLS to see whether a line of pg_hba.conf then matches.
func (f *failure) onlyTLSIsMissing(ctx context.Context) bool {
	mode := f.config.Link().SSLMode
	if f.overSocket() || mode != "disable" && mode != "allow" {
		return false
	}
	secure := f.config.WithTLS()
	if secure == nil {
		return false
	}
	connection, err := secure.Connect(ctx, nil)
	if err == nil {
		return connection.Close(ctx) == nil
	}
	again := secure.FailureOf(err)
	return again != nil && again.SQLState != "" && again.Kind != postgres.FailedNoHBAEntry
}
