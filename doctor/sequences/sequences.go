package sequences

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
)

// The findings.
const (
	BehindPosition = "sequence_behind_position"
	BehindTable    = "sequence_behind_table"
)

// FixID is that of the fix.
const FixID = "sequences"

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{{
		Name: "sequences", Engines: []engine.Kind{engine.Postgres},
		Reads: "each sequence, the greatest id of every table behind it, and stream_positions", Run: check,
	}}
}

// Fixes are what this package can mend.
func Fixes() []finding.Fix {
	return []finding.Fix{{ID: FixID, Plan: plan, Apply: apply}}
}

// state is where a sequence stands, and what it has to be ahead of.
type state struct {
	stream   homeserver.Stream
	last     int64 // the last number that it has given out
	taken    int64 // the greatest id in the tables
	where    string
	position int64 // the greatest in stream_positions
}

func (s *state) behind() bool { return s.taken > s.last || s.position > s.last }

// statement moves it forward, with setval(last, true) and not RESTART: upstream takes last_value itself for a position.
func (s *state) statement() string {
	return fmt.Sprintf("SELECT setval(%s, %d, true);", postgres.QuoteLiteral(postgres.QuoteIdentifier(s.stream.Sequence)), max(s.taken, s.position))
}

func check(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	states, err := read(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, s := range states {
		if s.behind() {
			found = append(found, describe(s))
		}
	}
	return found, nil
}

func describe(s *state) finding.Finding {
	result := finding.Finding{
		ID: BehindTable, Severity: finding.Warning,
		What:    fmt.Sprintf("the sequence %s is behind: it has given out %d, and %s holds %d", s.stream.Sequence, s.last, s.where, s.taken),
		Meaning: "a homeserver before 1.109 does not start; a later one moves the sequence forward when it starts; whatever else uses it gets ids that are taken",
		Remedy: finding.Remedy{
			Text:     "stop the homeserver and all its workers, and move the sequence forward",
			Commands: []string{s.statement()}, Fix: FixID,
		},
	}
	if s.position > s.last {
		result.ID, result.Severity = BehindPosition, finding.Error
		result.What = fmt.Sprintf("the sequence %s is behind: it has given out %d, and stream_positions holds %d of the stream %s",
			s.stream.Sequence, s.last, s.position, s.stream.Name)
		result.Meaning = "the homeserver refuses to start (\"inconsistent sequences\")"
	}
	return result
}

// read reads the sequences that are there.
func read(ctx context.Context, from engine.Querier) ([]*state, error) {
	var states []*state
	for _, stream := range homeserver.Streams() {
		var exists bool
		if err := from.QueryRow(ctx, "SELECT to_regclass(?) IS NOT NULL", postgres.QuoteIdentifier(stream.Sequence)).Scan(&exists); err != nil {
			return nil, err
		}
		if !exists {
			continue
		}
		s := &state{stream: stream}
		if err := s.read(ctx, from); err != nil {
			return nil, fmt.Errorf("sequence %s: %w", stream.Sequence, err)
		}
		states = append(states, s)
	}
	return states, nil
}

func (s *state) read(ctx context.Context, from engine.Querier) error {
	query := "SELECT last_value - CASE WHEN is_called THEN 0 ELSE 1 END FROM " + postgres.QuoteIdentifier(s.stream.Sequence)
	if err := from.QueryRow(ctx, query).Scan(&s.last); err != nil {
		return err
	}
	for _, column := range s.stream.Tables {
		if err := s.readTable(ctx, from, column); err != nil {
			return fmt.Errorf("%s.%s: %w", column.Table, column.Column, err)
		}
	}
	if s.stream.Name == "" || s.stream.Negative { // upstream cannot compare negative positions either
		return nil
	}
	query = "SELECT coalesce(max(stream_id), 0) FROM stream_positions WHERE stream_name = ?"
	return from.QueryRow(ctx, query, s.stream.Name).Scan(&s.position)
}

const columnExists = `SELECT EXISTS (SELECT FROM pg_attribute WHERE attrelid = to_regclass(?) AND attname = ? AND NOT attisdropped)`

func (s *state) readTable(ctx context.Context, from engine.Querier, column homeserver.TableColumn) error {
	var exists bool
	if err := from.QueryRow(ctx, columnExists, postgres.QuoteIdentifier(column.Table), column.Column).Scan(&exists); err != nil || !exists {
		return err
	}
	var greatest int64
	if err := from.QueryRow(ctx, greatestOf(s.stream, column)).Scan(&greatest); err != nil {
		return err
	}
	if greatest > s.taken {
		s.taken, s.where = greatest, column.Table+"."+column.Column
	}
	return nil
}

func greatestOf(stream homeserver.Stream, column homeserver.TableColumn) string {
	name, table := postgres.QuoteIdentifier(column.Column), postgres.QuoteIdentifier(column.Table)
	switch {
	case stream.UserNumbers: // a number of 18 digits fits in a bigint
		return fmt.Sprintf(`SELECT coalesce(max(substring(%[1]s from '^@([0-9]{1,18}):')::bigint), 0) FROM %[2]s WHERE %[1]s >= '@0' AND %[1]s < '@:'`, name, table)
	case stream.Negative:
		return fmt.Sprintf("SELECT coalesce(-min(%s), 0) FROM %s", name, table)
	default:
		return fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", name, table)
	}
}

func plan(ctx context.Context, subject *finding.Subject) ([]string, error) {
	if subject.Engine != engine.Postgres {
		return nil, nil
	}
	return statements(ctx, subject.Session)
}

func statements(ctx context.Context, from engine.Querier) (needed []string, err error) {
	states, err := read(ctx, from)
	for _, s := range states {
		if s.behind() {
			needed = append(needed, s.statement())
		}
	}
	return needed, err
}

// apply holds everybody off who could take an id meanwhile, moves the sequences, and reads everything again.
func apply(ctx context.Context, subject *finding.Subject) error {
	return subject.Session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if err := lock(ctx, tx); err != nil {
			return err
		}
		needed, err := statements(ctx, tx)
		if err != nil {
			return err
		}
		for _, statement := range needed {
			if _, err := tx.Exec(ctx, statement); err != nil {
				return err
			}
		}
		left, err := statements(ctx, tx)
		if err == nil && len(left) > 0 {
			err = fmt.Errorf("the sequences are still behind: %s", strings.Join(left, " "))
		}
		return err
	})
}

func lock(ctx context.Context, tx engine.Tx) error {
	const tablesThere = `SELECT coalesce(string_agg(quote_ident(name), ', '), '') FROM unnest(string_to_array(?, ',')) AS name WHERE to_regclass(quote_ident(name)) IS NOT NULL`
	names := map[string]bool{homeserver.PositionsTable: true}
	for _, stream := range homeserver.Streams() {
		for _, column := range stream.Tables {
			names[column.Table] = true
		}
	}
	list := make([]string, 0, len(names))
	for name := range names {
		list = append(list, name)
	}
	var there string
	if err := tx.QueryRow(ctx, tablesThere, strings.Join(list, ",")).Scan(&there); err != nil || there == "" {
		return err
	}
	_, err := tx.Exec(ctx, "LOCK TABLE "+there+" IN SHARE ROW EXCLUSIVE MODE")
	return err
}
