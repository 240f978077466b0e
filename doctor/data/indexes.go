package data

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// amcheckQuery finds the function that compares an index with its table, in whatever schema the extension is. Releases before
// PostgreSQL 11 have it without the second parameter, and compare less: they give nothing.
const amcheckQuery = `SELECT coalesce(to_regprocedure(extnamespace::regnamespace::text || '.bt_index_check(regclass, boolean)')::oid::regproc::text, '')
FROM pg_extension WHERE extname = 'amcheck'`

// bTreesQuery leaves out what is half built, which another check tells.
const bTreesQuery = `
SELECT x.oid::bigint, c.relname, x.relname
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam AND m.amname = 'btree'
JOIN pg_class c ON c.oid = i.indrelid
WHERE i.indisvalid AND i.indisready AND ` + readableTables + `
ORDER BY c.relname COLLATE "C", x.relname COLLATE "C"`

// bTree is an index.
type bTree struct {
	id           int64
	table, index string
}

// checkIndexes has PostgreSQL's own extension look at every index, where an administrator has installed it.
func checkIndexes(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	functions, err := texts(ctx, subject.Session, amcheckQuery)
	if err != nil || strings.Join(functions, "") == "" {
		return nil, err
	}
	indexes, err := bTrees(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	result := finding.Finding{
		ID: IndexDamaged, Severity: finding.Error,
		Meaning: "rows are not found although they are there, and unique keys can be given twice; after an update of the operating system's library that sorts texts, or a failing disk",
		Remedy: finding.Remedy{Text: "look for the cause before anything else, and keep a backup of the database as it is; delete rows whose keys are there twice (duplicate_keys), " +
			"for no unique index can be built over them, then rebuild the indexes"},
	}
	for _, one := range indexes {
		complaint, err := compareIndex(ctx, subject.Session, functions[0], one)
		if err != nil {
			return nil, fmt.Errorf("index %s: %w", one.index, err)
		}
		if complaint != "" {
			result.Evidence = append(result.Evidence, fmt.Sprintf("%s on %s: %s", one.index, one.table, complaint))
			result.Remedy.Commands = append(result.Remedy.Commands, "REINDEX INDEX CONCURRENTLY "+postgres.QuoteIdentifier(one.index)+";")
		}
	}
	if len(result.Evidence) == 0 {
		return nil, nil
	}
	result.What = fmt.Sprintf("of %d indexes, %d do not hold what their tables hold, or not in their order", len(indexes), len(result.Evidence))
	return []finding.Finding{result}, nil
}

func bTrees(ctx context.Context, from engine.Querier) (all []bTree, err error) {
	return all, engine.Each(ctx, from, bTreesQuery, nil, func(scan func(...any) error) error {
		var one bTree
		err := scan(&one.id, &one.table, &one.index)
		all = append(all, one)
		return err
	})
}

// damageCodes are what the server says of data that are not as they should be: data_corrupted and index_corrupted.
func damageCodes() []string { return []string{"XX001", "XX002"} }

// compareIndex returns what the server says of a damaged index. Index and table are locked as by a SELECT.
func compareIndex(ctx context.Context, from engine.Querier, function string, index bTree) (complaint string, err error) {
	err = engine.Each(ctx, from, "SELECT "+function+"(?::bigint::oid::regclass, true)::text", []any{index.id}, func(func(...any) error) error { return nil })
	if refused, is := errors.AsType[*pgconn.PgError](err); is && slices.Contains(damageCodes(), refused.Code) {
		complaint = refused.Message
		if refused.Detail != "" {
			complaint += " (" + refused.Detail + ")"
		}
		return complaint, nil
	}
	return "", err
}
