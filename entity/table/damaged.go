package table

import (
	"context"

	"github.com/synapsedb/synapse/engine"
)

const damagedSQL = `SELECT id, state, attributes, locals, definition, last_changed, last_written, found, problem FROM damaged_entities
WHERE application = ? ORDER BY id, found`

// Damaged lists the rows of the application that were set aside, by id and time.
func (t *Table) Damaged(ctx context.Context) (all []Damaged, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.session == nil {
		return nil, errClosed
	}
	err = engine.Each(ctx, t.session, damagedSQL, []any{t.application.ID}, func(scan func(...any) error) error {
		var one Damaged
		var changed, written, found int64
		if err := scan(&one.ID, &one.State, &one.Attributes, &one.Locals, &one.Definition, &changed, &written, &found, &one.Problem); err != nil {
			return err
		}
		one.LastChanged, one.LastWritten, one.Found = moment(changed), moment(written), moment(found)
		all = append(all, one)
		return nil
	})
	return all, err
}
