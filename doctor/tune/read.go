package tune

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Facts are what a server has now.
type Facts struct {
	Server   string
	Version  string
	Settings map[string]Current
	// Tables are the biggest of all its databases that were read.
	Tables []TableFacts
}

// Current is a setting as pg_settings has it.
type Current struct {
	Value   string
	Unit    string // of Value: "8kB", "kB", "MB", "ms" or empty
	Context string // "postmaster" needs a restart
	Maximum string // empty when it is no number
}

// TableFacts are what is known of a table.
type TableFacts struct {
	Table
	// Options are the table's own settings.
	Options map[string]string
}

// number of a setting that is one; zero for another.
func (f *Facts) number(name string) int64 {
	number, _ := strconv.ParseInt(f.Settings[name].Value, 10, 64) // the server has written it
	return number
}

// bytes is the value of a setting that is a size; false for another.
func (c Current) bytes() (int64, bool) {
	units := map[string]int64{"B": 1, "kB": kilobyte, "8kB": 8 * kilobyte, "MB": megabyte, "GB": gigabyte}
	unit, isSize := units[c.Unit]
	number, err := strconv.ParseInt(c.Value, 10, 64)
	return number * unit, isSize && err == nil
}

// text is how the server would show it.
func (c Current) text() string {
	if bytes, isSize := c.bytes(); isSize && bytes > 0 {
		return size(bytes)
	}
	return c.Value
}

// is compares it with a value as this package writes it.
func (c Current) is(advice string) bool { return c.text() == advice || sameNumber(c.Value, advice) }

// biggest is how many tables get advice.
const biggest = 3

const settingsSQL = `SELECT name, setting, coalesce(unit, ''), context, coalesce(max_val, '') FROM pg_settings WHERE name = ANY (string_to_array(?, ','))`

func names() string {
	return strings.Join([]string{
		"shared_buffers", "effective_cache_size", "work_mem", "maintenance_work_mem", "autovacuum_work_mem", "huge_pages", "max_connections",
		"random_page_cost", "effective_io_concurrency", "autovacuum", "autovacuum_max_workers", "autovacuum_vacuum_cost_limit",
		"autovacuum_vacuum_scale_factor", "autovacuum_analyze_scale_factor", "autovacuum_vacuum_insert_scale_factor",
	}, ",")
}

// tablesSQL estimates the rows, since nothing is to be read through.
const tablesSQL = `SELECT n.nspname::text, c.relname::text, pg_total_relation_size(c.oid), greatest(c.reltuples, 0)::bigint,
	coalesce(pg_stat_get_dead_tuples(c.oid), 0), coalesce(array_to_string(c.reloptions, ','), '')
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence = 'p' AND n.nspname NOT IN ('pg_catalog', 'information_schema')
ORDER BY 3 DESC, 2 LIMIT ?`

// Read reads the settings of a server, and the biggest tables of the session's database.
func Read(ctx context.Context, from engine.Querier, server, database string) (*Facts, error) {
	facts := &Facts{Server: server, Settings: map[string]Current{}}
	if err := from.QueryRow(ctx, "SELECT current_setting('server_version')").Scan(&facts.Version); err != nil {
		return nil, fmt.Errorf("read the server's version: %w", err)
	}
	if err := facts.readSettings(ctx, from); err != nil {
		return nil, fmt.Errorf("read the server's settings: %w", err)
	}
	if err := facts.readTables(ctx, from, database); err != nil {
		return nil, fmt.Errorf("read the sizes of the tables: %w", err)
	}
	return facts, nil
}

func (f *Facts) readSettings(ctx context.Context, from engine.Querier) error {
	rows, err := from.Query(ctx, settingsSQL, names())
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		var current Current
		if err := rows.Scan(&name, &current.Value, &current.Unit, &current.Context, &current.Maximum); err != nil {
			return err
		}
		f.Settings[name] = current
	}
	return rows.Err()
}

func (f *Facts) readTables(ctx context.Context, from engine.Querier, database string) error {
	rows, err := from.Query(ctx, tablesSQL, biggest)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		table := TableFacts{Table: Table{Database: database}, Options: map[string]string{}}
		var options string
		if err := rows.Scan(&table.schema, &table.Name, &table.Bytes, &table.Rows, &table.DeadRows, &options); err != nil {
			return err
		}
		for option := range strings.SplitSeq(options, ",") {
			if name, value, found := strings.Cut(option, "="); found {
				table.Options[name] = value
			}
		}
		f.Tables = append(f.Tables, table)
	}
	return rows.Err()
}

// Add takes over the tables of another database of the same server; the biggest of all remain.
func (f *Facts) Add(other *Facts) {
	f.Tables = append(f.Tables, other.Tables...)
	slices.SortStableFunc(f.Tables, func(a, b TableFacts) int { return int(min(max(b.Bytes-a.Bytes, -1), 1)) })
	f.Tables = f.Tables[:min(len(f.Tables), biggest)]
}
