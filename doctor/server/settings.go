package server

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// rule is a value of a setting that is found.
type rule struct {
	name, bad, id, meaning string
	severity               finding.Severity
	// throwAway is what a server may have that says it holds nothing worth keeping.
	throwAway bool
}

func rules() []rule {
	return []rule{
		{"fsync", "off", FsyncOff, "when the machine loses power or crashes, the whole cluster can be damaged beyond repair", finding.Error, true},
		{"full_page_writes", "off", FullPageWritesOff,
			"when the machine loses power or crashes, pages can be left half written, which nothing repairs; only a file system that never overwrites in place (ZFS, btrfs) is safe from it",
			finding.Warning, true},
		{"synchronous_commit", "off", SynchronousCommitOff,
			"after a crash of the server the last commits, of about half a second, can be gone, although the homeserver has told them to others; nothing is damaged",
			finding.Info, false},
		{"zero_damaged_pages", "on", DamageIgnored, "whatever is on a page that is damaged is thrown away as soon as it is read", finding.Error, false},
		{"ignore_checksum_failure", "on", DamageIgnored, "damage that the server sees is read and copied on as if it were sound", finding.Error, false},
		{"autovacuum", "off", AutovacuumOff,
			"deleted rows are never cleared away and statistics never renewed: tables grow, queries get slow, and in the end the server has to stop for its transaction ids",
			finding.Warning, false},
		{"track_counts", "off", AutovacuumOff, "autovacuum does not see what has changed, so it does nothing until transaction ids are short", finding.Warning, false},
	}
}

// throwAwaySetting is what servers of package internal/server say that are made for a demo or a test.
const throwAwaySetting = "synapse.throw_away"

const settingsSQL = `SELECT name, setting, source, coalesce(sourcefile || ', line ' || sourceline, ''), current_database(), current_user
FROM pg_settings WHERE name = ANY (string_to_array(?, ','))`

// value is a setting as it is.
type value struct{ text, source, place, database, role string }

func checkSettings(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	var names []string
	for _, rule := range rules() {
		names = append(names, rule.name)
	}
	values := map[string]value{}
	err := engine.Each(ctx, subject.Session, settingsSQL, []any{strings.Join(names, ",")}, func(scan func(...any) error) error {
		var name string
		var now value
		err := scan(&name, &now.text, &now.source, &now.place, &now.database, &now.role)
		values[name] = now
		return err
	})
	if err != nil {
		return nil, err
	}
	var throwAway string
	if err := subject.Session.QueryRow(ctx, "SELECT coalesce(current_setting(?, true), '')", throwAwaySetting).Scan(&throwAway); err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, rule := range rules() {
		if now, known := values[rule.name]; known && now.text == rule.bad {
			found = append(found, rule.describe(now, throwAway == "on"))
		}
	}
	return found, nil
}

func (r rule) describe(now value, throwAway bool) finding.Finding {
	result := finding.Finding{
		ID: r.id, Severity: r.severity, What: fmt.Sprintf("%s is %s", r.name, r.bad), Meaning: r.meaning,
		Evidence: []string{strings.TrimSuffix(fmt.Sprintf("%s = %s (%s) %s", r.name, now.text, now.source, now.place), " ")}, Remedy: r.remedy(now),
	}
	if r.throwAway && throwAway {
		result.Severity = finding.Info
		result.Evidence = append(result.Evidence, throwAwaySetting+" = on: the server says that it holds nothing worth keeping")
	}
	return result
}

// remedy goes by where the setting comes from, as a value given nearer to the session wins.
func (r rule) remedy(now value) finding.Remedy {
	good := "on"
	if r.bad == "on" {
		good = "off"
	}
	switch now.source {
	case "database":
		return finding.Remedy{Text: "take the setting off the database", Commands: []string{"ALTER DATABASE " + postgres.QuoteIdentifier(now.database) + " RESET " + r.name + ";"}}
	case "user":
		return finding.Remedy{Text: "take the setting off the role", Commands: []string{"ALTER ROLE " + postgres.QuoteIdentifier(now.role) + " RESET " + r.name + ";"}}
	case "database user":
		role, database := postgres.QuoteIdentifier(now.role), postgres.QuoteIdentifier(now.database)
		return finding.Remedy{Text: "take the setting off the role in this database", Commands: []string{"ALTER ROLE " + role + " IN DATABASE " + database + " RESET " + r.name + ";"}}
	case "session", "client":
		return finding.Remedy{Text: "the configuration asks for it: take " + r.name + " out of the section database of homeserver.yaml, or out of its args.options"}
	case "command line":
		return finding.Remedy{Text: "the server was started with it: take " + r.name + " out of its command line, and start it again"}
	}
	return finding.Remedy{
		Text:     "turn it " + good + ", as a superuser",
		Commands: []string{fmt.Sprintf("ALTER SYSTEM SET %s = %s;", r.name, good), "SELECT pg_reload_conf();"},
	}
}
