package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// column is where a release keeps the value of an item, multiplied by factor.
type column struct {
	name   string
	factor int64
}

var (
	oldColumn = column{name: "old_column", factor: 1}
	newColumn = column{name: "new_column", factor: 100}
)

// add is what a release does with a new item.
func (r release) add(ctx context.Context, to engine.Querier, item, value int64) error {
	names, values := []string{"item_id"}, []any{item}
	for _, written := range r.writes {
		names, values = append(names, written.name), append(values, value*written.factor)
	}
	marks := strings.Repeat(", ?", len(names))[2:]
	_, err := to.Exec(ctx, fmt.Sprintf("INSERT INTO items (%s) VALUES (%s)", strings.Join(names, ", "), marks), values...)
	return err
}

// change is what it does when the value of an item changes.
func (r release) change(ctx context.Context, to engine.Querier, item, value int64) error {
	var sets []string
	var values []any
	for _, written := range r.writes {
		sets, values = append(sets, written.name+" = ?"), append(values, value*written.factor)
	}
	_, err := to.Exec(ctx, "UPDATE items SET "+strings.Join(sets, ", ")+" WHERE item_id = ?", append(values, item)...)
	return err
}

// items gives the value of each item.
func (r release) items(ctx context.Context, from engine.Querier) (map[int64]int64, error) {
	found := map[int64]int64{}
	err := engine.Each(ctx, from, "SELECT item_id, "+r.reads.name+" FROM items", nil, func(scan func(...any) error) error {
		var item, stored int64
		if err := scan(&item, &stored); err != nil {
			return err
		}
		found[item] = stored / r.reads.factor
		return nil
	})
	return found, err
}
