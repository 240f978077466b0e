package data

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// postgresScript drops the foreign keys that point to the tables, and makes them again at the end, which proves that none points to
// nothing: otherwise deleting one copy would delete all that belongs to the other one (ON DELETE CASCADE).
type postgresScript struct {
	keys map[string][]foreignConstraint // by the table that they point to
}

func (*postgresTables) script() script {
	return &postgresScript{keys: map[string][]foreignConstraint{}}
}

const pointingQuery = `
SELECT format('ALTER TABLE %s DROP CONSTRAINT %I;', k.conrelid::regclass, k.conname),
       format('ALTER TABLE %s ADD CONSTRAINT %I %s;', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k WHERE k.contype = 'f' AND k.conparentid = 0 AND k.confrelid = to_regclass(quote_ident(?)) ORDER BY k.conrelid::regclass::text, k.conname`

func (s *postgresScript) prepare(ctx context.Context, from engine.Querier, repairs []*repair) error {
	for _, one := range repairs {
		err := engine.Each(ctx, from, pointingQuery, []any{one.table}, func(scan func(...any) error) error {
			var key foreignConstraint
			err := scan(&key.drop, &key.add)
			s.keys[one.table] = append(s.keys[one.table], key)
			return err
		})
		if err != nil {
			return fmt.Errorf("the foreign keys that point to %s: %w", one.table, err)
		}
	}
	return nil
}

const seenTable = "synapse_repair_seen"

func (s *postgresScript) begin(w io.Writer, repairs []*repair) {
	header(w, repairs, "psql --no-psqlrc --file=FILE DATABASE")
	fmt.Fprint(w, "\\set ON_ERROR_STOP on\nBEGIN;\n")
	for _, setting := range settingsApart() {
		fmt.Fprintf(w, "SET LOCAL %s;\n", setting)
	}
	names := make([]string, len(repairs))
	for i, one := range repairs {
		names[i] = postgres.QuoteIdentifier(one.table)
	}
	fmt.Fprintf(w, "LOCK TABLE %s IN ACCESS EXCLUSIVE MODE;\n\n", strings.Join(names, ", "))
	fmt.Fprintf(w, "-- The rows that were seen: number of the table, place, sum of the row, and whether it is deleted.\n")
	fmt.Fprintf(w, "CREATE TEMPORARY TABLE %s (number integer, place tid, sum text, deleted boolean) ON COMMIT DROP;\n", seenTable)
	for _, one := range repairs {
		writeSeen(w, one, func(row copyOf) string {
			return fmt.Sprintf("(%d, '%s', '%s', %t)", one.number, row.Place, row.Sum, one.deleted[row.Place])
		})
	}
}

// writeSeen writes the list of a table's rows, some hundred in a statement.
func writeSeen(w io.Writer, one *repair, values func(copyOf) string) {
	fmt.Fprintf(w, "\n-- %d: %s\n", one.number, oneLine(one.table))
	one.comments(w)
	for rows := range slices.Chunk(one.rows, 500) {
		lines := make([]string, len(rows))
		for i, row := range rows {
			lines[i] = values(row)
		}
		fmt.Fprintf(w, "INSERT INTO %s VALUES\n  %s;\n", seenTable, strings.Join(lines, ",\n  "))
	}
}

func (*postgresScript) prove(w io.Writer, one *repair) {
	fmt.Fprintf(w, `
DO $synapse$ BEGIN
  IF (SELECT count(*) FROM ONLY %[1]s AS %[2]s JOIN %[3]s AS seen ON seen.number = %[4]d AND %[2]s.ctid = seen.place AND md5(%[2]s::text) = seen.sum) <> %[5]d THEN
    RAISE EXCEPTION 'the rows of table number %[4]d are no longer those that were seen: have the script written again';
  END IF;
END $synapse$;
`, postgres.QuoteIdentifier(one.table), rowName, seenTable, one.number, len(one.rows))
}

func (s *postgresScript) mend(w io.Writer, one *repair) {
	table, saved := postgres.QuoteIdentifier(one.table), postgres.QuoteIdentifier(one.saved)
	chosen := fmt.Sprintf("ctid = ANY (ARRAY(SELECT place FROM %s WHERE number = %d AND deleted))", seenTable, one.number)
	fmt.Fprintf(w, "\nCREATE TABLE %s AS SELECT ctid::text AS synapse_place, %s.* FROM ONLY %s WHERE %s;\n", saved, table, table, chosen)
	for _, key := range s.keys[one.table] {
		fmt.Fprintln(w, key.drop)
	}
	fmt.Fprintf(w, "DELETE FROM ONLY %s WHERE %s;\nREINDEX TABLE %s;\n", table, chosen, table)
}

func (s *postgresScript) end(w io.Writer, repairs []*repair) {
	fmt.Fprintln(w)
	for _, one := range repairs {
		for _, key := range s.keys[one.table] {
			fmt.Fprintln(w, key.add)
		}
	}
	fmt.Fprint(w, "COMMIT;\n")
}
