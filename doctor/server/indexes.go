package server

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

func checkIndexes(ctx context.Context, subject *finding.Subject, now time.Time) ([]finding.Finding, error) {
	invalid, err := checkInvalid(ctx, subject.Session)
	if err != nil {
		return nil, fmt.Errorf("invalid indexes: %w", err)
	}
	duplicate, err := duplicates(ctx, subject.Session)
	if err != nil {
		return nil, fmt.Errorf("duplicate indexes: %w", err)
	}
	unused, err := unused(ctx, subject.Session, now)
	if err != nil {
		return nil, fmt.Errorf("unused indexes: %w", err)
	}
	return append(append(invalid, duplicate...), unused...), nil
}

// duplicatesSQL puts the one to keep first in each group: what a constraint stands on, then the oldest.
// What later versions have in the catalog is read as JSON.
const duplicatesSQL = `SELECT d.nspname, d.table_name, d.index_name, d.bytes, d.place, d.needed FROM (
	SELECT n.nspname, t.relname AS table_name, c.relname AS index_name, c.relpages * current_setting('block_size')::bigint AS bytes, s.needed,
		count(*) OVER same AS copies, row_number() OVER (same ORDER BY s.needed DESC, c.oid) AS place, min(c.oid::bigint) OVER same AS first
	FROM pg_index AS i JOIN pg_class AS c ON c.oid = i.indexrelid JOIN pg_class AS t ON t.oid = i.indrelid
		JOIN pg_namespace AS n ON n.oid = c.relnamespace,
		LATERAL (SELECT i.indisreplident OR i.indisclustered OR EXISTS (SELECT FROM pg_constraint AS o WHERE o.conindid = c.oid) AS needed) AS s
	WHERE i.indisvalid AND ` + ownSchemas + `
	WINDOW same AS (PARTITION BY i.indrelid, c.relam, i.indisunique, i.indisexclusion, i.indimmediate, i.indkey::text, i.indclass::text,
		i.indcollation::text, i.indoption::text, pg_get_expr(i.indexprs, i.indrelid), pg_get_expr(i.indpred, i.indrelid),
		to_jsonb(i)->>'indnkeyatts', to_jsonb(i)->>'indnullsnotdistinct')
) AS d WHERE d.copies > 1 ORDER BY d.nspname, d.table_name, d.first, d.place`

func duplicates(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: IndexDuplicate, Severity: finding.Warning, What: "a table has two indexes that are the same",
		Meaning: "each write keeps both up to date, and one of them is of no use to anybody",
		Remedy:  finding.Remedy{Text: "drop the one that no constraint stands on, as its owner; if the schema knows both, leave them"},
	}
	var kept string
	err := engine.Each(ctx, from, duplicatesSQL, nil, func(scan func(...any) error) error {
		var schema, table, index string
		var bytes, place int64
		var needed bool
		if err := scan(&schema, &table, &index, &bytes, &place, &needed); err != nil {
			return err
		}
		if place == 1 {
			kept = index
			return nil
		}
		result.Evidence = append(result.Evidence, fmt.Sprintf("%s on %s (%s) is the same as %s", short(schema, index), table, size(bytes), kept))
		if !needed {
			result.Remedy.Commands = append(result.Remedy.Commands, "DROP INDEX CONCURRENTLY "+qualified(schema, index)+";")
		}
		return nil
	})
	return withEvidence(result), err
}

// unusedSQL leaves out what a unique key needs, and small indexes.
const unusedSQL = `SELECT n.nspname, t.relname, c.relname, c.relpages * current_setting('block_size')::bigint
FROM pg_stat_all_indexes AS s JOIN pg_index AS i ON i.indexrelid = s.indexrelid JOIN pg_class AS c ON c.oid = i.indexrelid
	JOIN pg_class AS t ON t.oid = i.indrelid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE s.idx_scan = 0 AND i.indisvalid AND NOT i.indisunique AND NOT i.indisexclusion AND c.relpages * current_setting('block_size')::bigint >= ?
	AND ` + ownSchemas + ` ORDER BY 4 DESC, 1, 3`

const leastUnused = 1 << 20 // bytes

const statisticsSinceSQL = `SELECT stats_reset FROM pg_stat_database WHERE datname = current_database()`

func unused(ctx context.Context, from engine.Querier, now time.Time) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: IndexUnused, Severity: finding.Info,
		Meaning: "each write keeps it up to date; whether it is needed all the same, by a rare job or on a replica, the statistics of this server do not tell",
		Remedy:  finding.Remedy{Text: "leave what the homeserver's schema has: its next version may count on it; drop only what somebody made by hand and no longer needs"},
	}
	err := engine.Each(ctx, from, unusedSQL, []any{int64(leastUnused)}, func(scan func(...any) error) error {
		var schema, table, index string
		var bytes int64
		err := scan(&schema, &table, &index, &bytes)
		result.Evidence = append(result.Evidence, fmt.Sprintf("%s on %s: %s", short(schema, index), table, size(bytes)))
		return err
	})
	if err != nil || len(result.Evidence) == 0 {
		return nil, err
	}
	var since sql.NullTime
	if err := from.QueryRow(ctx, statisticsSinceSQL).Scan(&since); err != nil {
		return nil, err
	}
	age := "since the database was made, or its server crashed last"
	if since.Valid {
		age = fmt.Sprintf("for %d days, since its statistics began (%s)", int(now.Sub(since.Time).Hours()/24), since.Time.UTC().Format("2006-01-02 15:04 UTC"))
	}
	result.What = "no query has read an index of some size " + age
	return []finding.Finding{result}, nil
}
