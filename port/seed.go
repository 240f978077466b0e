package port

import (
	"bytes"
	"context"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

const recordSeed = `INSERT INTO synapse_port.seed (table_name, columns, content) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// keepSeed records the rows that the target was prepared with, for whoever abandons the port. There are a few dozen.
func (r *run) keepSeed(ctx context.Context, tx pgx.Tx) error {
	if r.target.earlier != nil {
		return nil
	}
	names := []string{homeserver.DirectoryPositionTable, homeserver.BackgroundUpdatesTable}
	for _, table := range r.plan.tables {
		names = append(names, table.name)
	}
	names = append(names, r.plan.cleared...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		if !r.target.filled[name] {
			continue
		}
		columns := r.target.writable(name)
		var content bytes.Buffer
		_, err := tx.Conn().PgConn().CopyTo(ctx, &content, "COPY "+r.target.quote(name)+" ("+columns+") TO STDOUT (FORMAT binary)")
		if err == nil {
			_, err = tx.Exec(ctx, recordSeed, name, columns, content.Bytes())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// writable lists the columns of a table that COPY can write.
func (t *target) writable(name string) string {
	var columns []string
	for _, column := range t.schema.Table(name).Columns {
		if !column.Generated {
			columns = append(columns, postgres.QuoteIdentifier(column.Name))
		}
	}
	return strings.Join(columns, ", ")
}
