package background

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// mostRateFailures is how often writing a rate may fail a batch. One failure may be that of a connection.
const mostRateFailures = 2

// speed is what a run keeps of the rate of the update at hand.
type speed struct {
	rate    Rate
	storing bool // the rate goes into the table with each batch
	stored  bool // it is there
}

// untouched is the progress of an update that nobody has worked on.
const untouched = "{}"

// countTime begins to count the time of an update that was not run before.
func (r *run) countTime() {
	if r.since.IsZero() {
		r.since = r.updater.config.Clock.Now()
	}
}

// prepareSpeed reads the rate of an update that is about to be worked on, or begins one. The table is made only now: in a
// homeserver's database it is a guest. No update fails because it cannot be measured.
func (r *run) prepareSpeed(ctx context.Context, update *Pending, known *entry, begun time.Time) {
	if r.speed != nil {
		return
	}
	r.speed = &speed{}
	if r.updater.storesRates() {
		found, err := r.storedRate(ctx, update.Name)
		if r.speed.storing = err == nil; err != nil && ctx.Err() == nil {
			r.updater.config.Log.WarnContext(ctx, "the speed of a background update cannot be recorded", "update", update.Name, "error", err)
		}
		if found != nil {
			r.speed.rate, r.speed.stored = *found, true
		}
	}
	if !r.speed.stored {
		r.speed.rate = Rate{Started: begun, Last: begun, Total: r.total(ctx, update, known)}
	}
	r.updater.setRate(r.speed.rate)
}

// storedRate gives nil for an update that has none yet.
func (r *run) storedRate(ctx context.Context, update string) (*Rate, error) {
	rates, err := r.readOrMake(ctx, update)
	if err != nil {
		return nil, err
	}
	if rate, known := rates[update]; known {
		return &rate, nil
	}
	return nil, nil //nolint:nilnil // neither is there one, nor is that an error
}

// readOrMake makes the table when there is none, or no longer one.
func (r *run) readOrMake(ctx context.Context, update string) (map[string]Rate, error) {
	if r.withRates {
		if rates, err := readRates(ctx, r.session, readRateSQL, update); err == nil {
			return rates, nil
		}
	}
	if _, err := r.session.Exec(ctx, schema.CreateUpdateRates(r.session.Engine())); err != nil {
		return nil, fmt.Errorf("make the table %s: %w", schema.UpdateRatesTable, err)
	}
	r.withRates = true
	return readRates(ctx, r.session, readRateSQL, update)
}

// total asks how many items there are. Of an update that somebody else has begun, nobody knows how many of them are left.
func (r *run) total(ctx context.Context, update *Pending, known *entry) *int64 {
	if known.total == nil || string(update.Progress) != untouched {
		return nil
	}
	var total int64
	err := r.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) (err error) {
		total, err = known.total(ctx, tx)
		return err
	})
	if err != nil {
		r.updater.config.Log.InfoContext(ctx, "it is not known how many items a background update has", "update", update.Name, "error", err)
		return nil
	}
	if total < 0 {
		return nil
	}
	return &total
}

// record writes what a batch has achieved and how fast, in the transaction of the batch.
func (r *run) record(ctx context.Context, tx engine.Tx, update *Pending, result Result, begun time.Time) (Rate, error) {
	if err := record(ctx, tx, update, result); err != nil || r.speed == nil {
		return Rate{}, err
	}
	now := r.updater.config.Clock.Now()
	rate := r.speed.rate.add(result.Items, now.Sub(begun), now.Sub(r.since), now)
	switch {
	case !r.speed.storing, result.Done && !r.speed.stored:
		return rate, nil
	case result.Done:
		return rate, dropRate(ctx, tx, update.Name)
	default:
		return rate, writeRate(ctx, tx, update.Name, rate, r.speed.stored)
	}
}

// committed keeps the rate of a batch that was committed; the commit counts as well, in the row of the next one.
func (r *run) committed(rate Rate) {
	if r.speed == nil {
		return
	}
	r.since = rate.Last
	rate.Duration += r.updater.config.Clock.Now().Sub(rate.Last)
	r.speed.rate, r.speed.stored = rate, r.speed.storing
	r.updater.setRate(rate)
}

// undone has the rate read anew after a batch that failed: whether it was committed may not be known, and somebody may have
// dropped the table.
func (r *run) undone(err error) {
	if r.updater.storesRates() {
		r.speed = nil
	}
	if _, ofRate := errors.AsType[*rateError](err); ofRate {
		r.updater.countRateFailure()
	}
}

// tidyRates forgets, once in a run, rates that are of no use: those of updates that somebody else has ended, and perhaps
// enqueued anew.
func (r *run) tidyRates(ctx context.Context, pending []Pending) {
	if !r.withRates || r.tidied || r.once {
		return
	}
	r.tidied = true
	rates, err := readRates(ctx, r.session, listRatesSQL)
	for i := range pending {
		if string(pending[i].Progress) != untouched {
			delete(rates, pending[i].Name)
		}
	}
	for name := range rates {
		if err == nil {
			_, err = r.session.Exec(ctx, dropRateSQL, name)
		}
	}
	if err != nil {
		r.updater.config.Log.InfoContext(ctx, "rates of former updates are left, and do no harm", "table", schema.UpdateRatesTable, "error", err)
	}
}

// dropRates ends the visit of the table when no update is left. Somebody may be reading it, a dump for one: then it stays.
func (r *run) dropRates(ctx context.Context) {
	if !r.withRates {
		return
	}
	if err := r.session.ChangeTable(ctx, dropRatesSQL); err != nil {
		r.updater.config.Log.InfoContext(ctx, "the table of rates is left, and does no harm", "table", schema.UpdateRatesTable, "error", err)
		return
	}
	r.withRates = false
}

func (u *Updater) setRate(rate Rate) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.rate = &rate
}

func (u *Updater) storesRates() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.rateFailures < mostRateFailures
}

func (u *Updater) countRateFailure() {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.rateFailures++
}

// wasHeld reports whether the updates were disabled since it was last asked.
func (u *Updater) wasHeld() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	held := u.held
	u.held = false
	return held
}
