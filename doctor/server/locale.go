package server

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

func checkLocale(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	info, err := postgres.CheckSession(ctx, subject.Session, postgres.Rules{AllowReadOnly: true})
	problems, judged := errors.AsType[postgres.Problems](err)
	if err != nil && !judged {
		return nil, err
	}
	if info.VersionNum < postgres.MinimumVersion {
		return nil, nil // the finding about the version says so
	}
	found := judgeLocale(info, problems, subject.Postgres != nil && subject.Postgres.AllowUnsafeLocale)
	changed, err := changedCollations(ctx, subject.Session, info)
	return append(found, changed...), err
}

func judgeLocale(info *postgres.ServerInfo, problems postgres.Problems, allowed bool) []finding.Finding {
	var found []finding.Finding
	var locale []string
	severity := finding.Warning // the provider is nothing that upstream looks at
	for _, problem := range problems {
		switch problem.ID {
		case postgres.ProblemEncoding:
			found = append(found, finding.Finding{
				ID: DatabaseEncoding, Severity: finding.Error, What: problem.What, Remedy: finding.Remedy{Text: problem.Hint},
				Meaning: "the homeserver refuses to start, and texts that the encoding lacks cannot be stored", Evidence: []string{"server_encoding = " + info.Encoding},
			})
		case postgres.ProblemCollate, postgres.ProblemCType:
			severity = finding.Error
			locale = append(locale, problem.What)
		case postgres.ProblemLocaleProvider:
			locale = append(locale, problem.What)
		}
	}
	switch {
	case len(locale) > 0:
		found = append(found, wrongLocale(info, locale, severity, allowed))
	case allowed:
		found = append(found, finding.Finding{
			ID: UnsafeLocaleAllowed, Severity: finding.Info, What: "allow_unsafe_locale is set, and the locale of the database is C",
			Meaning: "the setting is not needed, and would hide a wrong locale after the next move of the database",
			Remedy:  finding.Remedy{Text: "take allow_unsafe_locale out of the section database of homeserver.yaml"},
		})
	}
	return found
}

func wrongLocale(info *postgres.ServerInfo, evidence []string, severity finding.Severity, allowed bool) finding.Finding {
	result := finding.Finding{
		ID: DatabaseLocale, Severity: severity, What: fmt.Sprintf("the locale of database %q is not C", info.Database), Evidence: evidence,
		Meaning: "the homeserver refuses to start; and when the locale's library is updated or differs on a replica, indexes are in the wrong order: " +
			"rows are not found, and unique keys are given twice",
		Remedy: finding.Remedy{
			Text:     "move the database into a new one with the locale C; until then allow_unsafe_locale lets the homeserver start, at that risk",
			Commands: []string{"synapse relocale -c homeserver.yaml --to " + info.Database + "_c"},
		},
	}
	if allowed || severity != finding.Error {
		result.Severity = finding.Warning
		result.Meaning = "when the locale's library is updated or differs on a replica, indexes are in the wrong order: rows are not found, and unique keys are given twice"
		result.Remedy.Text = "move the database into a new one with the locale C"
	}
	return result
}

const databaseCollationSQL = `SELECT coalesce(d.datcollversion, ''), coalesce(pg_database_collation_actual_version(d.oid), '')
FROM pg_database AS d WHERE d.datname = current_database()`

// collationSQL looks at collations by which an index is sorted: all others sort nothing that is stored.
const collationSQL = `SELECT cn.nspname, co.collname, co.collversion, pg_collation_actual_version(co.oid), n.nspname, c.relname
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
	JOIN pg_collation AS co ON co.oid = ANY (i.indcollation) JOIN pg_namespace AS cn ON cn.oid = co.collnamespace
WHERE co.collversion <> pg_collation_actual_version(co.oid) AND ` + ownSchemas + ` ORDER BY 1, 2, 5, 6`

// versionOfDatabases is the first server that records with which version of its collation a database was made.
const versionOfDatabases = 150000

func changedCollations(ctx context.Context, from engine.Querier, info *postgres.ServerInfo) ([]finding.Finding, error) {
	var evidence, commands, refresh []string
	if info.VersionNum >= versionOfDatabases {
		var recorded, actual string
		if err := from.QueryRow(ctx, databaseCollationSQL).Scan(&recorded, &actual); err != nil {
			return nil, fmt.Errorf("version of the database's collation: %w", err)
		}
		if recorded != "" && actual != "" && recorded != actual {
			name := postgres.QuoteIdentifier(info.Database)
			evidence = append(evidence, fmt.Sprintf("database %s: made with version %s, now %s", info.Database, recorded, actual))
			commands = append(commands, "REINDEX DATABASE "+name+";")
			refresh = append(refresh, "ALTER DATABASE "+name+" REFRESH COLLATION VERSION;")
		}
	}
	err := engine.Each(ctx, from, collationSQL, nil, func(scan func(...any) error) error {
		var schema, collation, recorded, actual, indexSchema, index string
		if err := scan(&schema, &collation, &recorded, &actual, &indexSchema, &index); err != nil {
			return err
		}
		evidence = append(evidence, fmt.Sprintf("index %s: collation %s was of version %s, now %s", short(indexSchema, index), collation, recorded, actual))
		commands = append(commands, "REINDEX INDEX "+qualified(indexSchema, index)+";")
		refresh = append(refresh, "ALTER COLLATION "+qualified(schema, collation)+" REFRESH VERSION;")
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("versions of collations: %w", err)
	}
	if len(evidence) == 0 {
		return nil, nil
	}
	return []finding.Finding{describeChanged(evidence, append(commands, slices.Compact(refresh)...))}, nil
}

func describeChanged(evidence, commands []string) finding.Finding {
	return finding.Finding{
		ID: CollationVersion, Severity: finding.Error, What: "the library that sorts texts was updated under indexes that are sorted by it", Evidence: evidence,
		Meaning: "rows may not be found although they are there, and unique keys may have been given twice",
		Remedy: finding.Remedy{
			Text: "stop the homeserver, look for duplicate keys with synapse check --deep, rebuild the indexes, and only then record the new version; " +
				"a rebuild that fails has met duplicate keys: remove those first",
			Commands: commands,
		},
	}
}
