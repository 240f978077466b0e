package cli

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/entity/table"
)

// entityContents are an application's rows, sorted.
type entityContents struct {
	application table.Application
	rows        []table.Row
	damaged     []table.Damaged
}

func (c *entityContents) ids() []string {
	ids := make([]string, len(c.rows))
	for i, row := range c.rows {
		ids[i] = row.ID
	}
	return ids
}

// row is the one of an ID, if there is one.
func (c *entityContents) row(id string) (row table.Row, there bool) {
	at, there := slices.BinarySearchFunc(c.rows, id, func(row table.Row, id string) int { return strings.Compare(row.ID, id) })
	if there {
		row = c.rows[at]
	}
	return row, there
}

// named are the IDs that were given, each once; all have to be there.
func (c *entityContents) named(ids []string) ([]string, []table.Damaged, error) {
	there := c.ids()
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	missing := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(there, id) })
	if len(missing) > 0 {
		return nil, nil, &unknownEntitiesError{application: c.application, ids: missing, hint: "nothing was deleted"}
	}
	return ids, nil, nil
}

func (c *entityContents) removedBefore(before time.Time) []string {
	ids := []string{}
	for _, row := range c.rows {
		if !row.Removed.IsZero() && row.Removed.Before(before) {
			ids = append(ids, row.ID)
		}
	}
	return ids
}

func (c *entityContents) damagedBefore(before time.Time, wanted bool) []table.Damaged {
	return slices.DeleteFunc(slices.Clone(c.damaged), func(row table.Damaged) bool { return !wanted || !row.Found.Before(before) })
}

// loadContents reads what an open application has.
func loadContents(ctx context.Context, opened *table.Table, application table.Application) (*entityContents, error) {
	there := &entityContents{application: application}
	err := opened.Load(ctx, func(row table.Row) error {
		there.rows = append(there.rows, row)
		return nil
	})
	if err == nil {
		there.damaged, err = opened.Damaged(ctx)
	}
	there.sort()
	return there, err
}

// readContents reads beside the program that has the application open.
func readContents(ctx context.Context, viewer *table.Viewer, application table.Application) (*entityContents, error) {
	there := &entityContents{application: application}
	err := viewer.Entities(ctx, application.ID, func(_ string, row table.Row) error {
		there.rows = append(there.rows, row)
		return nil
	})
	if err == nil {
		err = viewer.Damaged(ctx, application.ID, func(_ string, row table.Damaged) error {
			there.damaged = append(there.damaged, row)
			return nil
		})
	}
	there.sort()
	return there, err
}

// sort sorts by IDs as bytes, which not every engine does.
func (c *entityContents) sort() {
	slices.SortFunc(c.rows, func(a, b table.Row) int { return strings.Compare(a.ID, b.ID) })
	slices.SortStableFunc(c.damaged, func(a, b table.Damaged) int { return strings.Compare(a.ID, b.ID) })
}
