package table

import (
	"context"

	"github.com/synapsedb/synapse/engine"
)

const damagedSQL = `SELECT id, state, attributes, locals, definition, last_changed, last_written, found, problem FROM damaged_entities
WHERE application = ? ORDER BY id, found`

// Damaged lists the rows of the application that were set aside, by id and time. It waits for a Write that is under way.
func (t *Table) Damaged(ctx context.Context) (all []Damaged, err error) {
	err = t.read(ctx, "the damaged entities", func(from engine.Querier) error {
		all = nil
		return engine.Each(ctx, from, damagedSQL, []any{t.application.ID}, func(scan func(...any) error) error {
			one, err := scanDamaged(scan)
			all = append(all, one)
			return err
		})
	})
	return all, err
}

// scanDamaged reads the columns of damagedSQL, after others.
func scanDamaged(scan func(...any) error, others ...any) (one Damaged, err error) {
	var changed, written, found int64
	err = scan(append(others, &one.ID, &one.State, &one.Attributes, &one.Locals, &one.Definition, &changed, &written, &found, &one.Problem)...)
	one.LastChanged, one.LastWritten, one.Found = moment(changed), moment(written), moment(found)
	return one, err
}
