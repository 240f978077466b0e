package port

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/port/convert"
)

// mendIndex is about an index that cannot be built: a unique one over rows that agree. Repairing sets all but
// the first row of each key aside; otherwise the key is named.
func (r *run) mendIndex(
	ctx context.Context, conn *pgx.Conn, table *tablePlan, index *catalog.Index, cause error,
) error {
	var refused *pgconn.PgError
	if r.options.OnBadValue == Fail || !errors.As(cause, &refused) || refused.Code != "23505" {
		return r.lateRefusal(table.name, cause)
	}
	columns := make([]string, len(index.Columns))
	for i, name := range index.Columns {
		columns[i] = postgres.QuoteIdentifier(name)
	}
	conditions := []string{"true"}
	if index.Predicate != "" {
		conditions = append(conditions, index.Predicate)
	}
	for _, column := range columns {
		if !index.NullsEqual {
			conditions = append(conditions, column+" IS NOT NULL")
		}
	}
	surplus := fmt.Sprintf(`c.ctid IN (SELECT ctid FROM (SELECT ctid, row_number() OVER (PARTITION BY %s ORDER BY ctid) AS copy
		FROM %s WHERE %s) AS copies WHERE copy > 1)`, strings.Join(columns, ", "), r.target.quote(table.name), strings.Join(conditions, " AND "))
	detail := fmt.Sprintf("unique index %s (%s)", index.Name, strings.Join(index.Columns, ", "))
	if _, err := r.remove(ctx, conn, table, surplus, convert.ClassDuplicate, detail); err != nil {
		return err
	}
	_, err := conn.Exec(ctx, index.Definition)
	return err
}

// lateRefusal is a bad value that only the server could find.
func (r *run) lateRefusal(table string, cause error) error {
	deviation := Deviation{Table: table, Class: convert.ClassRejected, Detail: serverMessage(cause)}
	var refused *pgconn.PgError
	if errors.As(cause, &refused) && refused.Detail != "" {
		deviation.Detail += ": " + withoutSecrets(refused.Detail)
	}
	return &BadValuesError{First: deviation, Count: 1, Late: true}
}

// withoutSecrets leaves the values out of the server's "Key (a, b)=(1, 2) …" when one of them must not be shown.
func withoutSecrets(detail string) string {
	columns, _, found := strings.Cut(detail, ")=(")
	if !found {
		return detail
	}
	_, names, _ := strings.Cut(columns, "(")
	for name := range strings.SplitSeq(names, ", ") {
		if homeserver.SecretColumn(name) {
			return columns + ")"
		}
	}
	return detail
}

// removeOrphans sets rows aside whose parent is missing, also when it was set aside itself, until there are none.
func (r *run) removeOrphans(ctx context.Context, w *worker) error {
	if r.options.OnBadValue != Repair {
		return nil
	}
	for again := true; again; {
		again = false
		for _, key := range r.record.foreignKeys {
			table := r.plan.table(key.Table)
			if table == nil {
				continue
			}
			detail := fmt.Sprintf("foreign key %s: no such %s (%s)", key.Name, key.Parent, strings.Join(key.ParentKey, ", "))
			count, err := r.remove(ctx, w.conn, table, r.orphanCondition(key), convert.ClassMissingParent, detail)
			if err != nil {
				return err
			}
			again = again || count > 0
		}
	}
	return nil
}

// remove takes the rows, as c, that fulfil the condition out of the target and sets them aside in the file, which
// is on the disk before the rows are gone. It returns how many there were.
func (r *run) remove(
	ctx context.Context, conn *pgx.Conn, table *tablePlan, condition string, class convert.Class, detail string,
) (int64, error) {
	var count int64
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		query := fmt.Sprintf("DELETE FROM %s AS c WHERE %s RETURNING to_jsonb(c)::text, %s",
			r.target.quote(table.name), condition, quotedColumns(table.stored()))
		rows, err := tx.Query(ctx, query, pgx.QueryResultFormats{pgx.BinaryFormatCode})
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			count++
			if err := r.removeRow(table, rows.RawValues(), class, detail); err != nil {
				return err
			}
		}
		if err := rows.Err(); err != nil || count == 0 {
			return err
		}
		return r.aside.sync()
	})
	return count, err
}

// removeRow writes down one row that is taken out, and takes it out of the expected checksum.
func (r *run) removeRow(table *tablePlan, values [][]byte, class convert.Class, detail string) error {
	deviation := Deviation{Table: table.name, Class: class, Action: ActionSetAside, Detail: detail}
	var fields []byte
	for _, value := range values[1:] {
		if value == nil {
			fields = copybinary.AppendNull(fields)
		} else {
			fields = copybinary.AppendField(fields, value)
		}
	}
	deviation.Key = keyFromFields(table, values[1:])
	r.found.add(deviation)
	r.subtract(table, fields)
	return r.keepRemoved(deviation, values[0])
}
