package sequences

import (
	"context"
	"database/sql"
	"fmt"
	"math"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

// counter is a sequence with everything that it has to be ahead of.
type counter struct {
	sequence string
	stream   homeserver.Stream        // empty for a column's own sequence
	owned    bool                     // by a column
	tables   []homeserver.TableColumn // those that are there
	last     int64                    // the last number that it has given out
	maximum  int64

	taken    int64 // the greatest id in the tables
	where    string
	position int64 // the greatest in stream_positions, without its sign
	compared int64 // the greatest as upstream compares it: with its sign, so that none of a negative stream counts
}

func (c *counter) behind() bool    { return max(c.taken, c.position) > c.last }
func (c *counter) exhausted() bool { return max(c.last, c.taken, c.position) >= c.maximum }

// all is what was read of a database.
type all struct {
	counters  []*counter
	unknown   []string // sequences of which it is not known what they count
	columns   map[homeserver.TableColumn]bool
	positions bool // there is a table stream_positions
}

// ownersQuery finds the column that owns a sequence by an automatic (serial, OWNED BY) or internal (identity) dependency.
const ownersQuery = `SELECT s.relname::text, coalesce(t.relname::text, ''), coalesce(a.attname::text, ''), q.seqmax
FROM pg_class AS s JOIN pg_sequence AS q ON q.seqrelid = s.oid
LEFT JOIN pg_depend AS d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype IN ('a', 'i')
	AND d.refclassid = 'pg_class'::regclass AND d.refobjsubid > 0
LEFT JOIN pg_class AS t ON t.oid = d.refobjid
LEFT JOIN pg_attribute AS a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
WHERE s.relkind = 'S' AND s.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
ORDER BY s.relname COLLATE "C"`

const columnsQuery = `SELECT c.relname::text, a.attname::text FROM pg_class AS c JOIN pg_attribute AS a ON a.attrelid = c.oid
WHERE c.relkind IN ('r', 'p') AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = current_schema())
	AND a.attnum > 0 AND NOT a.attisdropped`

// readAll reads the sequences that are there, and how far what they count has come.
func readAll(ctx context.Context, from engine.Querier) (*all, error) {
	read := &all{columns: map[homeserver.TableColumn]bool{}}
	err := engine.Each(ctx, from, columnsQuery, nil, func(scan func(...any) error) error {
		var one homeserver.TableColumn
		err := scan(&one.Table, &one.Column)
		read.columns[one] = true
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the columns: %w", err)
	}
	read.positions = read.columns[homeserver.TableColumn{Table: homeserver.PositionsTable, Column: "stream_id"}]
	if err := engine.Each(ctx, from, ownersQuery, nil, read.sequence); err != nil {
		return nil, fmt.Errorf("read the sequences: %w", err)
	}
	for _, c := range read.counters {
		if err := read.advance(ctx, from, c); err != nil {
			return nil, fmt.Errorf("sequence %s: %w", c.sequence, err)
		}
	}
	return read, nil
}

func (a *all) sequence(scan func(...any) error) error {
	var name string
	var owner homeserver.TableColumn
	var maximum int64
	if err := scan(&name, &owner.Table, &owner.Column, &maximum); err != nil {
		return err
	}
	made := &counter{sequence: name, maximum: maximum}
	streams := homeserver.Streams()
	known := slices.IndexFunc(streams, func(stream homeserver.Stream) bool { return stream.Sequence == name })
	switch {
	case known >= 0:
		made = a.counter(streams[known])
		made.maximum = maximum
	case owner.Table != "":
		made.owned, made.tables = true, []homeserver.TableColumn{owner}
	default:
		a.unknown = append(a.unknown, name)
		return nil
	}
	a.counters = append(a.counters, made)
	return nil
}

// counter is for a stream, whose sequence may be missing.
func (a *all) counter(stream homeserver.Stream) *counter {
	made := &counter{sequence: stream.Sequence, stream: stream, maximum: math.MaxInt64}
	for _, column := range stream.Tables {
		if a.columns[column] {
			made.tables = append(made.tables, column)
		}
	}
	return made
}

func (a *all) advance(ctx context.Context, from engine.Querier, c *counter) error {
	query := "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM " + postgres.QuoteIdentifier(c.sequence)
	if err := from.QueryRow(ctx, query).Scan(&c.last); err != nil {
		return err
	}
	return a.readTaken(ctx, from, c)
}

// readTaken reads what the sequence has to be ahead of.
func (a *all) readTaken(ctx context.Context, from engine.Querier, c *counter) error {
	for _, column := range c.tables {
		var greatest sql.NullInt64
		query := c.stream.GreatestQuery(postgres.QuoteIdentifier(column.Table), column.Column)
		if err := from.QueryRow(ctx, query).Scan(&greatest); err != nil {
			return fmt.Errorf("%s.%s: %w", column.Table, column.Column, err)
		}
		if greatest.Int64 > c.taken {
			c.taken, c.where = greatest.Int64, column.Table+"."+column.Column
		}
	}
	if c.stream.Name == "" || !a.positions {
		return nil
	}
	var greatest, compared sql.NullInt64
	if err := from.QueryRow(ctx, c.stream.PositionQuery(homeserver.PositionsTable), c.stream.Name).Scan(&greatest); err != nil {
		return fmt.Errorf("%s: %w", homeserver.PositionsTable, err)
	}
	const comparedQuery = "SELECT max(stream_id) FROM stream_positions WHERE stream_name = ?"
	err := from.QueryRow(ctx, comparedQuery, c.stream.Name).Scan(&compared)
	c.position, c.compared = greatest.Int64, compared.Int64
	return err
}
