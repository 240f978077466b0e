package table

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

const deleteDamagedSQL = `DELETE FROM damaged_entities WHERE application = ? AND id = ? AND found = ?`

// DeleteDamaged deletes rows of the application that were set aside, in one transaction; of each, ID and Found count. The errors are those of Write.
func (t *Table) DeleteDamaged(ctx context.Context, rows []Damaged) error {
	err := t.transact(ctx, func(tx engine.Tx) error {
		for i := range rows {
			if _, err := tx.Exec(ctx, deleteDamagedSQL, t.application.ID, rows[i].ID, micros(rows[i].Found)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("delete %d damaged entities from %s: %w", len(rows), t.name, err)
	}
	return nil
}
