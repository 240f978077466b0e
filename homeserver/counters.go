package homeserver

import (
	"fmt"

	"github.com/synapsedb/synapse/engine/postgres"
)

// GreatestQuery is the query, on PostgreSQL, for the greatest id of the stream in a column: one row, NULL when there is none.
// table is written as SQL, with its quotes. For a sequence that is no stream, such as an identity column's, the Stream is empty.
func (s Stream) GreatestQuery(table, column string) string {
	name := postgres.QuoteIdentifier(column)
	switch {
	case s.UserNumbers:
		// A number of 18 digits fits in a bigint; users that long are not of the sequence's making.
		return fmt.Sprintf(`SELECT max(substring(%[1]s from '^@([0-9]{1,18}):')::bigint) FROM %[2]s
			WHERE %[1]s >= '@0' AND %[1]s < '@:'`, name, table)
	case s.Negative:
		return fmt.Sprintf("SELECT -min(%s) FROM %s", name, table)
	default:
		return fmt.Sprintf("SELECT max(%s) FROM %s", name, table)
	}
}

// PositionQuery is the query, on PostgreSQL, for the greatest id among the positions of the stream whose name is its one value:
// one row, NULL when there is none. table is PositionsTable as SQL, with its quotes.
func (s Stream) PositionQuery(table string) string {
	return fmt.Sprintf("SELECT max(abs(stream_id)) FROM %s WHERE stream_name = $1", table)
}
