package table

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
)

const loadSQL = `SELECT id, state, attributes, locals, definition, last_changed, last_written, removed FROM entities WHERE application = ?`

// Load gives take every row of the application, those of removed entities too, in no certain order. take may keep the bytes; its error ends
// the loading. It is called by this goroutine, while another one reads on.
func (t *Table) Load(ctx context.Context, take func(Row) error) error {
	return t.read(ctx, "the entities", func(from engine.Querier) error {
		reader := reader{batches: make(chan []scanned, readAhead), stop: make(chan struct{})}
		var reading errgroup.Group
		reading.Go(func() error { return reader.read(ctx, from, t.application.ID) })
		taken := reader.take(take)
		if err := reading.Wait(); err != nil && taken == nil {
			return err
		}
		return taken
	})
}

const (
	// batchRows is how many rows go from the goroutine that reads to the one that takes at once.
	batchRows = 256
	// readAhead is how many batches may wait to be taken.
	readAhead = 8
)

// reader reads rows in one goroutine while another one takes them.
type reader struct {
	batches chan []scanned
	stop    chan struct{} // closed when no more are wanted
}

// scanned is a row in the form that costs least to scan.
type scanned struct {
	id, state, attributes, locals         string
	definition, changed, written, removed any
}

func (r *reader) read(ctx context.Context, from engine.Querier, application string) error {
	defer close(r.batches)
	rows, err := from.Query(ctx, loadSQL, application)
	if err != nil {
		return err
	}
	defer rows.Close()
	batch := make([]scanned, 0, batchRows)
	for rows.Next() {
		batch = append(batch, scanned{})
		row := &batch[len(batch)-1]
		if err := rows.Scan(&row.id, &row.state, &row.attributes, &row.locals, &row.definition, &row.changed, &row.written, &row.removed); err != nil {
			return err
		}
		if len(batch) < batchRows {
			continue
		}
		select {
		case r.batches <- batch:
			batch = make([]scanned, 0, batchRows)
		case <-r.stop:
			return nil
		}
	}
	if err := rows.Err(); err != nil {
		return err
	}
	select {
	case r.batches <- batch:
	case <-r.stop:
	}
	return nil
}

func (r *reader) take(take func(Row) error) error {
	defer close(r.stop)
	for batch := range r.batches {
		for i := range batch {
			row, err := batch[i].row()
			if err == nil {
				err = take(row)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *scanned) row() (Row, error) {
	row := Row{ID: s.id, State: []byte(s.state), Attributes: []byte(s.attributes), Locals: []byte(s.locals)}
	definition, isDefinition := s.definition.(int64)
	changed, isChanged := s.changed.(int64)
	written, isWritten := s.written.(int64)
	if !isDefinition || !isChanged || !isWritten {
		return Row{}, fmt.Errorf("the entity %s has a %T, a %T and a %T for numbers", s.id, s.definition, s.changed, s.written)
	}
	row.Definition, row.LastChanged, row.LastWritten = definition, moment(changed), moment(written)
	if s.removed != nil {
		removed, isRemoved := s.removed.(int64)
		if !isRemoved {
			return Row{}, fmt.Errorf("the entity %s has a %T for a number", s.id, s.removed)
		}
		row.Removed = moment(removed)
	}
	return row, nil
}
