package sequences_test

import (
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
)

// version of upstream's server, as far as it makes a difference.
type version int

const (
	refusing  version = iota // before 1.109: a sequence behind a table is refused
	repairing                // since then it is moved, and only one behind a position is refused
)

// start does what upstream's server does with its sequences when it starts.
func start(t *testing.T, conn *pgx.Conn, version version) error {
	t.Helper()
	for _, stream := range homeserver.Streams() {
		if stream.UserNumbers || !query[bool](t, conn, "SELECT to_regclass($1) IS NOT NULL", stream.Sequence) {
			continue // it does not look at user_id_seq
		}
		for _, column := range stream.Tables {
			if column.Column == "last_txn" || !query[bool](t, conn, "SELECT to_regclass($1) IS NOT NULL", column.Table) {
				continue
			}
			if err := startOne(t, conn, version, stream, column); err != nil {
				return err
			}
		}
	}
	return nil
}

func startOne(t *testing.T, conn *pgx.Conn, version version, stream homeserver.Stream, column homeserver.TableColumn) error {
	t.Helper()
	greatest := "max(" + column.Column + ")"
	if stream.Negative {
		greatest = "-min(" + column.Column + ")"
	}
	table := query[int64](t, conn, "SELECT greatest("+greatest+", 0) FROM "+column.Table)
	last := query[int64](t, conn, "SELECT last_value - (NOT is_called)::integer FROM "+stream.Sequence)
	if table > last && version == refusing {
		return fmt.Errorf("%s has %d, and %s.%s %d", stream.Sequence, last, column.Table, column.Column, table)
	}
	if table > last {
		query[int64](t, conn, fmt.Sprintf("SELECT setval('%s', greatest(last_value, %d)) FROM %s", stream.Sequence, table, stream.Sequence))
	}
	if stream.Name == "" {
		return nil
	}
	position := query[int64](t, conn, "SELECT coalesce(max(stream_id), 0) FROM stream_positions WHERE stream_name = $1", stream.Name)
	if position > last { // as it was read before the repair
		return fmt.Errorf("%s has %d, and stream_positions %d", stream.Sequence, last, position)
	}
	return nil
}

func query[T any](t *testing.T, conn *pgx.Conn, text string, values ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), text, values...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return value
}
