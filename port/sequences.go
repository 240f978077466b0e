package port

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// SequenceReport says what a sequence was set to and why.
type SequenceReport struct {
	Sequence  string `json:"sequence"`
	Next      int64  `json:"next"`       // what nextval will return
	DecidedBy string `json:"decided_by"` // the column or position that is greatest, or "unchanged"
}

// counter is a sequence with everything that it must stay ahead of.
type counter struct {
	sequence *catalog.Sequence
	stream   homeserver.Stream
	tables   []homeserver.TableColumn // those that exist in the target
	owner    string                   // the table whose identity column it is; "" for streams
}

// counters pairs the target's sequences with what is known of them. Those that nothing is known of are returned too.
func (t *target) counters() (known []counter, unknown []string) {
	streams := map[string]homeserver.Stream{}
	for _, stream := range homeserver.Streams() {
		streams[stream.Sequence] = stream
	}
	for _, sequence := range t.schema.Sequences {
		made := counter{sequence: sequence}
		stream, found := streams[sequence.Name]
		switch {
		case found:
			made.stream = stream
			made.tables = t.existing(stream.Tables)
		case sequence.Table != "":
			made.owner = sequence.Table
			made.tables = []homeserver.TableColumn{{Table: sequence.Table, Column: sequence.Column}}
		default:
			unknown = append(unknown, sequence.Name)
			continue
		}
		known = append(known, made)
	}
	return known, unknown
}

func (t *target) existing(columns []homeserver.TableColumn) []homeserver.TableColumn {
	var existing []homeserver.TableColumn
	for _, column := range columns {
		if table := t.schema.Table(column.Table); table != nil && table.Column(column.Column) != nil {
			existing = append(existing, column)
		}
	}
	return existing
}

// unknownSequences refuses a target with a sequence of which it is not known what it counts: left at its start it
// would hand out ids that are taken.
func (r *run) unknownSequences() []Problem {
	_, unknown := r.target.counters()
	if len(unknown) == 0 {
		return nil
	}
	return []Problem{{
		ID:   "unknown_sequence",
		What: "the target has sequences that this version does not know: " + engine.List(unknown),
		Hint: "use a newer version of this program; the homeserver that prepared the target is newer than it",
	}}
}

// setSequences puts every sequence ahead of all ids that are taken.
func (r *run) setSequences(ctx context.Context) error {
	r.options.Progress.enter(PhaseSequences)
	return r.withControl(ctx, func(ctx context.Context) error {
		counters, _ := r.target.counters()
		r.report.Sequences = nil
		for _, c := range counters {
			set, err := r.setSequence(ctx, c)
			if err != nil {
				return fmt.Errorf("sequence %s: %w", c.sequence.Name, err)
			}
			r.report.Sequences = append(r.report.Sequences, set)
		}
		return nil
	})
}

// sequencesAhead reports whether every sequence is ahead of all ids that are taken already.
func (r *run) sequencesAhead(ctx context.Context) (bool, error) {
	counters, _ := r.target.counters()
	for _, c := range counters {
		last, _, err := r.lastOfBoth(ctx, c)
		if err != nil || last >= c.sequence.Next() {
			return false, err
		}
	}
	return true, nil
}

// setSequence uses setval(last, true), not RESTART: upstream's writers take last_value itself as their position.
// A sequence never goes back.
func (r *run) setSequence(ctx context.Context, c counter) (SequenceReport, error) {
	last, decidedBy, err := r.lastOfBoth(ctx, c)
	report := SequenceReport{Sequence: c.sequence.Name, Next: c.sequence.Next(), DecidedBy: "unchanged"}
	if err != nil || last < report.Next {
		return report, err
	}
	if last >= c.sequence.Maximum {
		return report, fmt.Errorf("%s is %d, which leaves no number for the next one", decidedBy, last)
	}
	report.Next, report.DecidedBy = last+1, decidedBy
	_, err = r.target.conn.Exec(ctx, "SELECT setval($1::text::regclass, $2, true)", r.target.quote(c.sequence.Name), last)
	return report, err
}

// lastOfBoth returns the greatest id of both sides: a row of the source that was set aside has taken its id, too.
func (r *run) lastOfBoth(ctx context.Context, c counter) (last int64, decidedBy string, err error) {
	if last, decidedBy, err = r.lastTaken(ctx, c); err != nil {
		return 0, "", err
	}
	taken, err := r.sourceTaken(ctx, c)
	if taken > last {
		last, decidedBy = taken, "a row of the source that was set aside"
	}
	return last, decidedBy, err
}

// lastTaken returns the greatest id in the target's tables, its stream_positions and the source's sqlite_sequence.
func (r *run) lastTaken(ctx context.Context, c counter) (last int64, decidedBy string, err error) {
	last, decidedBy = c.stream.Minimum, "the least that the stream begins with"
	consider := func(what, query string, args ...any) error {
		var value *int64
		// Each is asked once: preparing it would be a round trip more.
		if err := r.target.conn.QueryRow(ctx, query, append([]any{pgx.QueryExecModeExec}, args...)...).Scan(&value); err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		if value != nil && *value > last {
			last, decidedBy = *value, what
		}
		return nil
	}
	for _, column := range c.tables {
		if err := consider(column.Table+"."+column.Column, c.stream.GreatestQuery(r.target.quote(column.Table), column.Column)); err != nil {
			return 0, "", err
		}
	}
	if c.stream.Name != "" {
		query := c.stream.PositionQuery(r.target.quote(homeserver.PositionsTable))
		if err := consider(homeserver.PositionsTable+" "+c.stream.Name, query, c.stream.Name); err != nil {
			return 0, "", err
		}
	}
	if handed := r.handedOut(c); handed > last {
		last, decidedBy = handed, "sqlite_sequence "+c.owner
	}
	return last, decidedBy, nil
}

// handedOut is the last number that SQLite itself handed out for an identity column of a table that is copied.
func (r *run) handedOut(c counter) int64 {
	if c.owner == "" || r.plan.table(c.owner) == nil {
		return 0
	}
	return r.source.sequences[c.owner]
}

// verifySequences compares each sequence with the ids as the source has them, not with what setSequences read.
func (r *run) verifySequences(ctx context.Context) ([]string, error) {
	schema, err := catalog.LoadOutline(ctx, r.target.conn, r.target.schema.Name)
	if err != nil {
		return nil, err
	}
	counters, _ := r.target.counters()
	var behind []string
	for _, c := range counters {
		taken, err := r.sourceTaken(ctx, c)
		if err != nil {
			return nil, fmt.Errorf("sequence %s: %w", c.sequence.Name, err)
		}
		if next := schema.Sequence(c.sequence.Name).Next(); next <= taken {
			behind = append(behind, fmt.Sprintf("sequence %s would hand out %d, the source has %d", c.sequence.Name, next, taken))
		}
	}
	return behind, nil
}

// sourceTaken returns the greatest id that the source has. It is looked for once: the source does not change.
func (r *run) sourceTaken(ctx context.Context, c counter) (int64, error) {
	if taken, known := r.taken[c.sequence.Name]; known {
		return taken, nil
	}
	taken, err := r.findTaken(ctx, c)
	if err == nil {
		if r.taken == nil {
			r.taken = map[string]int64{}
		}
		r.taken[c.sequence.Name] = taken
	}
	return taken, err
}

func (r *run) findTaken(ctx context.Context, c counter) (int64, error) {
	taken := r.handedOut(c)
	consider := func(query string, args ...any) error {
		values, err := r.source.integers(ctx, query, args...)
		if err == nil {
			taken = max(taken, values[0])
		}
		return err
	}
	for _, column := range c.tables {
		if table := r.plan.table(column.Table); table != nil {
			if err := consider(sourceGreatest(c.stream, table, column.Column)); err != nil {
				return 0, err
			}
		}
	}
	if c.stream.Name == "" || r.source.tables[homeserver.PositionsTable] == nil {
		return taken, nil
	}
	return taken, consider("SELECT max(abs(stream_id)) FROM stream_positions WHERE stream_name = ?1", c.stream.Name)
}

func sourceGreatest(stream homeserver.Stream, table *tablePlan, column string) string {
	read := table.reads[table.columnNamed(column)]
	switch {
	case stream.UserNumbers:
		digits := "substr(" + read + ", 2, instr(" + read + ", ':') - 2)"
		return fmt.Sprintf("SELECT max(CAST(%[1]s AS INTEGER)) FROM %[2]s WHERE %[3]s GLOB '@[0-9]*:*' AND %[1]s NOT GLOB '*[^0-9]*' AND length(%[1]s) <= 18",
			digits, table.from, read)
	case stream.Negative:
		return fmt.Sprintf("SELECT -min(%s) FROM %s WHERE typeof(%s) = 'integer'", read, table.from, read)
	default:
		return fmt.Sprintf("SELECT max(%s) FROM %s WHERE typeof(%s) = 'integer'", read, table.from, read)
	}
}
