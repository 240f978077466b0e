package split

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// counter is a sequence of the target with what it must stay ahead of.
type counter struct {
	target *catalog.Sequence
	source *catalog.Sequence // nil when there is none
	column homeserver.TableColumn
}

// counters pairs the sequences of both sides: those of a column by the column, the others by name.
func (l *lanes) counters(ctx context.Context) ([]counter, error) {
	source, err := catalog.LoadOutline(ctx, l.keeper, l.source)
	if err != nil {
		return nil, err
	}
	target, err := catalog.LoadOutline(ctx, l.all[0].target, l.target)
	if err != nil {
		return nil, err
	}
	var found []counter
	for _, sequence := range target.Sequences {
		found = append(found, counter{target: sequence, source: partner(source, sequence), column: counted(sequence)})
	}
	return found, nil
}

func partner(source *catalog.Schema, sequence *catalog.Sequence) *catalog.Sequence {
	if sequence.Table == "" {
		return source.Sequence(sequence.Name)
	}
	for _, other := range source.Sequences {
		if other.Table == sequence.Table && other.Column == sequence.Column {
			return other
		}
	}
	return nil
}

// counted is the column whose numbers a sequence gives.
func counted(sequence *catalog.Sequence) homeserver.TableColumn {
	for _, stream := range homeserver.Streams() {
		if stream.Sequence == sequence.Name && len(stream.Tables) == 1 {
			return stream.Tables[0]
		}
	}
	return homeserver.TableColumn{Table: sequence.Table, Column: sequence.Column}
}

// next is the number that the target has to give: the source's, and greater than all that are taken there.
func (l *lanes) next(ctx context.Context, c counter) (int64, error) {
	next := c.target.Minimum
	if c.source != nil {
		next = max(next, c.source.Next())
	}
	if c.column.Table == "" {
		return next, nil
	}
	taken, err := greatest(ctx, l.keeper, l.source, c.column)
	if err != nil {
		return 0, fmt.Errorf("sequence %s: %w", c.target.Name, err)
	}
	return max(next, taken+1), nil
}

func greatest(ctx context.Context, on *pgx.Conn, schema string, column homeserver.TableColumn) (greatest int64, err error) {
	query := fmt.Sprintf("SELECT coalesce(max(%s), 0) FROM %s", postgres.QuoteIdentifier(column.Column), inSchema(schema, column.Table))
	err = on.QueryRow(ctx, query).Scan(&greatest)
	return greatest, err
}

// setSequences uses setval(last, true) wherever a number was given out: a server may take last_value itself as its position.
func (r *run) setSequences(ctx context.Context, workers *lanes) error {
	counters, err := workers.counters(ctx)
	if err != nil {
		return fmt.Errorf("read the sequences: %w", err)
	}
	for _, c := range counters {
		next, err := workers.next(ctx, c)
		if err != nil {
			return err
		}
		last, called := next-1, true
		if last < c.target.Minimum {
			last, called = c.target.Minimum, false
		}
		if _, err := workers.all[0].target.Exec(ctx, "SELECT setval($1::text::regclass, $2, $3)", inSchema(workers.target, c.target.Name), last, called); err != nil {
			return fmt.Errorf("set the sequence %s: %w", c.target.Name, err)
		}
		r.report.Sequences = append(r.report.Sequences, SequenceReport{Sequence: c.target.Name, Next: next})
	}
	return nil
}

// verifySequences reads the sequences of both sides again.
func (r *run) verifySequences(ctx context.Context, workers *lanes) (differences []string, err error) {
	counters, err := workers.counters(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the sequences: %w", err)
	}
	for _, c := range counters {
		next, err := workers.next(ctx, c)
		if err != nil {
			return nil, err
		}
		if got := c.target.Next(); got != next {
			differences = append(differences, fmt.Sprintf("sequence %s would give %d, and has to give %d", c.target.Name, got, next))
		}
	}
	return differences, nil
}
