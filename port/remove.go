package port

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/port/checksum"
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

// mostRemoved is how many rows are taken out of the target in one transaction.
const mostRemoved = 1000

// remove takes the rows, as c, that fulfil the condition out of the target, and records them in the state in the same
// transaction. It returns how many there were.
func (r *run) remove(
	ctx context.Context, conn *pgx.Conn, table *tablePlan, condition string, class convert.Class, detail string,
) (int64, error) {
	var total int64
	query := fmt.Sprintf(`DELETE FROM %[1]s AS c WHERE c.ctid = ANY(ARRAY(SELECT c.ctid FROM %[1]s AS c WHERE %[2]s LIMIT %[3]d))
		RETURNING to_jsonb(c)::text, %[4]s`, r.target.quote(table.name), condition, mostRemoved, quotedColumns(table.stored()))
	for {
		var gone []refusedRow
		err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
			rows, err := tx.Query(ctx, query, pgx.QueryResultFormats{pgx.BinaryFormatCode})
			if err != nil {
				return err
			}
			gone, err = pgx.CollectRows(rows, func(row pgx.CollectableRow) (refusedRow, error) {
				return r.goneRow(table, row.RawValues()), nil
			})
			if err != nil {
				return err
			}
			for _, row := range gone {
				row.Class, row.Detail = class, detail
				if err := r.recordRow(ctx, tx, row); err != nil {
					return err
				}
			}
			return nil
		})
		total += int64(len(gone))
		if err != nil || len(gone) == 0 {
			return total, err
		}
	}
}

// refusedRow is a row of synapse_port.set_aside.
type refusedRow struct {
	Table   string
	RowID   *int64
	Class   convert.Class
	Detail  string
	Key     []KeyPart
	Content json.RawMessage
	Sum     checksum.Sum
}

// goneRow makes the record of a row from its JSON and its columns in binary form.
func (r *run) goneRow(table *tablePlan, values [][]byte) refusedRow {
	var fields []byte
	for _, value := range values[1:] {
		if value == nil {
			fields = copybinary.AppendNull(fields)
		} else {
			fields = copybinary.AppendField(fields, value)
		}
	}
	row := refusedRow{Table: table.name, Key: keyFromFields(table, values[1:]), Content: slices.Clone(values[0])}
	row.Sum.Add(r.hasher(table).row(fields))
	return row
}

const recordRow = `INSERT INTO synapse_port.set_aside (table_name, rowid, class, detail, key, content, high, low, number)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`

func (r *run) recordRow(ctx context.Context, tx pgx.Tx, row refusedRow) error {
	key, err := json.Marshal(row.Key)
	if err != nil {
		return err
	}
	var content *string
	if row.Content != nil {
		text := string(row.Content)
		content = &text
	}
	_, err = tx.Exec(ctx, recordRow, row.Table, row.RowID, row.Class, row.Detail, string(key), content, int64(row.Sum.High), int64(row.Sum.Low),
		randomNumber())
	return err
}

// recordRefusal records a row of the source that the server did not take.
func (r *run) recordRefusal(ctx context.Context, tx pgx.Tx, table *tablePlan, refused refusal) error {
	return r.recordRow(ctx, tx, refusedRow{
		Table: table.name, RowID: &refused.rowid, Class: classOfRefusal(refused.err), Detail: serverMessage(refused.err),
	})
}

const selectRows = `SELECT number, table_name, rowid, class, detail, key, content, coalesce(high, 0), coalesce(low, 0)
FROM synapse_port.set_aside WHERE number > $1 ORDER BY number`

// collectSetAside enters the rows that the server refused, or that were taken out again, into the report and the file, be it
// by this run or by one that it takes up.
func (r *run) collectSetAside(ctx context.Context) error {
	if r.options.OnBadValue != Repair {
		return nil
	}
	var row refusedRow
	var number, high, low int64
	entered := int64(math.MinInt64)
	return r.withControl(ctx, func(ctx context.Context) error {
		rows, err := r.target.conn.Query(ctx, selectRows, entered)
		if err != nil {
			return err
		}
		targets := []any{&number, &row.Table, &row.RowID, &row.Class, &row.Detail, &row.Key, &row.Content, &high, &low}
		_, err = pgx.ForEachRow(rows, targets, func() error {
			row.Sum = checksum.Sum{Rows: 1, High: uint64(high), Low: uint64(low)}
			err := r.enterRow(ctx, row)
			row, entered = refusedRow{}, number
			return err
		})
		return err
	})
}

func (r *run) enterRow(ctx context.Context, row refusedRow) error {
	deviation := Deviation{Table: row.Table, Class: row.Class, Action: ActionSetAside, Detail: row.Detail, Key: row.Key}
	line := &asideLine{Action: ActionSetAside, Table: row.Table, Reasons: []asideReason{{Class: row.Class, Detail: row.Detail}}}
	table := r.plan.table(row.Table)
	switch {
	case table == nil:
		return fmt.Errorf("rows of %s were set aside, a table that is not ported any more", row.Table)
	case row.RowID == nil:
		if err := json.Unmarshal(row.Content, &line.Row); err != nil {
			return err
		}
	default:
		var err error
		deviation.RowID = *row.RowID
		if err = r.describe(ctx, r.source.reader(), table, &deviation); err != nil {
			return err
		}
		if line, err = r.original(ctx, r.source.reader(), table, *row.RowID, nil, row.Class); err != nil {
			return err
		}
		if row.Sum, err = r.sumOfRow(ctx, r.source.reader(), table, *row.RowID); err != nil {
			return err
		}
	}
	r.subtract(row.Table, row.Sum)
	return r.putDown(note{deviation: &deviation, line: line})
}

const selectGone = `SELECT high, low FROM synapse_port.set_aside WHERE table_name = $1 AND rowid IS NULL`

// goneFromTarget sums up the rows of a table that were in the target and were taken out again.
func (r *run) goneFromTarget(ctx context.Context, table *tablePlan) (sum checksum.Sum, err error) {
	rows, err := r.target.conn.Query(ctx, selectGone, table.name)
	if err != nil {
		return sum, err
	}
	var high, low int64
	_, err = pgx.ForEachRow(rows, []any{&high, &low}, func() error {
		sum.Merge(checksum.Sum{Rows: 1, High: uint64(high), Low: uint64(low)})
		return nil
	})
	return sum, err
}
