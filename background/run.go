package background

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// run is one Run.
type run struct {
	updater *Updater
	once    bool // one batch only, without a pause

	session    engine.Session
	unlock     func() error
	withErrors bool      // the table of errors is there
	withRates  bool      // and that of rates
	tidied     bool      // of rates that are of no use
	speed      *speed    // of the update at hand; nil before it is known
	since      time.Time // the update's time counts; zero while it does not run
	connected  bool      // once at least
	failures   int       // to connect, in a row
	reported   []string
	crowd      crowd
}

// loop takes step after step until there is nothing left to run.
func (r *run) loop(ctx context.Context) error {
	for {
		if err := r.updater.awaitEnabled(ctx); err != nil {
			return err
		}
		if r.updater.wasHeld() {
			r.since = time.Time{}
		}
		if worked, err := r.step(ctx); err != nil || !worked {
			return err
		}
	}
}

// step works on one batch; worked is false, without an error, when everything is done.
func (r *run) step(ctx context.Context) (worked bool, err error) {
	if err := r.reach(ctx); err != nil {
		return r.unreached(ctx, err)
	}
	pending, err := list(ctx, r.session, r.withErrors)
	if err != nil {
		return r.unreached(ctx, err)
	}
	r.failures = 0
	r.updater.counted(pending)
	r.tidyRates(ctx, pending)
	next, left := r.updater.choose(pending, r.updater.at())
	r.report(ctx, left)
	if next == nil {
		r.updater.setCurrent("")
		if len(pending) == 0 {
			r.dropRates(ctx)
		}
		return false, r.finish(left)
	}
	if r.updater.at() != next.Name {
		r.updater.begins(next.Name)
		r.speed, r.since = nil, time.Time{}
		r.updater.config.Log.InfoContext(ctx, "a background update begins or goes on", "update", next.Name)
	}
	if err := r.lend(); err != nil { // for the pause before the batch
		return false, err
	}
	return true, errors.Join(r.work(ctx, next), r.lend())
}

// lend gives the connection to others, where there is only one.
func (r *run) lend() error {
	if !r.updater.config.Brief {
		return nil
	}
	return r.release()
}

// report logs what cannot be run, each once. It is no warning yet: the end of the run lists them.
func (r *run) report(ctx context.Context, left []Left) {
	for _, one := range left {
		if one.Reason == Blocked || one.Reason == NotAskedTo || slices.Contains(r.reported, one.Name) {
			continue
		}
		r.reported = append(r.reported, one.Name)
		r.updater.config.Log.InfoContext(ctx, "a background update cannot be run", "update", one.Name, "reason", one.String())
	}
}

func (r *run) finish(left []Left) error {
	left = slices.DeleteFunc(left, func(one Left) bool { return one.Reason == NotAskedTo })
	if len(left) > 0 {
		return &LeftError{Database: r.updater.config.Name, Left: left}
	}
	r.updater.mutex.Lock()
	defer r.updater.mutex.Unlock()
	r.updater.complete = true
	return nil
}

// work runs one batch and deals with its failure.
func (r *run) work(ctx context.Context, update *Pending) error {
	config := &r.updater.config
	known := config.Registry.entries[update.Name]
	r.countTime() // the pause before the batch counts
	bounds, release, err := r.admission(ctx, update.Name, known.oneshot)
	if stopped := context.Cause(ctx); stopped != nil {
		release()
		return stopped
	}
	if err == nil {
		err = r.reach(ctx)
	}
	if err == nil {
		err = r.countOthers(ctx)
	}
	report := Report{Update: update.Name, Err: err}
	if err == nil {
		report = r.batch(ctx, update, known, bounds)
	}
	release()
	if report.Err == nil {
		r.updater.succeeded(report)
		r.notify(ctx, report)
		return nil
	}
	if stopped := context.Cause(ctx); stopped != nil {
		return errors.Join(stopped, unlessIs(report.Err, stopped))
	}
	if r.once {
		return report.Err
	}
	return r.failed(ctx, update, report)
}

func unlessIs(err, stopped error) error {
	if errors.Is(err, stopped) || errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

func (r *run) admission(ctx context.Context, update string, oneshot bool) (limits, func(), error) {
	if r.once {
		return r.updater.config.Pacing.limits(), func() {}, nil
	}
	return r.admit(ctx, update, oneshot)
}

// batch runs a handler, records what it has done, and takes the time of both.
func (r *run) batch(ctx context.Context, update *Pending, known *entry, bounds limits) Report {
	config := &r.updater.config
	report := Report{Update: update.Name, Size: r.updater.sizeOf(update.Name, bounds)}
	r.countTime() // perhaps the connection is a new one
	run := r.runAlone
	if known.alone == nil {
		run = r.runInTransaction
		r.prepareSpeed(ctx, update, known, config.Clock.Now())
	}
	begun := config.Clock.Now()
	result, rate, err := run(ctx, update, known, report.Size)
	report.Duration = config.Clock.Now().Sub(begun)
	report.Items, report.Done, report.Err = result.Items, result.Done, err
	if err == nil {
		r.committed(rate)
	} else {
		r.undone(err)
	}
	return report
}

// runInTransaction lets a batch that is under way end: it is short, and rolling it back would waste it.
func (r *run) runInTransaction(ctx context.Context, update *Pending, known *entry, size int) (result Result, rate Rate, err error) {
	ctx, cancel := r.graceful(ctx)
	defer cancel()
	begun := r.updater.config.Clock.Now()
	err = r.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		var err error
		if result, err = known.handler(ctx, &Batch{Name: update.Name, Tx: tx, Progress: slices.Clone(update.Progress), Size: size}); err != nil {
			return err
		}
		if rate, err = r.record(ctx, tx, update, result, begun); err != nil || result.Done {
			return err
		}
		return commitLazily(ctx, tx, r.session.Engine())
	})
	return result, rate, err
}

// runAlone prepares the measuring only after the handler: most such updates have one batch.
func (r *run) runAlone(ctx context.Context, update *Pending, known *entry, size int) (result Result, rate Rate, err error) {
	config := &r.updater.config
	begun := config.Clock.Now()
	result, err = known.alone(ctx, &Alone{
		Name: update.Name, Session: r.session, Progress: slices.Clone(update.Progress), Size: size, Clock: config.Clock,
		Log: config.Log.With("update", update.Name),
	})
	if err != nil {
		return result, rate, err
	}
	ctx, cancel := r.graceful(ctx)
	defer cancel()
	if !result.Done {
		r.prepareSpeed(ctx, update, known, begun)
	}
	err = r.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		var err error
		rate, err = r.record(ctx, tx, update, result, begun)
		return err
	})
	return result, rate, err
}

// graceful gives a context that ends some time after its parent.
func (r *run) graceful(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.AfterFunc(r.updater.config.Grace, func() { cancel(context.Cause(parent)) })
		context.AfterFunc(ctx, func() { timer.Stop() })
	})
	return ctx, func() {
		stop()
		cancel(context.Canceled)
	}
}

// failed waits before the next attempt, or sets the update aside.
func (r *run) failed(ctx context.Context, update *Pending, report Report) error {
	config := &r.updater.config
	attempts := r.updater.countFailure(report.Err)
	if err := r.dropIfDead(ctx); err != nil {
		return err
	}
	if report.SetAside = attempts >= config.Attempts; report.SetAside {
		if err := r.reach(ctx); err != nil { // an update may have ended its own connection each time
			_, err = r.unreached(ctx, err)
			return err
		}
		if err := r.setAside(ctx, update, report, attempts); err != nil {
			return err
		}
	}
	r.notify(ctx, report)
	if report.SetAside {
		return nil
	}
	if err := r.lend(); err != nil {
		return err
	}
	wait := backOff(attempts)
	config.Log.WarnContext(ctx, "a batch of a background update has failed", "update", update.Name, "attempts", attempts, "wait", wait, "error", report.Err)
	return config.Clock.Sleep(ctx, wait)
}

func (r *run) setAside(ctx context.Context, update *Pending, report Report, attempts int) error {
	config := &r.updater.config
	failure := &Failure{Attempts: attempts, Error: shorten(report.Err.Error()), At: config.Clock.Now()}
	if err := setAside(ctx, r.session, update.Name, failure); err != nil { // a full disk refuses the record as well
		return errors.Join(fmt.Errorf("a batch of %s has failed %d times: %w", update.Name, attempts, report.Err), err)
	}
	r.withErrors = true
	r.updater.setCurrent("")
	config.Log.ErrorContext(ctx, "a background update was set aside", "update", update.Name, "attempts", attempts, "error", report.Err)
	return nil
}

// shorten cuts what would not fit into a column.
func shorten(text string) string {
	const most = 8000
	if letters := []rune(text); len(letters) > most {
		return string(letters[:most]) + "…"
	}
	return text
}

func backOff(attempts int) time.Duration {
	const enough = 10
	return min(firstWait<<(min(attempts, enough)-1), longestWait)
}

func (r *run) notify(ctx context.Context, report Report) {
	config := &r.updater.config
	config.Log.DebugContext(ctx, "a batch of a background update", "update", report.Update, "size", report.Size, "items", report.Items,
		"duration", report.Duration, "done", report.Done, "error", report.Err)
	if report.Done && report.Err == nil {
		config.Log.InfoContext(ctx, "a background update is done", "update", report.Update)
	}
	if config.OnBatch != nil {
		config.OnBatch(report)
	}
}

// unreached tries again, some time later, to reach a database that could be reached before.
func (r *run) unreached(ctx context.Context, err error) (worked bool, _ error) {
	if stopped := context.Cause(ctx); stopped != nil {
		return false, errors.Join(stopped, unlessIs(err, stopped))
	}
	if r.failures++; !r.connected || r.once || r.failures >= r.updater.config.Attempts {
		return false, err
	}
	wait := backOff(r.failures)
	r.updater.config.Log.WarnContext(ctx, "the database cannot be reached", "attempts", r.failures, "wait", wait, "error", err)
	if err := errors.Join(r.dropIfDead(ctx), r.updater.config.Clock.Sleep(ctx, wait)); err != nil {
		return false, err
	}
	return true, nil
}

// dropIfDead closes a session whose connection has ended; what went wrong at that is of no interest.
func (r *run) dropIfDead(ctx context.Context) error {
	if r.session == nil {
		return nil
	}
	var one int
	if err := r.session.QueryRow(ctx, "SELECT 1").Scan(&one); err == nil || ctx.Err() != nil {
		return context.Cause(ctx)
	}
	session := r.session
	r.session, r.unlock = nil, nil
	_ = session.Close()
	return nil
}

func (r *run) release() error {
	if r.session == nil {
		return nil
	}
	session, unlock := r.session, r.unlock
	r.session, r.unlock = nil, nil
	if err := errors.Join(unlock(), session.Close()); err != nil {
		return fmt.Errorf("end the background updates of %s: %w", r.updater.config.Name, err)
	}
	return nil
}
