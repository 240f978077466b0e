package split

import (
	"context"
	"fmt"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// indexTable records, in a target that is not complete, the indexes that are taken away while rows are copied: building one
// over all rows takes less time than keeping it with each. Those of constraints stay.
const indexTable = "synapse_split_index"

const (
	createIndexTable = `CREATE TABLE IF NOT EXISTS synapse_split_index (name TEXT PRIMARY KEY, definition TEXT NOT NULL)`
	recordIndex      = `INSERT INTO synapse_split_index (name, definition) VALUES (?, ?) ON CONFLICT DO NOTHING`
	readIndexes      = `SELECT definition FROM synapse_split_index ORDER BY name`
	dropIndexTable   = `DROP TABLE IF EXISTS synapse_split_index`
)

// setAside takes the indexes of state's tables away and records them, in one transaction. What a split has recorded that was
// killed stays recorded.
func (r *run) setAside(ctx context.Context) error {
	catalog, err := r.to.Describe(ctx)
	if err != nil {
		return err
	}
	return r.to.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if _, err := tx.Exec(ctx, createIndexTable); err != nil {
			return fmt.Errorf("record the indexes: %w", err)
		}
		for _, object := range catalog.Objects {
			if object.Type != "index" || !slices.Contains(r.state.names, object.Table) {
				continue
			}
			if _, err := tx.Exec(ctx, recordIndex, object.Name, object.Definition); err != nil {
				return fmt.Errorf("record the index %s: %w", object.Name, err)
			}
			if _, err := tx.Exec(ctx, "DROP INDEX "+postgres.QuoteIdentifier(object.Name)); err != nil {
				return fmt.Errorf("take the index %s away: %w", object.Name, err)
			}
		}
		return nil
	})
}

// buildIndexes builds all that were recorded; none is there.
func (r *run) buildIndexes(ctx context.Context, workers *lanes) error {
	var definitions []string
	err := engine.Each(ctx, r.to, readIndexes, nil, func(scan func(...any) error) error {
		var definition string
		err := scan(&definition)
		definitions = append(definitions, definition)
		return err
	})
	if err != nil {
		return fmt.Errorf("read which indexes to build: %w", err)
	}
	r.meter.Enter(PhaseIndexes, int64(len(definitions)))
	queue := make(chan string, len(definitions))
	for _, definition := range definitions {
		queue <- definition
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for _, worker := range workers.all {
		group.Go(func() error {
			for definition := range queue {
				if _, err := worker.target.Exec(ctx, definition); err != nil {
					return fmt.Errorf("build an index (%s): %w", definition, err)
				}
				r.meter.Add(1)
			}
			return nil
		})
	}
	return group.Wait()
}
