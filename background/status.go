package background

import (
	"slices"
	"time"
)

// State is what an Updater is at, with the numbers that upstream's metric has for it.
type State int

// The states.
const (
	Aborted    State = -1 // updates are left that could not be run
	Disabled   State = 0
	NotStarted State = 1
	Running    State = 2
	Complete   State = 3
)

// Status is what there is to know about an Updater without asking the database.
type Status struct {
	// Database is the Name of the Config.
	Database string
	State    State
	Enabled  bool
	// Pending is how many updates were unfinished at the last look, those that cannot be run among them.
	Pending int
	// SetAside is how many of those were set aside.
	SetAside int
	// Current is the update that is worked on; nil without one.
	Current *Current
	// Left are the updates that could not be run when the last run ended.
	Left []Left
}

// Current is the update that is worked on, and what this Updater has done of it.
type Current struct {
	Name     string
	Items    int64
	Duration time.Duration
	// ItemsPerMillisecond is a moving average; nil before the first item.
	ItemsPerMillisecond *float64
	// Rate is what all Updaters have done of it; nil before the first batch.
	Rate *Rate
	// BatchSize is that of the last batch.
	BatchSize int
	// Attempts is how often in a row its batch has failed, and Error why; nil while it goes well.
	Attempts int
	Error    error
}

// Status tells what the Updater is at.
func (u *Updater) Status() Status {
	u.mutex.Lock()
	defer u.mutex.Unlock()
	status := Status{Database: u.config.Name, State: u.state(), Enabled: !u.disabled, Pending: u.pending, SetAside: u.setAside, Left: slices.Clone(u.left)}
	if u.current == "" {
		return status
	}
	known := u.of(u.current)
	status.Current = &Current{
		Name: u.current, Items: known.items, Duration: known.duration, BatchSize: known.batchSize, Attempts: u.attempts, Error: u.failed,
	}
	if u.rate != nil {
		rate := *u.rate
		status.Current.Rate = &rate
	}
	if rate, isKnown := known.rate(); isKnown {
		status.Current.ItemsPerMillisecond = &rate
	}
	return status
}

func (u *Updater) state() State {
	switch {
	case len(u.left) > 0:
		return Aborted
	case u.disabled:
		return Disabled
	case u.complete:
		return Complete
	case u.running:
		return Running
	default:
		return NotStarted
	}
}
