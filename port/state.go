package port

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/port/checksum"
)

// From its first write on, a port keeps its state in the schema synapse_port of the target: what it set aside and has to put
// back, the compat version that the guard stands in for, which rows are in, and, when it is complete, how it left everything,
// so that the next port can tell what changed. Close drops it.
const (
	stateExists = `SELECT EXISTS (SELECT 1 FROM pg_namespace WHERE nspname = 'synapse_port')`
	createState = `
CREATE SCHEMA IF NOT EXISTS synapse_port;
CREATE TABLE IF NOT EXISTS synapse_port.run (
    only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
    target_schema text NOT NULL,
    compat_version bigint,                  -- the real one, while the guard stands in its place
    phase text NOT NULL,                    -- copying, applying or complete
    source text NOT NULL,                   -- its path
    source_identity text NOT NULL,          -- of the state of the file that the rows are of
    policy text NOT NULL,                   -- for bad values
    hash_seed bigint NOT NULL,
    attempt bigint NOT NULL,                -- a number of each run's own
    scan jsonb NOT NULL,                    -- what the scan found
    aside_file text NOT NULL DEFAULT '',    -- of a complete port that had rows set aside
    started timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS synapse_port.object (
    kind text NOT NULL,
    table_name text NOT NULL,
    name text NOT NULL,
    definition jsonb NOT NULL,
    PRIMARY KEY (kind, table_name, name)
);
CREATE TABLE IF NOT EXISTS synapse_port.progress ( -- ranges of the source's rowids that are in
    table_name text NOT NULL,
    first_rowid bigint NOT NULL,
    last_rowid bigint NOT NULL,
    rows bigint NOT NULL,
    high bigint NOT NULL,                   -- the sum of the rows' hashes
    low bigint NOT NULL,
    PRIMARY KEY (table_name, first_rowid)
);
CREATE TABLE IF NOT EXISTS synapse_port.table_state (
    table_name text PRIMARY KEY,
    state text NOT NULL,                    -- ready: equal to the source; applying: whole, but of an older state of it
    rows bigint NOT NULL,
    high bigint NOT NULL,
    low bigint NOT NULL
);
CREATE TABLE IF NOT EXISTS synapse_port.search_text ( -- hashes of the search index's rows with their texts, which it does not keep
    first_rowid bigint PRIMARY KEY,
    hashes bytea NOT NULL
);
CREATE TABLE IF NOT EXISTS synapse_port.set_aside ( -- rows that the server refused, or that were taken out again
    number bigint PRIMARY KEY,              -- drawn by lot
    table_name text NOT NULL,
    rowid bigint,                           -- in the source; NULL for a row that was found in the target
    class text NOT NULL,
    detail text NOT NULL,
    key jsonb,
    content jsonb,
    high bigint,
    low bigint
);
CREATE TABLE IF NOT EXISTS synapse_port.seed ( -- rows that the target was prepared with
    table_name text PRIMARY KEY,
    columns text NOT NULL,
    content bytea NOT NULL                  -- as COPY in binary form writes them
);
CREATE TABLE IF NOT EXISTS synapse_port.left_at ( -- how the port left what is not compared with the source
    kind text NOT NULL,                     -- sequence or table
    name text NOT NULL,
    value text NOT NULL,
    PRIMARY KEY (kind, name)
);`
	dropState = `DROP SCHEMA synapse_port CASCADE`
)

// stage is how far a port's target is.
type stage string

const (
	stageCopying  stage = "copying"  // some tables are not filled yet
	stageApplying stage = "applying" // it was complete, and is being made equal to a newer source
	stageComplete stage = "complete"
)

// The states of a table that holds all its rows, indexes and constraints.
const (
	stateReady    = "ready"
	stateApplying = "applying"
)

// earlier is what an earlier port left in the target.
type earlier struct {
	stage    stage
	identity string
	policy   Policy
	seed     uint64
	scan     map[string]scanned
	tables   map[string]recordedTable
	ranges   map[string][]span // by table, in ascending order
	aside    string            // path of the file of rows set aside
	setAside int64             // rows that the server refused, or that were taken out of the target
}

type recordedTable struct {
	state string
	sum   checksum.Sum
}

// span is a range of rowids whose rows are in.
type span struct {
	first, last int64
	sum         checksum.Sum
}

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

const (
	stateSchema = `SELECT target_schema FROM synapse_port.run`
	stateRun    = `SELECT compat_version, phase, source_identity, policy, hash_seed, scan, aside_file,
    (SELECT count(*) FROM synapse_port.set_aside) FROM synapse_port.run`
	stateTables = `SELECT table_name, state, rows, high, low FROM synapse_port.table_state`
	stateRanges = `SELECT table_name, first_rowid, last_rowid, rows, high, low FROM synapse_port.progress
ORDER BY table_name, first_rowid`
)

// readEarlier finds out what an earlier port of ours left.
func (t *target) readEarlier(ctx context.Context) error {
	var exists bool
	if err := t.conn.QueryRow(ctx, stateExists).Scan(&exists); err != nil || !exists {
		return err
	}
	var schema string
	err := t.conn.QueryRow(ctx, stateSchema).Scan(&schema)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err == nil && schema != t.schema.Name {
		return fmt.Errorf("a port into schema %q is in this database, not into %q: finish that one first", schema, t.schema.Name)
	}
	if err == nil {
		err = t.readRun(ctx)
	}
	if err != nil {
		return fmt.Errorf("read the state of an earlier port: %w", err)
	}
	return nil
}

func (t *target) readRun(ctx context.Context) error {
	e := &earlier{tables: map[string]recordedTable{}, ranges: map[string][]span{}}
	var seed int64
	err := t.conn.QueryRow(ctx, stateRun).Scan(&t.compat, &e.stage, &e.identity, &e.policy, &seed, &e.scan, &e.aside, &e.setAside)
	if err != nil {
		return err
	}
	e.seed = uint64(seed)
	if err := e.readTables(ctx, t.conn); err != nil {
		return err
	}
	record, err := readRecord(ctx, t.conn)
	if err != nil {
		return err
	}
	t.earlier, t.record = e, record
	t.recorded, t.absent = record.indexes, record.complete(t.schema, e.stage)
	return nil
}

func (e *earlier) readTables(ctx context.Context, conn executor) error {
	var name, state string
	var first, last, count, high, low int64
	sum := func() checksum.Sum { return checksum.Sum{Rows: count, High: uint64(high), Low: uint64(low)} }
	rows, err := conn.Query(ctx, stateTables)
	if err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&name, &state, &count, &high, &low}, func() error {
		e.tables[name] = recordedTable{state: state, sum: sum()}
		return nil
	})
	if err != nil {
		return err
	}
	if rows, err = conn.Query(ctx, stateRanges); err != nil {
		return err
	}
	_, err = pgx.ForEachRow(rows, []any{&name, &first, &last, &count, &high, &low}, func() error {
		e.ranges[name] = append(e.ranges[name], span{first: first, last: last, sum: sum()})
		return nil
	})
	return err
}
