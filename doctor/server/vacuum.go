package server

import (
	"context"
	"fmt"
	"slices"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

func checkVacuum(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	var found []finding.Finding
	for _, look := range []func(context.Context, engine.Querier) ([]finding.Finding, error){tablesWithout, deadRows, bloat} {
		more, err := look(ctx, subject.Session)
		found = append(found, more...)
		if err != nil {
			return found, err
		}
	}
	return found, nil
}

// tablesWithoutSQL names the table where the option is that of its TOAST table.
const tablesWithoutSQL = `SELECT n.nspname, t.relname, c.oid <> t.oid
FROM pg_class AS c JOIN pg_class AS t ON t.oid = c.oid AND c.relkind IN ('r', 'm') OR t.reltoastrelid = c.oid
	JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE EXISTS (SELECT FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = 'autovacuum_enabled' AND NOT o.option_value::bool)
	AND ` + ownSchemas + ` ORDER BY 1, 2, 3`

func tablesWithout(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: TableAutovacuumOff, Severity: finding.Warning, What: "autovacuum is off for a table",
		Meaning: "deleted rows of the table are never cleared away and its statistics never renewed: it grows, and queries get slow",
		Remedy:  finding.Remedy{Text: "take the option off, as the table's owner"},
	}
	err := engine.Each(ctx, from, tablesWithoutSQL, nil, func(scan func(...any) error) error {
		var schema, table string
		var toast bool
		err := scan(&schema, &table, &toast)
		option := "autovacuum_enabled"
		if toast {
			option = "toast." + option
		}
		result.Evidence = append(result.Evidence, short(schema, table)+": "+option+" = false")
		result.Remedy.Commands = append(result.Remedy.Commands, "ALTER TABLE "+qualified(schema, table)+" RESET ("+option+");")
		return err
	})
	return withEvidence(result), err
}

// deadRowsSQL compares with the number at which autovacuum begins, as the server's settings say.
const deadRowsSQL = `SELECT n.nspname, c.relname, s.n_dead_tup, s.n_live_tup,
	coalesce(to_char(greatest(s.last_vacuum, s.last_autovacuum) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI "UTC"'), 'never')
FROM pg_stat_all_tables AS s JOIN pg_class AS c ON c.oid = s.relid JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE s.n_dead_tup >= ? AND s.n_dead_tup > ? * (current_setting('autovacuum_vacuum_threshold')::float8
	+ current_setting('autovacuum_vacuum_scale_factor')::float8 * greatest(c.reltuples, 0)) AND ` + ownSchemas + ` ORDER BY 3 DESC, 1, 2`

// Fewer dead rows hurt nobody, and up to that many times what autovacuum begins at, it may just be about to.
const (
	fewDeadRows   = 100_000
	tooLateFactor = 3
)

func deadRows(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: DeadRows, Severity: finding.Warning, What: "a table holds many more deleted rows than autovacuum leaves",
		Meaning: "the table and its indexes grow, and every query reads past what is deleted",
		Remedy: finding.Remedy{Text: "end what holds old rows (see the evidence), see that autovacuum is on, and vacuum the table, as its owner; " +
			"where it happens again, have autovacuum begin earlier at this table (autovacuum_vacuum_scale_factor)"},
	}
	err := engine.Each(ctx, from, deadRowsSQL, []any{int64(fewDeadRows), float64(tooLateFactor)}, func(scan func(...any) error) error {
		var schema, table, last string
		var dead, live int64
		err := scan(&schema, &table, &dead, &live, &last)
		result.Evidence = append(result.Evidence, fmt.Sprintf("%s: about %d dead rows beside %d live ones, last vacuumed: %s", short(schema, table), dead, live, last))
		result.Remedy.Commands = append(result.Remedy.Commands, "VACUUM (ANALYZE) "+qualified(schema, table)+";")
		return err
	})
	if err != nil || len(result.Evidence) == 0 {
		return nil, err
	}
	held, err := holders(ctx, from)
	result.Evidence = slices.Concat(held, result.Evidence)
	return []finding.Finding{result}, err
}

// bloatSQL estimates how many pages the rows need. A row costs its pointer (4 bytes), a header (24), the widths that ANALYZE
// has seen, and what fills it up to a multiple of 8 (on average 4); an entry of a B-tree its pointer, a header (8) and the same.
// Tables and indexes of which any column has no statistics, or none that the role may see, are left out
// (https://www.postgresql.org/docs/current/storage-page-layout.html).
const bloatSQL = `WITH page AS (SELECT current_setting('block_size')::float8 AS bytes),
width AS (
	SELECT c.oid, c.relkind, c.relpages, c.reltuples, c.relnamespace, c.relname,
		coalesce((SELECT o.option_value::float8 / 100 FROM pg_options_to_table(c.reloptions) AS o WHERE o.option_name = 'fillfactor'),
			CASE c.relkind WHEN 'i' THEN 0.9 ELSE 1 END) AS filled,
		sum((1 - s.null_frac) * s.avg_width) AS data, count(*) = count(s.avg_width) AS complete
	FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
		LEFT JOIN pg_index AS i ON i.indexrelid = c.oid
		LEFT JOIN pg_class AS t ON t.oid = i.indrelid
		JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
		LEFT JOIN pg_attribute AS ta ON ta.attrelid = t.oid AND ta.attnum = i.indkey[a.attnum - 1] AND ta.attnum > 0
		LEFT JOIN pg_stats AS s ON s.schemaname = n.nspname AND NOT s.inherited
			AND s.tablename = CASE WHEN ta.attnum IS NULL THEN c.relname ELSE t.relname END AND s.attname = coalesce(ta.attname, a.attname)
	WHERE (c.relkind IN ('r', 'm') OR c.relkind = 'i' AND i.indpred IS NULL AND c.relam = (SELECT oid FROM pg_am WHERE amname = 'btree'))
		AND c.reltuples >= 0 AND c.relpages * (SELECT bytes FROM page) >= ? AND ` + ownSchemas + `
	GROUP BY c.oid, c.relkind, c.relpages, c.reltuples, c.relnamespace, c.relname, c.reloptions
),
estimate AS (
	SELECT width.*, page.bytes, ceil(reltuples * (data + CASE relkind WHEN 'i' THEN 16 ELSE 32 END) / ((page.bytes - 24) * filled)) AS needed
	FROM width, page WHERE complete
)
SELECT n.nspname, e.relname, e.relkind = 'i', (e.relpages * e.bytes)::bigint, ((e.relpages - e.needed) * e.bytes)::bigint
FROM estimate AS e JOIN pg_namespace AS n ON n.oid = e.relnamespace
WHERE (e.relpages - e.needed) * e.bytes >= ? AND e.relpages - e.needed >= e.relpages / 2.0 ORDER BY 5 DESC, 1, 2`

// leastBloat is how many bytes must be unused to be worth a word.
const leastBloat = 50 << 20

func bloat(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	result := finding.Finding{
		ID: Bloat, Severity: finding.Info, What: "more than half of a table or an index is unused, as its statistics let one guess",
		Meaning: "the space is used again for new rows, but not given back to the disk, and reading the whole table takes longer",
		Remedy: finding.Remedy{Text: "nothing, unless the disk is short: an index is rebuilt beside a running homeserver; " +
			"a table by VACUUM FULL, which locks it and needs its size again on the disk, with the homeserver stopped"},
	}
	err := engine.Each(ctx, from, bloatSQL, []any{int64(leastBloat), int64(leastBloat)}, func(scan func(...any) error) error {
		var schema, name string
		var index bool
		var whole, unused int64
		err := scan(&schema, &name, &index, &whole, &unused)
		kind, command := "table", "VACUUM (FULL, ANALYZE) "+qualified(schema, name)+";"
		if index {
			kind, command = "index", "REINDEX INDEX CONCURRENTLY "+qualified(schema, name)+";"
		}
		result.Evidence = append(result.Evidence, fmt.Sprintf("%s %s: about %s of %s", kind, short(schema, name), size(unused), size(whole)))
		result.Remedy.Commands = append(result.Remedy.Commands, command)
		return err
	})
	return withEvidence(result), err
}
