package port

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// While a port is under way the target holds the schema synapse_port: what the port set aside and has
// to put back, and the compat version that the guard stands in for. The last transaction drops it.
const (
	stateExists = `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'synapse_port')`
	stateRun    = `SELECT target_schema, compat_version FROM synapse_port.run`
	createState = `
CREATE SCHEMA IF NOT EXISTS synapse_port;
CREATE TABLE IF NOT EXISTS synapse_port.run (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    target_schema text NOT NULL,
    compat_version bigint,
    source text NOT NULL,
    started timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS synapse_port.object (
    kind text NOT NULL,
    table_name text NOT NULL,
    name text NOT NULL,
    definition jsonb NOT NULL,
    PRIMARY KEY (kind, table_name, name)
);`
	dropState = `DROP SCHEMA synapse_port CASCADE`
)

// lockKey is the advisory lock that a port holds on its target: "synapse" in ASCII.
const lockKey = 0x73796e61707365

// A port that was killed holds its lock, and its sessions, until the server notices. Whoever waits for the lock gives up
// before the one who has it gives up waiting for sessions to end: of two that are begun at once one does the work.
const (
	lockPatience    = time.Second
	sessionPatience = 3 * time.Second
	patienceStep    = 20 * time.Millisecond
)

// patiently asks until the answer is yes, an error, or the time is over.
func patiently(ctx context.Context, limit time.Duration, ask func() (bool, error)) error {
	for end := time.Now().Add(limit); ; {
		done, err := ask()
		if done || err != nil || time.Now().After(end) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(patienceStep):
		}
	}
}

// lock takes the lock of the target for this session. Another port that holds it is a Problem.
func (t *target) lock(ctx context.Context) (*Problem, error) {
	locked := false
	err := patiently(ctx, lockPatience, func() (bool, error) {
		err := t.conn.QueryRow(ctx, "SELECT pg_try_advisory_lock($1)", int64(lockKey)).Scan(&locked)
		return locked, err
	})
	if err != nil {
		return nil, err
	}
	if locked {
		return nil, nil //nolint:nilnil // no problem is the usual case
	}
	return &Problem{ID: "target_locked", What: "another port into this database is running",
		Hint: "wait until it ends, or stop it"}, nil
}

// readUnfinished finds out whether the target was left by a port of ours that did not finish.
func (t *target) readUnfinished(ctx context.Context) error {
	var exists bool
	if err := t.conn.QueryRow(ctx, stateExists).Scan(&exists); err != nil || !exists {
		return err
	}
	var schema string
	var compat *int64
	err := t.conn.QueryRow(ctx, stateRun).Scan(&schema, &compat)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the state of an earlier port: %w", err)
	}
	if schema != t.schema.Name {
		return fmt.Errorf("an unfinished port into schema %q is in this database, not into %q: finish that one first",
			schema, t.schema.Name)
	}
	t.ours, t.compat = true, compat
	record, err := readRecord(ctx, t.conn)
	if err == nil {
		t.recorded, t.absent = record.indexes, record.complete(t.schema)
	}
	return err
}
