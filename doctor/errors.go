package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/file"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// insufficientPrivilege is PostgreSQL's code for a right that the role lacks.
const insufficientPrivilege = "42501"

// The findings of this package itself.
const (
	// SchemaUnreadable is a database whose tables about its schema are not as they should be.
	SchemaUnreadable = "schema_unreadable"
	// RightMissing is a check that the role may not make.
	RightMissing = "right_missing"
	// TablesLocked is a check that has waited in vain for a table that another session holds.
	TablesLocked = "tables_locked"
	// CheckFailed is a check that could not be made for another reason.
	CheckFailed = "check_failed"
	// ConnectionFailed is a database that cannot be opened for a reason that nobody explains.
	ConnectionFailed = "connection"
)

// SetError says that the schema files that a database should be compared with cannot be read.
type SetError struct {
	// Database is its label in the configuration.
	Database string
	Err      error
}

func (e *SetError) Error() string { return e.Database + ": " + e.Err.Error() }
func (e *SetError) Unwrap() error { return e.Err }

func missingRight(err error) (text string, missing bool) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != insufficientPrivilege {
		return "", false
	}
	return refused.Message, true
}

// lockNotAvailable is PostgreSQL's code for a lock that was not had within lock_timeout.
const lockNotAvailable = "55P03"

// holdersSQL is for who looks into it.
const holdersSQL = "SELECT pid, usename, application_name, query FROM pg_stat_activity WHERE pid IN (SELECT pid FROM pg_locks " +
	"WHERE granted AND mode = 'AccessExclusiveLock' AND database = (SELECT oid FROM pg_database WHERE datname = current_database()));"

// locked explains that another session stands in the way. What was not looked at is given.
func locked(err error, unknown string) (finding.Finding, bool) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != lockNotAvailable {
		return finding.Finding{}, false
	}
	return finding.Finding{
		ID: TablesLocked, Severity: finding.Warning, What: "another session holds a table for itself, so that " + unknown + " could not be looked at",
		Meaning:  "the homeserver waits for that table, too, as long as a VACUUM FULL, an upgrade, a restore or whatever it is goes on",
		Evidence: strings.Split(err.Error(), "\n"),
		Remedy:   finding.Remedy{Text: "check again when it is done; the query, in this database, shows who it is", Commands: []string{holdersSQL}},
	}, true
}

// unreachable explains why a database cannot be opened.
func unreachable(ctx context.Context, database Database, err error) finding.Finding {
	if database.Postgres != nil {
		if found, explained := connection.Explain(ctx, database.Postgres, err); explained {
			return found
		}
	}
	if database.Postgres == nil {
		if found, explained := file.Explain(database.SQLitePath, err); explained {
			return found
		}
	}
	if found, isLocked := locked(err, "the database"); isLocked {
		return found
	}
	remedy := "look whether the server runs, and whether the configuration names it"
	if database.Postgres == nil {
		remedy = "look whether the file is there, and whether this user may read it"
	}
	return finding.Finding{
		ID: ConnectionFailed, Severity: finding.Error, What: firstLine(err.Error()), Evidence: strings.Split(err.Error(), "\n"),
		Meaning: "the homeserver cannot start, or loses its database while it runs", Remedy: finding.Remedy{Text: remedy},
	}
}

// unrecognized explains why a database that was opened does not say what it is.
func unrecognized(subject *finding.Subject, err error) finding.Finding {
	if subject.Engine == engine.SQLite {
		if found, explained := file.Explain(subject.Path, err); explained {
			return found
		}
	}
	if right, missing := missingRight(err); missing {
		return finding.Finding{
			ID: RightMissing, Severity: finding.Info, What: "it is not known whose database this is, and of which version: " + right,
			Meaning:  "its tables are not compared with what they should be, and what depends on the version is not known to be in order",
			Evidence: strings.Split(err.Error(), "\n"),
			Remedy:   finding.Remedy{Text: "check as the owner of the tables, or give this role the right to read them"},
		}
	}
	if found, isLocked := locked(err, "the record of the schema"); isLocked {
		return found
	}
	return finding.Finding{
		ID: SchemaUnreadable, Severity: finding.Error, What: "the tables that record the schema's version are not as they should be: " + lastPart(err.Error()),
		Meaning:  "the homeserver refuses to start on it, and its tables are not compared with what they should be",
		Evidence: strings.Split(err.Error(), "\n"),
		Remedy: finding.Remedy{Text: "restore these tables from a backup, or go on with the program that made them; tables without a column that " +
			"is named here may be those of a version of this program that was never released: make the database anew"},
	}
}

// lastPart is what the database said itself, without what was being done.
func lastPart(text string) string {
	parts := strings.SplitN(firstLine(text), ": ", 2)
	return parts[len(parts)-1]
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
