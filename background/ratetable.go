package background

import (
	"context"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

const (
	listRatesSQL = `SELECT update_name, items, batches, duration_ms, total_items, started_at, last_at, recent_items, recent_ms FROM background_update_rates`
	readRateSQL  = listRatesSQL + ` WHERE update_name = ?`
	addRateSQL   = `INSERT INTO background_update_rates
	(items, batches, duration_ms, total_items, started_at, last_at, recent_items, recent_ms, update_name) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	changeRateSQL = `UPDATE background_update_rates SET items = ?, batches = ?, duration_ms = ?, total_items = ?, started_at = ?, last_at = ?,
	recent_items = ?, recent_ms = ? WHERE update_name = ?`
	dropRateSQL  = `DELETE FROM background_update_rates WHERE update_name = ?`
	dropRatesSQL = `DROP TABLE IF EXISTS background_update_rates`
)

// rateError says that a rate could not be written in the transaction of a batch.
type rateError struct{ err error }

func (e *rateError) Error() string { return "record the speed: " + e.err.Error() }

func (e *rateError) Unwrap() error { return e.err }

// readRates reads those there are by the names of their updates.
func readRates(ctx context.Context, from engine.Querier, query string, values ...any) (map[string]Rate, error) {
	rates := map[string]Rate{}
	err := engine.Each(ctx, from, query, values, func(scan func(...any) error) error {
		var name string
		var rate Rate
		var duration, started, last, recent int64
		err := scan(&name, &rate.Items, &rate.Batches, &duration, &rate.Total, &started, &last, &rate.RecentItems, &recent)
		rate.Duration, rate.RecentTime = time.Duration(duration)*time.Millisecond, time.Duration(recent)*time.Millisecond
		rate.Started, rate.Last = time.UnixMilli(started).UTC(), time.UnixMilli(last).UTC()
		rates[name] = rate
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the speed of background updates: %w", err)
	}
	return rates, nil
}

// addRates adds to each update its rate. The table may vanish at any moment: whoever runs the last update drops it.
func addRates(ctx context.Context, session engine.Session, updates []Pending) error {
	rates, err := readRates(ctx, session, listRatesSQL)
	if err != nil {
		catalog, described := session.Describe(ctx)
		if described == nil && catalog.Table(schema.UpdateRatesTable) == nil {
			return nil
		}
		return err
	}
	for i := range updates {
		if rate, known := rates[updates[i].Name]; known {
			updates[i].Rate = &rate
		}
	}
	return nil
}

// writeRate writes a rate; known says that there is one already.
func writeRate(ctx context.Context, tx engine.Tx, update string, rate Rate, known bool) error {
	values := []any{
		rate.Items, rate.Batches, rate.Duration.Milliseconds(), rate.Total, rate.Started.UnixMilli(), rate.Last.UnixMilli(),
		rate.RecentItems, rate.RecentTime.Milliseconds(), update,
	}
	statement := addRateSQL
	if known {
		statement = changeRateSQL
	}
	return runRate(ctx, tx, statement, values...)
}

// dropRate goes with the end of an update.
func dropRate(ctx context.Context, tx engine.Tx, update string) error {
	return runRate(ctx, tx, dropRateSQL, update)
}

func runRate(ctx context.Context, tx engine.Tx, statement string, values ...any) error {
	if _, err := tx.Exec(ctx, statement, values...); err != nil {
		return &rateError{err}
	}
	return nil
}
