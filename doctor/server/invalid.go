package server

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// invalidSQL leaves out indexes that are being built: who builds one concurrently holds a lock on the table until it is valid.
// A leftover of REINDEX CONCURRENTLY is known by its name, beside an index of the name that it was to replace, of which the
// server cuts the end off where the name would be too long.
const invalidSQL = `SELECT n.nspname, t.relname, c.relname, i.indisunique, pg_get_indexdef(c.oid), c.relname ~ '_cc(new|old)[0-9]*$'
	AND NOT EXISTS (SELECT FROM pg_constraint AS o WHERE o.conindid = c.oid)
	AND EXISTS (SELECT FROM pg_index AS oi JOIN pg_class AS oc ON oc.oid = oi.indexrelid WHERE oi.indrelid = i.indrelid AND oi.indexrelid <> i.indexrelid
		AND oc.relname !~ '_cc(new|old)[0-9]*$' AND left(oc.relname, length(regexp_replace(c.relname, '_cc(new|old)[0-9]*$', ''))) = regexp_replace(c.relname, '_cc(new|old)[0-9]*$', ''))
FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relkind = 'i' AND ` + ownSchemas + `
	AND NOT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a ON a.pid = l.pid
		WHERE l.locktype = 'relation' AND l.relation = i.indrelid AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
			AND l.mode = 'ShareUpdateExclusiveLock' AND l.granted AND l.pid <> pg_backend_pid() AND a.usename IS NOT NULL)
ORDER BY 1, 2, 3`

// invalidIndex is one that the server does not use.
type invalidIndex struct {
	schema, table, name, definition string
	unique, leftover                bool
}

// statement mends it.
func (i invalidIndex) statement() string {
	if i.leftover {
		return "DROP INDEX CONCURRENTLY " + qualified(i.schema, i.name)
	}
	return "REINDEX INDEX CONCURRENTLY " + qualified(i.schema, i.name)
}

func readInvalid(ctx context.Context, from engine.Querier) (found []invalidIndex, err error) {
	err = engine.Each(ctx, from, invalidSQL, nil, func(scan func(...any) error) error {
		var index invalidIndex
		err := scan(&index.schema, &index.table, &index.name, &index.unique, &index.definition, &index.leftover)
		found = append(found, index)
		return err
	})
	return found, err
}

func checkInvalid(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	indexes, err := readInvalid(ctx, from)
	if err != nil {
		return nil, err
	}
	result := finding.Finding{
		ID: IndexInvalid, Severity: finding.Warning, What: "an index is invalid: it was not built to its end",
		Meaning: "no query uses it while every write pays for it, and one that is unique lets ON CONFLICT fail",
		Remedy: finding.Remedy{
			Text: "rebuild it, as its owner; drop what a REINDEX CONCURRENTLY has left. The homeserver may run meanwhile. " +
				"A unique index that cannot be built for its duplicates stays invalid until they are removed (synapse check --deep lists them)",
			Fix: FixInvalidIndexes,
		},
	}
	for _, index := range indexes {
		kind := ""
		if index.leftover {
			kind = ", left by REINDEX CONCURRENTLY"
		}
		result.Evidence = append(result.Evidence, fmt.Sprintf("%s on %s%s: %s", short(index.schema, index.name), index.table, kind, index.definition))
		result.Remedy.Commands = append(result.Remedy.Commands, index.statement()+";")
	}
	return withEvidence(result), nil
}

func planInvalid(ctx context.Context, subject *finding.Subject) ([]string, error) {
	if subject.Engine != engine.Postgres {
		return nil, nil
	}
	indexes, err := readInvalid(ctx, subject.Session)
	var statements []string
	for _, index := range indexes {
		statements = append(statements, index.statement()+";")
	}
	return statements, err
}

// applyInvalid mends one index after the other, since what is done concurrently cannot be one transaction. One that fails leaves
// those before it mended.
func applyInvalid(ctx context.Context, subject *finding.Subject) error {
	indexes, err := readInvalid(ctx, subject.Session)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		err := subject.Session.ExecAlone(ctx, index.statement())
		if err != nil && ctx.Err() == nil {
			return errors.Join(explainRebuild(index, err), dropLeft(ctx, subject.Session, index))
		}
		if err != nil {
			return err // what an interrupted rebuild has left is dropped by the next run
		}
	}
	left, err := readInvalid(ctx, subject.Session)
	if err == nil && len(left) > 0 {
		err = fmt.Errorf("the index %s is still invalid", short(left[0].schema, left[0].name))
	}
	return err
}

func explainRebuild(index invalidIndex, err error) error {
	const uniqueViolation = "23505"
	result := &engine.Error{Op: "rebuild the index", Object: short(index.schema, index.name), Err: err,
		Hint: "see what the server says of it, and apply the fix again: what is mended stays so"}
	if server, isServer := errors.AsType[*pgconn.PgError](err); isServer && server.Code == uniqueViolation {
		result.Hint = "rows of " + short(index.schema, index.table) + " break the unique key: synapse check --deep lists them; remove the surplus, and apply the fix again"
	}
	return result
}

// dropLeft drops what a rebuild that failed has left: the index itself is as it was.
func dropLeft(ctx context.Context, session engine.Session, index invalidIndex) error {
	var problems []error
	left, err := readInvalid(ctx, session)
	for _, one := range left {
		if one.leftover && one.schema == index.schema && one.table == index.table {
			problems = append(problems, session.ExecAlone(ctx, one.statement()))
		}
	}
	return errors.Join(append(problems, err)...)
}
