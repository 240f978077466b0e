package background

import (
	"context"
	"errors"
	"sync"
)

// Updater runs the background updates of one physical database. Its methods can be called from several goroutines.
type Updater struct {
	config Config

	mutex    sync.Mutex
	disabled bool
	changed  chan struct{} // closed when disabled changes
	wake     chan struct{}
	running  bool
	complete bool
	current  string
	attempts int
	failed   error
	left     []Left
	pending  int
	setAside int
	looked   bool // at the updates, once at least
	figures  map[string]*figures
	rate     *Rate // of the current update; nil before it is known

	rateFailures int
	held         bool // since wasHeld was asked
}

// New checks the configuration and fills in its defaults.
func New(config Config) (*Updater, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	return &Updater{config: config, changed: make(chan struct{}), wake: make(chan struct{}, 1), figures: map[string]*figures{}}, nil
}

// Run runs updates until none is left that can be run. It returns nil when all are done, *LeftError when some are left, and
// otherwise why it stopped: *RunningError and *SessionsError before anything was written, the cause of ctx after the batch
// at hand, or that the database could not be reached several times in a row. While the Updater is disabled it waits.
func (u *Updater) Run(ctx context.Context) error {
	if err := u.begin(); err != nil {
		return err
	}
	r := &run{updater: u}
	err := r.loop(ctx)
	u.end(err)
	return errors.Join(err, r.release())
}

// Serve is Run for a server: when nothing is left that can be run, it looks again after Wake or an Interval. A database that
// was reached once is tried again after every error, which it logs, as *LeftError. It returns the cause of ctx when that
// ends, and the error of a Run that never came to look at the updates, such as *RunningError.
func (u *Updater) Serve(ctx context.Context) error {
	var before string
	for {
		err := u.Run(ctx)
		if stopped := context.Cause(ctx); stopped != nil {
			return errors.Join(stopped, unlessIs(err, stopped))
		}
		if err != nil && !u.hasLooked() {
			return err
		}
		if err != nil && err.Error() != before {
			u.config.Log.WarnContext(ctx, "the background updates stopped; they are tried again", "interval", u.config.Interval, "error", err)
		}
		if before = ""; err != nil {
			before = err.Error()
		}
		u.await(ctx)
	}
}

// await waits for Wake, an Interval, or the end of ctx.
func (u *Updater) await(ctx context.Context) {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	slept := make(chan struct{})
	go func() {
		defer close(slept)
		_ = u.config.Clock.Sleep(ctx, u.config.Interval) // ends early by stop
	}()
	select {
	case <-u.wake:
	case <-slept:
	}
	stop()
	<-slept
}

func (u *Updater) hasLooked() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return u.looked
}

// Wake has Serve look for updates, after one was enqueued.
func (u *Updater) Wake() {
	select {
	case u.wake <- struct{}{}:
	default:
	}
}

// RunBatch runs one batch of the next update, without a pause before it. worked is false when there is none to run; the
// errors are those of Run, and the batch's own, which are not counted and not waited for.
func (u *Updater) RunBatch(ctx context.Context) (worked bool, err error) {
	if err := u.begin(); err != nil {
		return false, err
	}
	r := &run{updater: u, once: true}
	worked, err = r.step(ctx)
	u.end(err)
	return worked, errors.Join(err, r.release())
}

func (u *Updater) begin() error {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.running {
		return &RunningError{Database: u.config.Name, Holder: "this process"}
	}
	u.running, u.attempts, u.failed = true, 0, nil
	return nil
}

func (u *Updater) end(err error) {
	left, _ := errors.AsType[*LeftError](err)
	u.mutex.Lock()
	defer u.mutex.Unlock()
	u.running = false
	if u.left = nil; left != nil {
		u.left = left.Left
	}
}

// SetEnabled holds the updates, after the batch at hand, or lets them go on.
func (u *Updater) SetEnabled(enabled bool) {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	if u.disabled == !enabled {
		return
	}
	u.disabled, u.held = !enabled, true
	close(u.changed)
	u.changed = make(chan struct{})
}

// Enabled reports whether updates may run.
func (u *Updater) Enabled() bool {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	return !u.disabled
}

func (u *Updater) awaitEnabled(ctx context.Context) error {
	for {
		u.mutex.Lock()
		disabled, changed := u.disabled, u.changed
		u.mutex.Unlock()
		if err := context.Cause(ctx); err != nil || !disabled {
			return err
		}
		select {
		case <-ctx.Done():
		case <-changed:
		}
	}
}

// of gives the figures of an update.
func (u *Updater) of(update string) *figures {
	found := u.figures[update]
	if found == nil {
		found = &figures{}
		u.figures[update] = found
	}
	return found
}
