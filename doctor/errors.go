package doctor

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/file"
	"github.com/synapsedb/synapse/doctor/finding"
)

// insufficientPrivilege is PostgreSQL's code for a right that the role lacks.
const insufficientPrivilege = "42501"

func missingRight(err error) (text string, missing bool) {
	refused, ok := errors.AsType[*pgconn.PgError](err)
	if !ok || refused.Code != insufficientPrivilege {
		return "", false
	}
	return refused.Message, true
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
	remedy := "look whether the server runs, and whether the configuration names it"
	if database.Postgres == nil {
		remedy = "look whether the file is there, and whether this user may read it"
	}
	return finding.Finding{
		ID: "connection", Severity: finding.Error, What: firstLine(err.Error()), Evidence: strings.Split(err.Error(), "\n"),
		Meaning: "the homeserver cannot start, or loses its database while it runs", Remedy: finding.Remedy{Text: remedy},
	}
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}
