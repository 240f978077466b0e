package port

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// searchPlan is how the search index goes over: SQLite keeps the words' text, PostgreSQL a tsvector of it. A row
// is sent with its text, of which the server makes the tsvector. Rows whose event is gone, and a
// second row of an event, exist only because SQLite's search tables have no keys; they are dropped.
type searchPlan struct {
	content    string // the shadow table that holds the texts, quoted
	eventID    string // its columns, quoted
	duplicates map[int64]bool
	orphans    int64
}

// searchConfiguration is the one that upstream searches with.
const searchConfiguration = "english"

// textColumn is what is sent, and not stored, for the tsvector to be made of.
const textColumn = "value"

func (p *planner) addSearch(ctx context.Context, planned *tablePlan) error {
	content, columns, err := p.source.reader().FTSContent(ctx, planned.source.Name)
	if err != nil {
		return err
	}
	column := func(name string) string { return "c." + sqlite.QuoteIdentifier(columns[name]) }
	planned.search = &searchPlan{content: sqlite.QuoteIdentifier(content), eventID: column("event_id")}
	planned.rowid = "c.rowid"
	planned.from = fmt.Sprintf("%s AS c CROSS JOIN events AS e ON e.event_id = %s AND e.room_id = %s",
		planned.search.content, column("event_id"), column("room_id"))
	sources := map[string]string{"origin_server_ts": "e.origin_server_ts", "stream_ordering": "e.stream_ordering"}
	for name := range columns {
		sources[name] = column(name)
	}
	for _, target := range planned.target.Columns {
		if read, found := sources[target.Name]; found {
			planned.columns = append(planned.columns, p.convertColumn(planned.name, target))
			planned.reads = append(planned.reads, read)
		}
	}
	planned.columns = append(planned.columns, convert.Column{Name: textColumn, Kind: convert.Text, Search: true})
	planned.reads = append(planned.reads, sources[textColumn])
	return p.measure(ctx, planned, content)
}

// stored are the columns that the target keeps as they are; the text is not among them.
func (t *tablePlan) stored() []convert.Column {
	if t.search == nil {
		return t.columns
	}
	return t.columns[:len(t.columns)-1]
}

const (
	repeatedEvents = `SELECT %[1]s FROM %[2]s AS c GROUP BY 1 HAVING count(*) > 1`
	secondRows     = `SELECT id FROM (
    SELECT %[1]s AS id, row_number() OVER (PARTITION BY %[2]s ORDER BY %[1]s) AS copy FROM %[3]s
    WHERE %[2]s IN (SELECT value FROM json_each(?1))
) WHERE copy > 1`
)

// inspectSearch finds the rows that will be dropped because they are not the first of their event. Repeated events are
// rare, and finding out that there are none costs much less than putting the rows of all of them in order.
func inspectSearch(ctx context.Context, reader *sqlite.Reader, planned *tablePlan) error {
	search := planned.search
	search.duplicates = map[int64]bool{}
	var repeated []string
	err := each(ctx, reader, func(rows *sqlite.Rows) error {
		repeated = append(repeated, string(rows.Append(0, nil)))
		return nil
	}, fmt.Sprintf(repeatedEvents, search.eventID, search.content))
	if err != nil || len(repeated) == 0 {
		return err
	}
	list, err := json.Marshal(repeated)
	if err != nil {
		return err
	}
	return each(ctx, reader, func(rows *sqlite.Rows) error {
		search.duplicates[rows.Int64(0)] = true
		return nil
	}, fmt.Sprintf(secondRows, planned.rowid, search.eventID, planned.from), string(list))
}

// countOrphans finds out how many rows the join with the events left out.
func countOrphans(ctx context.Context, reader *sqlite.Reader, planned *tablePlan) error {
	return each(ctx, reader, func(rows *sqlite.Rows) error {
		planned.search.orphans = rows.Int64(0) - planned.rows - int64(len(planned.search.duplicates))
		return nil
	}, "SELECT count(*) FROM "+planned.search.content)
}

// insertSearch hands encoded rows to the server as one array for each column, and has it make the words of their texts: that costs it
// less than a temporary table, which COPY would need.
func (r *run) insertSearch(ctx context.Context, w *worker, planned *tablePlan, rows []byte) (err error) {
	types := w.conn.TypeMap()
	elements, arrays := make([]uint32, len(planned.columns)), make([]uint32, len(planned.columns))
	parameters := make([]string, len(planned.columns))
	for i, name := range append(typeNames(planned), "text") {
		element, known := types.TypeForName(name)
		array, alsoKnown := types.TypeForName("_" + name)
		if !known || !alsoKnown {
			return fmt.Errorf("table %s: values of type %s cannot be sent", planned.name, name)
		}
		elements[i], arrays[i], parameters[i] = element.OID, array.OID, "$"+strconv.Itoa(i+1)
	}
	if w.arrays, err = copybinary.Arrays(w.arrays, rows, elements); err != nil {
		return err
	}
	columns := quotedColumns(planned.stored())
	statement := fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %s, to_tsvector(%s::regconfig, %s) FROM unnest(%s) AS sent (%s)",
		r.target.quote(planned.name), columns, vectorColumn(planned.target), columns, postgres.QuoteLiteral("pg_catalog."+searchConfiguration),
		textColumn, strings.Join(parameters, ", "), quotedColumns(planned.columns))
	return w.conn.PgConn().ExecParams(ctx, statement, w.arrays, arrays, []int16{pgx.BinaryFormatCode}, nil).Read().Err
}

// typeNames are the types of the columns that are stored.
func typeNames(planned *tablePlan) []string {
	var names []string
	for _, stored := range planned.stored() {
		names = append(names, planned.target.Column(stored.Name).Type)
	}
	return names
}

// vectorColumn is the one column of the search index that the server makes.
func vectorColumn(table *catalog.Table) string {
	for _, column := range table.Columns {
		if column.Type == "tsvector" {
			return postgres.QuoteIdentifier(column.Name)
		}
	}
	return postgres.QuoteIdentifier("vector")
}
