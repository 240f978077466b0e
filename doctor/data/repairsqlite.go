package data

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
)

// sqliteScript turns foreign keys off, since deleting one copy would delete all that belongs to the other one. With writable_schema,
// SQLite deletes a row also where an index lacks it.
type sqliteScript struct{ tables sqliteTables }

func (t *sqliteTables) script() script { return &sqliteScript{tables: *t} }

func (*sqliteScript) prepare(context.Context, engine.Querier, []*repair) error { return nil }

func (*sqliteScript) begin(w io.Writer, repairs []*repair) {
	header(w, repairs, "sqlite3 -bail homeserver.db < FILE")
	fmt.Fprint(w, "PRAGMA foreign_keys = OFF;\nPRAGMA writable_schema = ON;\nBEGIN IMMEDIATE;\n")
	fmt.Fprint(w, "-- The rows that were seen: number of the table, rowid, the values of the row, and whether it is deleted.\n")
	fmt.Fprintf(w, "CREATE TEMPORARY TABLE %s (number INTEGER, place INTEGER, sum TEXT, deleted BOOLEAN);\n", seenTable)
	for _, one := range repairs {
		writeSeen(w, one, func(row copyOf) string {
			return fmt.Sprintf("(%d, %s, '%s', %t)", one.number, row.Place, strings.ReplaceAll(row.Sum, "'", "''"), one.deleted[row.Place])
		})
	}
	fmt.Fprint(w, "\n-- A row that is no longer as it was ends the script here: have it written again then.\n")
	fmt.Fprint(w, "CREATE TEMPORARY TABLE synapse_repair_proof (rows_are_still_the_same BOOLEAN CHECK (rows_are_still_the_same));\n")
}

func (s *sqliteScript) prove(w io.Writer, one *repair) {
	fmt.Fprintf(w, "INSERT INTO synapse_repair_proof SELECT count(*) = %d FROM %s AS seen JOIN %s AS %s ON %s.rowid = seen.place WHERE seen.number = %d AND seen.sum = %s;\n",
		len(one.rows), seenTable, sqlite.QuoteIdentifier(one.table), rowName, rowName, one.number, s.tables.sum(rowName+".", one.columns))
}

func (*sqliteScript) mend(w io.Writer, one *repair) {
	table := sqlite.QuoteIdentifier(one.table)
	chosen := fmt.Sprintf("rowid IN (SELECT place FROM %s WHERE number = %d AND deleted)", seenTable, one.number)
	fmt.Fprintf(w, "\nCREATE TABLE %s AS SELECT rowid AS synapse_place, * FROM %s WHERE %s;\n", sqlite.QuoteIdentifier(one.saved), table, chosen)
	fmt.Fprintf(w, "DELETE FROM %s WHERE %s;\nREINDEX %s;\n", table, chosen, table)
}

func (*sqliteScript) end(w io.Writer, _ []*repair) {
	fmt.Fprintf(w, "\nDROP TABLE synapse_repair_proof;\nDROP TABLE %s;\nCOMMIT;\nPRAGMA writable_schema = OFF;\n", seenTable)
}
