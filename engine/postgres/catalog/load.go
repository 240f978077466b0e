package catalog

import (
	"context"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

type loader struct {
	conn   Queryer
	schema *Schema
	byOID  map[uint32]*Table
}

// each runs a query with the schema's name as its parameter and calls read for every row.
func (l *loader) each(ctx context.Context, query string, read func(pgx.Rows) error) error {
	rows, err := l.conn.Query(ctx, query, l.schema.Name)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := read(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

const tablesQuery = `
SELECT c.oid, c.relname, pg_has_role(c.relowner, 'USAGE'), c.relpersistence = 'u'
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND c.relkind = 'r' AND NOT c.relispartition
ORDER BY c.relname COLLATE "C"`

func (l *loader) tables(ctx context.Context) error {
	return l.each(ctx, tablesQuery, func(rows pgx.Rows) error {
		table := &Table{}
		if err := rows.Scan(&table.OID, &table.Name, &table.Owned, &table.Unlogged); err != nil {
			return err
		}
		l.schema.Tables = append(l.schema.Tables, table)
		l.byOID[table.OID] = table
		return nil
	})
}

// A domain counts as its base type. The length of varchar(n) and char(n) is the type modifier less 4.
// attgenerated came with PostgreSQL 12; to_jsonb reads it where it exists.
const columnsQuery = `
SELECT a.attrelid, a.attname, a.attnum, coalesce(b.typname, t.typname),
       format_type(a.atttypid, a.atttypmod),
       CASE WHEN coalesce(b.typname, t.typname) IN ('varchar', 'bpchar')
            THEN greatest(CASE WHEN a.atttypmod >= 0 THEN a.atttypmod ELSE t.typtypmod END - 4, 0) ELSE 0 END,
       a.attnotnull OR t.typnotnull, a.attidentity <> '',
       coalesce(to_jsonb(a) ->> 'attgenerated', '') <> '', a.atthasdef
FROM pg_attribute a
JOIN pg_class c ON c.oid = a.attrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b ON t.typtype = 'd' AND b.oid = t.typbasetype
WHERE n.nspname = $1 AND c.relkind = 'r' AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attrelid, a.attnum`

func (l *loader) columns(ctx context.Context) error {
	return l.each(ctx, columnsQuery, func(rows pgx.Rows) error {
		column, oid := &Column{}, uint32(0)
		err := rows.Scan(&oid, &column.Name, &column.Number, &column.Type, &column.TypeLabel,
			&column.Length, &column.NotNull, &column.Identity, &column.Generated, &column.Default)
		if err != nil {
			return err
		}
		if table := l.byOID[oid]; table != nil {
			table.Columns = append(table.Columns, column)
		}
		return nil
	})
}

const checksQuery = `
SELECT k.conrelid, a.attname, pg_get_constraintdef(k.oid)
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1]
WHERE n.nspname = $1 AND k.contype = 'c' AND array_length(k.conkey, 1) = 1`

// A check that only forbids NULL is how a column of a big table becomes NOT NULL without a lock
// (first NOT VALID, validated later); it binds new rows from the start.
var onlyNotNull = regexp.MustCompile(`^CHECK \(\((?:"(?:[^"]|"")+"|\w+) IS NOT NULL\)\)(?: NOT VALID)?$`)

func (l *loader) checks(ctx context.Context) error {
	return l.each(ctx, checksQuery, func(rows pgx.Rows) error {
		var oid uint32
		var name, definition string
		if err := rows.Scan(&oid, &name, &definition); err != nil {
			return err
		}
		if table := l.byOID[oid]; table != nil && onlyNotNull.MatchString(definition) {
			table.Column(name).NotNull = true
		}
		return nil
	})
}

// indnullsnotdistinct came with PostgreSQL 15; to_jsonb reads it where it exists.
const indexesQuery = `
SELECT i.indrelid, x.relname, m.amname, pg_get_indexdef(i.indexrelid),
       CASE WHEN i.indexprs IS NULL THEN ARRAY(
           SELECT a.attname::text FROM unnest(i.indkey::int2[]) WITH ORDINALITY k(num, ord)
           JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.num
           WHERE k.ord <= CASE WHEN to_jsonb(i) ? 'indnkeyatts' THEN (to_jsonb(i) ->> 'indnkeyatts')::int ELSE i.indnatts END
           ORDER BY k.ord) END,
       coalesce(pg_get_expr(i.indpred, i.indrelid), ''), i.indisunique, i.indisvalid,
       coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::bool, false),
       NOT i.indisclustered AND NOT i.indisreplident AND x.reltablespace = 0
           AND NOT EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = x.oid AND a.attstattarget > 0),
       coalesce(obj_description(i.indexrelid, 'pg_class'), ''),
       k.conname, coalesce(pg_get_constraintdef(k.oid), ''), coalesce(k.contype = 'p', false),
       coalesce(k.contype = 'x', false), coalesce(k.condeferrable, false), coalesce(k.condeferred, false),
       coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_index i
JOIN pg_class x ON x.oid = i.indexrelid
JOIN pg_am m ON m.oid = x.relam
JOIN pg_class c ON c.oid = i.indrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_constraint k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
WHERE n.nspname = $1 AND c.relkind = 'r'
ORDER BY x.relname COLLATE "C"`

func (l *loader) indexes(ctx context.Context) error {
	return l.each(ctx, indexesQuery, func(rows pgx.Rows) error {
		index, constraint := &Index{}, Constraint{}
		var oid uint32
		var name *string
		err := rows.Scan(&oid, &index.Name, &index.Method, &index.Definition, &index.Columns, &index.Predicate,
			&index.Unique, &index.Valid, &index.NullsEqual, &index.Plain, &index.Comment,
			&name, &constraint.Definition, &constraint.Primary, &constraint.Exclusion,
			&constraint.Deferrable, &constraint.Deferred, &constraint.Comment)
		if err != nil {
			return err
		}
		if name != nil {
			constraint.Name = *name
			index.Constraint = &constraint
		}
		if table := l.byOID[oid]; table != nil {
			table.Indexes = append(table.Indexes, index)
		}
		return nil
	})
}

const foreignKeysQuery = `
SELECT k.conname, c.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(num, ord)
             JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.num ORDER BY u.ord),
       p.relname,
       ARRAY(SELECT a.attname::text FROM unnest(k.confkey) WITH ORDINALITY u(num, ord)
             JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.num ORDER BY u.ord),
       pg_get_constraintdef(k.oid), k.convalidated, coalesce(obj_description(k.oid, 'pg_constraint'), '')
FROM pg_constraint k
JOIN pg_class c ON c.oid = k.conrelid
JOIN pg_class p ON p.oid = k.confrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND p.relnamespace = n.oid AND k.contype = 'f'
ORDER BY c.relname COLLATE "C", k.conname COLLATE "C"`

func (l *loader) foreignKeys(ctx context.Context) error {
	return l.each(ctx, foreignKeysQuery, func(rows pgx.Rows) error {
		key := &ForeignKey{}
		err := rows.Scan(&key.Name, &key.Table, &key.Columns, &key.Parent, &key.ParentKey,
			&key.Definition, &key.Validated, &key.Comment)
		l.schema.ForeignKeys = append(l.schema.ForeignKeys, key)
		return err
	})
}

const triggersQuery = `
SELECT t.tgrelid, t.tgname, pg_get_triggerdef(t.oid), t.tgenabled::text
FROM pg_trigger t
JOIN pg_class c ON c.oid = t.tgrelid
JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname = $1 AND NOT t.tgisinternal
ORDER BY c.relname COLLATE "C", t.tgname COLLATE "C"`

func (l *loader) triggers(ctx context.Context) error {
	return l.each(ctx, triggersQuery, func(rows pgx.Rows) error {
		trigger, oid := &Trigger{}, uint32(0)
		if err := rows.Scan(&oid, &trigger.Name, &trigger.Definition, &trigger.Enabled); err != nil {
			return err
		}
		if table := l.byOID[oid]; table != nil {
			table.Triggers = append(table.Triggers, trigger)
		}
		return nil
	})
}

// Ownership by a column shows as an automatic (serial, OWNED BY) or internal (identity) dependency.
const sequencesQuery = `
SELECT s.relname, coalesce(t.relname, ''), coalesce(a.attname, ''), q.seqmin, q.seqmax
FROM pg_class s
JOIN pg_namespace n ON n.oid = s.relnamespace
JOIN pg_sequence q ON q.seqrelid = s.oid
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
     AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
LEFT JOIN pg_class t ON t.oid = d.refobjid
LEFT JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE n.nspname = $1 AND s.relkind = 'S'
ORDER BY s.relname COLLATE "C"`

func (l *loader) sequences(ctx context.Context) error {
	err := l.each(ctx, sequencesQuery, func(rows pgx.Rows) error {
		sequence := &Sequence{}
		err := rows.Scan(&sequence.Name, &sequence.Table, &sequence.Column, &sequence.Minimum, &sequence.Maximum)
		l.schema.Sequences = append(l.schema.Sequences, sequence)
		return err
	})
	if err != nil || len(l.schema.Sequences) == 0 {
		return err
	}
	return l.positions(ctx)
}

// positions reads last_value and is_called, which only the sequences themselves know.
func (l *loader) positions(ctx context.Context) error {
	parts := make([]string, len(l.schema.Sequences))
	for i, sequence := range l.schema.Sequences {
		parts[i] = fmt.Sprintf("SELECT %d, last_value, is_called FROM %s", i, pgx.Identifier{l.schema.Name, sequence.Name}.Sanitize())
	}
	rows, err := l.conn.Query(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var number int
		var position Sequence
		if err := rows.Scan(&number, &position.LastValue, &position.IsCalled); err != nil {
			return err
		}
		l.schema.Sequences[number].LastValue, l.schema.Sequences[number].IsCalled = position.LastValue, position.IsCalled
	}
	return rows.Err()
}
