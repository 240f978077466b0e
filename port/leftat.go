package port

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// leftKey names something that is not compared with the source: a sequence, or a table that the port does not fill.
type leftKey struct{ kind, name string }

const (
	leftSequence = "sequence"
	leftTable    = "table"
)

// readLeftAt reads where the sequences stand, and what the tables hold that are not copied. A server that has run changes some
// of them for certain.
func (r *run) readLeftAt(ctx context.Context, conn executor) (map[leftKey]string, error) {
	now := map[leftKey]string{}
	schema, err := catalog.LoadOutline(ctx, conn, r.target.schema.Name)
	if err != nil {
		return nil, err
	}
	for _, sequence := range schema.Sequences {
		now[leftKey{leftSequence, sequence.Name}] = fmt.Sprintf("%d %t", sequence.LastValue, sequence.IsCalled)
	}
	var parts []string
	for _, table := range schema.Tables {
		if r.plan.table(table.Name) == nil && table.Name != homeserver.CompatVersionTable {
			parts = append(parts, fmt.Sprintf(`SELECT %s, count(*) || ' ' || coalesce(md5(string_agg(md5(t::text), '' ORDER BY md5(t::text))), '')
				FROM %s AS t`, postgres.QuoteLiteral(table.Name), r.target.quote(table.Name)))
		}
	}
	if len(parts) == 0 {
		return now, nil
	}
	rows, err := conn.Query(ctx, strings.Join(parts, " UNION ALL "))
	if err != nil {
		return nil, err
	}
	var name, value string
	_, err = pgx.ForEachRow(rows, []any{&name, &value}, func() error {
		now[leftKey{leftTable, name}] = value
		return nil
	})
	return now, err
}

const recordLeft = `INSERT INTO synapse_port.left_at (kind, name, value) VALUES ($1, $2, $3)`

// queueLeftAt records it, with what else the batch does.
func (r *run) queueLeftAt(ctx context.Context, tx pgx.Tx, batch *pgx.Batch) error {
	now, err := r.readLeftAt(ctx, tx)
	if err != nil {
		return err
	}
	batch.Queue("DELETE FROM synapse_port.left_at")
	for key, value := range now {
		batch.Queue(recordLeft, key.kind, key.name, value)
	}
	return nil
}
