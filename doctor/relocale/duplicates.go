package relocale

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
)

// mostRows is how many rows a problem lists.
const mostRows = 10

// unique is an index that must not find a key twice.
type unique struct {
	schema, table, index string
	keys                 []string // expressions
	where                string
	nullsCount           bool // NULLS NOT DISTINCT
}

// uniqueSQL has each key compared byte by byte, as C does, and not by an order that may be what is broken. Texts are equal in any
// deterministic collation exactly if their bytes are; those of the others stay as the index has them.
const uniqueSQL = `SELECT n.nspname, t.relname, i.relname,
    (SELECT array_agg('(' || pg_get_indexdef(x.indexrelid, k, true) || ')' || CASE WHEN x.indcollation[k - 1] = 0 THEN ''
            WHEN coalesce((to_jsonb(c)->>'collisdeterministic')::bool, true) THEN ' COLLATE "C"'
            ELSE format(' COLLATE %I.%I', s.nspname, c.collname) END ORDER BY k)
        FROM generate_series(1, coalesce((to_jsonb(x)->>'indnkeyatts')::int, x.indnatts)) AS k
            LEFT JOIN pg_collation AS c ON c.oid = x.indcollation[k - 1] LEFT JOIN pg_namespace AS s ON s.oid = c.collnamespace),
    coalesce(pg_get_expr(x.indpred, x.indrelid), ''), coalesce((to_jsonb(x)->>'indnullsnotdistinct')::bool, false)
FROM pg_index AS x JOIN pg_class AS i ON i.oid = x.indexrelid JOIN pg_class AS t ON t.oid = x.indrelid JOIN pg_namespace AS n ON n.oid = t.relnamespace
WHERE x.indisunique AND t.relkind IN ('r', 'm') AND t.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
ORDER BY 1, 2, 3`

// duplicateKeys looks in every table for keys that are there twice and that an index, which is damaged, hides. The new database
// could not build its index.
func (r *run) duplicateKeys(ctx context.Context, on *pgx.Conn) (problems []Problem, err error) {
	rows, err := on.Query(ctx, uniqueSQL)
	if err != nil {
		return nil, err
	}
	indexes, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (u unique, err error) {
		return u, row.Scan(&u.schema, &u.table, &u.index, &u.keys, &u.where, &u.nullsCount)
	})
	if err != nil {
		return nil, err
	}
	for _, index := range indexes {
		what, err := index.twice(ctx, on)
		if err != nil {
			return nil, fmt.Errorf("look for duplicate keys of %s: %w", index.index, err)
		}
		if what != "" {
			problems = append(problems, Problem{ID: DuplicateKeys, What: what,
				Hint: "synapse check --deep says which copy is newer, and writes a script that repairs it"})
		}
	}
	return problems, nil
}

func (u unique) query() string {
	var columns, names, shown, present []string
	for i, key := range u.keys {
		name := fmt.Sprintf("k%d", i)
		columns, names = append(columns, key+" AS "+name), append(names, name)
		shown = append(shown, fmt.Sprintf("coalesce(left(%s::text, 100), 'NULL')", name))
		if !u.nullsCount {
			present = append(present, name+" IS NOT NULL")
		}
	}
	where, having := "", ""
	if u.where != "" {
		where = " WHERE " + u.where
	}
	if len(present) > 0 {
		having = " WHERE " + strings.Join(present, " AND ")
	}
	return fmt.Sprintf(`SELECT count(*) OVER (), copies, places, shown FROM (
    SELECT count(*) AS copies, (array_agg(place))[1:5] AS places, ARRAY[%s] AS shown
    FROM (SELECT ctid::text AS place, %s FROM ONLY %s%s) AS r%s GROUP BY %s HAVING count(*) > 1) AS found LIMIT %d`,
		strings.Join(shown, ", "), strings.Join(columns, ", "), qualified(u.schema, u.table), where, having, strings.Join(names, ", "), mostRows)
}

func qualified(schema, name string) string {
	return postgres.QuoteIdentifier(schema) + "." + postgres.QuoteIdentifier(name)
}

// twice says which keys are there more than once; nothing when none is.
func (u unique) twice(ctx context.Context, on *pgx.Conn) (string, error) {
	rows, err := on.Query(ctx, u.query())
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var all int64
	var lines []string
	for rows.Next() {
		var copies int64
		var places, shown []string
		if err := rows.Scan(&all, &copies, &places, &shown); err != nil {
			return "", err
		}
		lines = append(lines, fmt.Sprintf("(%s) %d times, ctid %s", strings.Join(shown, ", "), copies, strings.Join(places, " ")))
	}
	if err := rows.Err(); err != nil || all == 0 {
		return "", err
	}
	if more := all - int64(len(lines)); more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("table %s has %s more than once, which its index %s hides:\n      %s",
		qualified(u.schema, u.table), counted(all, "key"), u.index, strings.Join(lines, "\n      ")), nil
}

func counted(number int64, noun string) string {
	if number == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", number, noun)
}

// reference is a foreign key.
type reference struct {
	name         string
	from, to     string // tables, qualified
	columns, has []string
}

const referencesSQL = `SELECT k.conname, format('%I.%I', fn.nspname, f.relname), format('%I.%I', tn.nspname, t.relname),
    (SELECT array_agg(quote_ident(a.attname) ORDER BY p.place) FROM unnest(k.conkey) WITH ORDINALITY AS p(number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.conrelid AND a.attnum = p.number),
    (SELECT array_agg(quote_ident(a.attname) ORDER BY p.place) FROM unnest(k.confkey) WITH ORDINALITY AS p(number, place)
        JOIN pg_attribute AS a ON a.attrelid = k.confrelid AND a.attnum = p.number)
FROM pg_constraint AS k JOIN pg_class AS f ON f.oid = k.conrelid JOIN pg_namespace AS fn ON fn.oid = f.relnamespace
    JOIN pg_class AS t ON t.oid = k.confrelid JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
WHERE k.contype = 'f' AND k.convalidated AND f.relkind = 'r' ORDER BY 2, 1`

// keysWithoutRows looks for foreign keys that lead to no row, which pg_restore would find at its very end.
func (r *run) keysWithoutRows(ctx context.Context, on *pgx.Conn) (problems []Problem, err error) {
	rows, err := on.Query(ctx, referencesSQL)
	if err != nil {
		return nil, err
	}
	references, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (k reference, err error) {
		return k, row.Scan(&k.name, &k.from, &k.to, &k.columns, &k.has)
	})
	if err != nil {
		return nil, err
	}
	for _, key := range references {
		var count int64
		var places []string
		if err := on.QueryRow(ctx, key.query()).Scan(&count, &places); err != nil {
			return nil, fmt.Errorf("follow the foreign key %s: %w", key.name, err)
		}
		if count > 0 {
			problems = append(problems, Problem{ID: KeysWithout,
				What: fmt.Sprintf("%s of %s (%s) with no row in %s, which the foreign key %s asks for; ctid %s",
					counted(count, "row"), key.from, strings.Join(key.columns, ", "), key.to, key.name, strings.Join(places, " ")),
				Hint: "delete them, or restore what they belong to; synapse check --deep lists them"})
		}
	}
	return problems, nil
}

func (k reference) query() string {
	var present, same []string
	for i, column := range k.columns {
		present = append(present, "c."+column+" IS NOT NULL")
		same = append(same, fmt.Sprintf("p.%s = c.%s", k.has[i], column))
	}
	return fmt.Sprintf("SELECT count(*), coalesce((array_agg(c.ctid::text))[1:5], '{}') FROM ONLY %s AS c WHERE %s AND NOT EXISTS (SELECT FROM %s AS p WHERE %s)",
		k.from, strings.Join(present, " AND "), k.to, strings.Join(same, " AND "))
}
