package data

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

type postgresTables struct{ from engine.Querier }

func (*postgresTables) quote(name string) string { return postgres.QuoteIdentifier(name) }

// settingsApart keep the planner from indexes that may be corrupt and from hashes that grow in memory. The second half is how values
// are spelled, by which a script proves that rows are the same.
func settingsApart() []string {
	return []string{
		"enable_indexscan = off", "enable_indexonlyscan = off", "enable_bitmapscan = off", "enable_hashagg = off", "enable_nestloop = off",
		"bytea_output = 'hex'", "extra_float_digits = 1", "DateStyle = 'ISO'", "IntervalStyle = 'postgres'", "TimeZone = 'UTC'",
	}
}

func (t *postgresTables) apart(ctx context.Context, work func() error) (err error) {
	defer func() {
		for _, setting := range settingsApart() {
			name, _, _ := strings.Cut(setting, " ")
			_, failed := t.from.Exec(context.WithoutCancel(ctx), "RESET "+name)
			err = errors.Join(err, failed)
		}
	}()
	for _, setting := range settingsApart() {
		if _, err := t.from.Exec(ctx, "SET "+setting); err != nil {
			return err
		}
	}
	return work()
}

// readableTables are the ordinary tables of the schema that the role may read.
const readableTables = `c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind = 'r' AND has_table_privilege(c.oid, 'SELECT')`

const unreadableQuery = `SELECT c.relname FROM pg_class c
WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema()) AND c.relkind = 'r' AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY c.relname COLLATE "C"`

func (t *postgresTables) unreadable(ctx context.Context) ([]string, error) {
	return texts(ctx, t.from, unreadableQuery)
}

// uniqueKeysQuery: a collation that is deterministic takes only equal bytes for equal, whatever its order is. So rows can be grouped
// in the order of "C", which no change of a library touches.
const uniqueKeysQuery = `
SELECT c.relname, x.relname,
       to_json(ARRAY(SELECT pg_get_indexdef(i.indexrelid, k, false) FROM generate_series(1, n.keys) k ORDER BY k))::text,
       to_json(ARRAY(SELECT coalesce(l.oid <> 0 AND coalesce((to_jsonb(l) ->> 'collisdeterministic')::bool, true), false)
                     FROM generate_series(1, n.keys) k LEFT JOIN pg_collation l ON l.oid = i.indcollation[k - 1] ORDER BY k))::text,
       coalesce(pg_get_expr(i.indpred, i.indrelid), ''), coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false)
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_class c ON c.oid = i.indrelid
JOIN LATERAL (SELECT coalesce((to_jsonb(i) ->> 'indnkeyatts')::int, i.indnatts::int) AS keys) n ON true
WHERE i.indisunique AND ` + readableTables + `
ORDER BY c.relname COLLATE "C", x.relname COLLATE "C"`

func (t *postgresTables) uniqueKeys(ctx context.Context) (keys []*uniqueKey, err error) {
	err = engine.Each(ctx, t.from, uniqueKeysQuery, nil, func(scan func(...any) error) error {
		key := &uniqueKey{}
		var parts, bytewise string
		if err := scan(&key.table, &key.index, &parts, &bytewise, &key.where, &key.nullsEqual); err != nil {
			return err
		}
		var plain []bool
		if err := errors.Join(json.Unmarshal([]byte(parts), &key.parts), json.Unmarshal([]byte(bytewise), &plain)); err != nil {
			return fmt.Errorf("read the index %s: %w", key.index, err)
		}
		for i, part := range key.parts {
			if plain[i] {
				part += ` COLLATE "C"`
			}
			key.groups = append(key.groups, part)
		}
		keys = append(keys, key)
		return nil
	})
	return keys, err
}

const foreignKeysQuery = `
SELECT k.conname, c.relname, p.relname, k.convalidated,
       to_json(ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY u(num, ord) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.ord))::text,
       to_json(ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY u(num, ord) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.ord))::text
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class p ON p.oid = k.confrelid
WHERE k.contype = 'f' AND has_table_privilege(p.oid, 'SELECT') AND p.relnamespace = c.relnamespace AND ` + readableTables + `
ORDER BY c.relname COLLATE "C", k.conname COLLATE "C"`

func (t *postgresTables) foreignKeys(ctx context.Context) (keys []*foreignKey, err error) {
	err = engine.Each(ctx, t.from, foreignKeysQuery, nil, func(scan func(...any) error) error {
		key := &foreignKey{declared: true}
		var columns, parentKey string
		if err := scan(&key.name, &key.table, &key.parent, &key.validated, &columns, &parentKey); err != nil {
			return err
		}
		keys = append(keys, key)
		return errors.Join(json.Unmarshal([]byte(columns), &key.columns), json.Unmarshal([]byte(parentKey), &key.parentKey))
	})
	return keys, err
}

const columnsQuery = `SELECT a.attname FROM pg_attribute a WHERE a.attrelid = to_regclass(quote_ident(?)) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

func (t *postgresTables) columns(ctx context.Context, table string) ([]string, error) {
	return texts(ctx, t.from, columnsQuery, table)
}

func (t *postgresTables) duplicates(key *uniqueKey) string {
	return fmt.Sprintf("SELECT to_json(array_agg(ctid::text))::text FROM ONLY %s%s GROUP BY %s HAVING count(*) > 1",
		t.quote(key.table), whereOf(key), strings.Join(key.groups, ", "))
}

func whereOf(key *uniqueKey) string {
	var conditions []string
	if key.where != "" {
		conditions = append(conditions, "("+key.where+")")
	}
	if !key.nullsEqual {
		for _, part := range key.parts {
			conditions = append(conditions, "("+part+") IS NOT NULL")
		}
	}
	if len(conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(conditions, " AND ")
}

// rowName stands for a row; no column of a homeserver is called so, which would hide the row.
const rowName = "synapse_row"

func (t *postgresTables) copies(key *uniqueKey, order string, _ []string) string {
	if order == "" {
		order = "NULL"
	} else {
		order = t.quote(order) + "::bigint"
	}
	text := keyText(key.parts, func(part string) string { return "(" + part + ")::text" })
	return fmt.Sprintf("SELECT ctid::text, age(xmin), %[1]s, md5(%[2]s::text), %[3]s FROM ONLY %[4]s AS %[2]s WHERE ctid = ANY(?::text::tid[])",
		order, rowName, text, t.quote(key.table))
}

func (*postgresTables) placeList(places []string) string {
	return `{"` + strings.Join(places, `","`) + `"}`
}

func (t *postgresTables) orphans(key *foreignKey) string {
	text := keyText(quoted(t, key.columns), func(part string) string { return "c." + part + "::text" })
	return orphansQuery(t, key, "ctid::text", text)
}

// orphansQuery: as for the database, a key with a NULL in it points nowhere, and may.
func orphansQuery(known tables, key *foreignKey, place, text string) string {
	var there, equal []string
	for i, column := range quoted(known, key.columns) {
		there = append(there, "c."+column+" IS NOT NULL")
		equal = append(equal, "p."+known.quote(key.parentKey[i])+" = c."+column)
	}
	return fmt.Sprintf("SELECT c.%s, %s FROM %s AS c WHERE %s AND NOT EXISTS (SELECT 1 FROM %s AS p WHERE %s)",
		place, text, known.quote(key.table), strings.Join(there, " AND "), known.quote(key.parent), strings.Join(equal, " AND "))
}

func quoted(known tables, names []string) []string {
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = known.quote(name)
	}
	return all
}

// texts reads a column of texts.
func texts(ctx context.Context, from engine.Querier, query string, values ...any) (all []string, err error) {
	err = engine.Each(ctx, from, query, values, func(scan func(...any) error) error {
		var text string
		err := scan(&text)
		all = append(all, text)
		return err
	})
	return all, err
}
