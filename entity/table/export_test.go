package table

import "context"

// Beat does what a Table does by itself every 20 seconds.
func (t *Table) Beat(ctx context.Context) { t.beat(ctx) }

// Ask reads one value on the connection of a Table.
func (t *Table) Ask(ctx context.Context, query string) (value string, err error) {
	err = t.session.QueryRow(ctx, query).Scan(&value)
	return value, err
}
