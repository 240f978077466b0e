package postgres

import (
	"fmt"
	"strings"
)

// Problems judges a server and its current database: the version, the encoding
// (UTF8, without exception), the locale (C, unless allowed otherwise) and
// whether it can be written to. The rules are the Python homeserver's; it does
// not look at the locale's provider, under which the C of the catalog may not
// be what sorts.
func (i *ServerInfo) Problems(rules Rules) Problems {
	if i.VersionNum < MinimumVersion {
		return Problems{{
			ID:   ProblemVersion,
			What: fmt.Sprintf("the server is PostgreSQL %s; 10 is the oldest that can be used", i.Version),
			Hint: "upgrade the server",
		}}
	}
	problems := i.encodingProblems()
	if !rules.AllowUnsafeLocale {
		problems = append(problems, i.localeProblems()...)
	}
	if !rules.AllowReadOnly {
		problems = append(problems, i.writeProblems()...)
	}
	return problems
}

func (i *ServerInfo) encodingProblems() Problems {
	if i.Encoding == "UTF8" {
		return nil
	}
	return Problems{{
		ID:   ProblemEncoding,
		What: fmt.Sprintf("the encoding of database %q is %s, not UTF8", i.Database, i.Encoding),
		Hint: i.recreateHint(),
	}}
}

func (i *ServerInfo) localeProblems() Problems {
	var problems Problems
	add := func(id ProblemID, what string) {
		hint := i.recreateHint() + ", or set database.allow_unsafe_locale to true if you know that its indexes are sound"
		problems = append(problems, Problem{ID: id, What: what, Hint: hint})
	}
	if i.Collate != "C" {
		add(ProblemCollate, fmt.Sprintf("the collation of database %q is %q, not \"C\"", i.Database, i.Collate))
	}
	if i.CType != "C" {
		add(ProblemCType, fmt.Sprintf("the character type of database %q is %q, not \"C\"", i.Database, i.CType))
	}
	if i.LocaleProvider != "libc" && (i.LocaleProvider != "builtin" || i.ProviderLocale != "C") {
		add(ProblemLocaleProvider, fmt.Sprintf("database %q takes its locale %q from %s, not C from libc", i.Database, i.ProviderLocale, i.LocaleProvider))
	}
	return problems
}

func (i *ServerInfo) writeProblems() Problems {
	switch {
	case i.Standby:
		return Problems{{
			ID:   ProblemStandby,
			What: "the server is a standby, which cannot be written to",
			Hint: "connect to the primary, or give all hosts and target_session_attrs: read-write in database.args",
		}}
	case i.ReadOnly:
		return Problems{{
			ID:   ProblemReadOnly,
			What: fmt.Sprintf("sessions in database %q are read-only", i.Database),
			Hint: "look for default_transaction_read_only in postgresql.conf, ALTER DATABASE, ALTER ROLE and options in database.args",
		}}
	}
	return nil
}

// recreateHint gives the command for a database that is right. An encoding or
// a locale cannot be changed in place.
func (i *ServerInfo) recreateHint() string {
	command := createDatabaseCommand(i.Owner, i.Database+"_c", i.VersionNum >= 150000)
	return "make a new database and use that one: " + command
}

// createDatabaseCommand is the command that makes a database as the Python
// homeserver wants it. Since PostgreSQL 15 a cluster's own provider may not be
// libc.
func createDatabaseCommand(owner, database string, withProvider bool) string {
	words := []string{"createdb", "--encoding=UTF8", "--locale=C", "--template=template0"}
	if withProvider {
		words = append(words, "--locale-provider=libc")
	}
	words = append(words, "--owner="+shellWord(owner), shellWord(database))
	return strings.Join(words, " ")
}

// shellWord quotes a name for a shell where it needs quotes.
func shellWord(name string) string {
	if name != "" && strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == "" && name[0] != '-' {
		return name
	}
	return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
}
