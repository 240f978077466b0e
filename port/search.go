package port

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/port/convert"
)

// searchPlan is how the search index goes over: SQLite keeps the words' text, PostgreSQL a tsvector of it. A row
// goes through a temporary table, from which the server makes the tsvector. Rows whose event is gone, and a
// second row of an event, exist only because SQLite's search tables have no keys; they are dropped.
type searchPlan struct {
	content    string // the shadow table that holds the texts, quoted
	eventID    string // its columns, quoted
	duplicates map[int64]bool
	orphans    int64
}

// searchConfiguration is the one that upstream searches with.
const searchConfiguration = "english"

// textColumn is the column of the temporary table that the tsvector is made of.
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

// searchStage is the temporary table through which the rows of the search index go.
const searchStage = "synapse_port_search"

// createSearchStage makes the temporary table in a worker's session, in which it lasts.
func createSearchStage(ctx context.Context, conn executor, schema string, planned *tablePlan) error {
	table := quoteIn(schema, planned.name)
	statement := fmt.Sprintf(
		"CREATE TEMPORARY TABLE %s ON COMMIT DELETE ROWS AS SELECT %s, ''::text AS %s FROM %s WITH NO DATA",
		searchStage, quotedColumns(planned.stored()), textColumn, table)
	_, err := conn.Exec(ctx, statement)
	return err
}

// fillFromStage moves what stands in the temporary table into the search index.
func fillFromStage(schema string, planned *tablePlan) string {
	columns := quotedColumns(planned.stored())
	return fmt.Sprintf("INSERT INTO %s (%s, %s) SELECT %s, to_tsvector(%s::regconfig, %s) FROM %s",
		quoteIn(schema, planned.name), columns, vectorColumn(planned.target), columns,
		postgres.QuoteLiteral("pg_catalog."+searchConfiguration), textColumn, searchStage)
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
