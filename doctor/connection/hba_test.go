package connection_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

const ownLines = "# the administrator's\nlocal all postgres trust\n\n"

// follow does what the remedy says, to the letter.
func (p *private) follow(t *testing.T, remedy finding.Remedy) {
	t.Helper()
	above := -1
	for _, command := range remedy.Commands {
		switch line, isHBA := strings.CutPrefix(command, "-- add to that file"); {
		case isHBA:
			_, line, _ = strings.Cut(line, ": ")
			p.insert(t, p.text(t, "SHOW hba_file"), above, line)
		case strings.HasPrefix(command, "-- and, since localhost"):
			_, line, _ := strings.Cut(command, ": ")
			p.insert(t, p.text(t, "SHOW hba_file"), above, line)
		case strings.HasPrefix(command, "-- add to pg_ident.conf"):
			_, line, _ = strings.Cut(command, ": ")
			p.insert(t, p.text(t, "SHOW ident_file"), -1, line)
		case strings.HasPrefix(command, "SELECT line_number, type"):
			above = p.lineNumber(t, command)
		default:
			p.exec(t, command)
		}
	}
}

// lineNumber is the first column of what the query finds; -1 for no row.
func (p *private) lineNumber(t *testing.T, query string) int {
	t.Helper()
	rows, err := p.admin.Query(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	found, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (int, error) {
		values, err := row.Values()
		if err != nil {
			return 0, err
		}
		number, _ := values[0].(int32)
		return int(number), nil
	})
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return append(found, -1)[0]
}

func (p *private) insert(t *testing.T, path string, above int, line string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	if above < 0 {
		above = len(lines) + 1
	}
	p.write(t, path, strings.Join(slices.Insert(lines, above-1, line), "\n")+"\n")
}

func TestLinesOfHBAThatKeepARoleOutAreFoundAndOvercome(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		lines string
		given func(*private) args
		id    postgres.FailureKind
		line  string
	}{
		"ident over TCP": {
			"host all other 127.0.0.1/32 reject\nhost all all 127.0.0.0/8 ident\nhost all all 127.0.0.1/32 trust",
			func(p *private) args { return p.tcp("the role", nil) },
			postgres.FailedIdent, `host  postgres  "the role"  127.0.0.1/32  scram-sha-256`,
		},
		"reject": {
			"host all all 10.0.0.0/8 trust\nhost postgres +friends 127.0.0.1/32 trust\nhost postgres all all reject",
			func(p *private) args { return p.tcp("the role", nil) },
			postgres.FailedHBAReject, `host  postgres  "the role"  127.0.0.1/32  scram-sha-256`,
		},
		"no line": {
			"host other all 127.0.0.1/32 trust",
			func(p *private) args { return p.tcp("the role", nil) },
			postgres.FailedNoHBAEntry, `host  postgres  "the role"  127.0.0.1/32  scram-sha-256`,
		},
		"ident, by the name localhost": {
			"host all all 127.0.0.1/32 ident\nhost all all ::1/128 ident",
			func(p *private) args { return p.tcp("the role", args{"host": "localhost"}) },
			postgres.FailedIdent, `host  postgres  "the role"  127.0.0.1/32  scram-sha-256`,
		},
		"peer, with a password": {
			"local all all peer",
			func(p *private) args { return p.socket("the role", args{"password": secret}) },
			postgres.FailedPeer, `local  postgres  "the role"  scram-sha-256`,
		},
		"peer, without": {
			"local all all peer",
			func(p *private) args { return p.socket("the role", nil) },
			postgres.FailedPeer, `local  postgres  "the role"  peer map=synapse`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, nil)
			p.exec(t, "CREATE ROLE friends", `CREATE ROLE "the role" LOGIN PASSWORD '`+secret+`'`)
			p.write(t, p.text(t, "SHOW hba_file"), ownLines+test.lines+"\n")
			given := test.given(p)
			found := mustFind(t, given, connection.ID(test.id))
			if found.Severity != finding.Error || !strings.Contains(found.Remedy.Text, "`"+test.line+"`") {
				t.Errorf("%+v", found)
			}
			p.follow(t, found.Remedy)
			mustConnect(t, given)
		})
	}
}

func TestWrongPasswordsAreExplained(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	p.exec(t, "CREATE ROLE scram_role LOGIN PASSWORD 'right'", "SET password_encryption = 'md5'", "CREATE ROLE md5_role LOGIN PASSWORD 'right'")
	p.write(t, p.text(t, "SHOW hba_file"), ownLines+"host all all 127.0.0.1/32 md5\n")
	for user, stored := range map[string]string{"md5_role": "md5", "scram_role": "scram-sha-256", "no role": ""} {
		found := mustFind(t, p.tcp(user, nil), connection.ID(postgres.FailedPassword))
		rows, err := p.admin.Query(t.Context(), found.Remedy.Commands[0])
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for rows.Next() {
			values, _ := rows.Values()
			got, _ = values[3].(string)
		}
		if rows.Err() != nil || got != stored {
			t.Errorf("%s: %v, the password is stored as %q", user, rows.Err(), got)
		}
	}
	found := mustFind(t, p.tcp("scram_role", args{"password": nil}), connection.ID(postgres.FailedPassword))
	if !strings.Contains(found.What, "the configuration has none") {
		t.Error(found.What)
	}
	p.exec(t, `ALTER ROLE md5_role PASSWORD '`+secret+`'`)
	mustConnect(t, p.tcp("md5_role", nil))
	// The server does not say that a password has expired; the query does.
	p.exec(t, `ALTER ROLE md5_role VALID UNTIL '2001-01-01'`)
	found = mustFind(t, p.tcp("md5_role", nil), connection.ID(postgres.FailedPassword))
	query := strings.TrimSuffix(found.Remedy.Commands[0], ";")
	if until := p.text(t, "SELECT date_trunc('year', rolvaliduntil)::date::text FROM ("+query+") AS answer"); until != "2001-01-01" {
		t.Errorf("%q is valid until %s", query, until)
	}
	p.exec(t, `ALTER ROLE md5_role VALID UNTIL 'infinity'`)
	mustConnect(t, p.tcp("md5_role", nil))
}
