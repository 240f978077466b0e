package schema

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// RequiredUpdate is a background update that a release builds on.
type RequiredUpdate struct {
	// Name of the update, which a delta of an earlier version has enqueued.
	Name string
	// Version is the first whose deltas need the update to be done. The code needs it in any case.
	Version int
}

// PendingError says that background updates have to be done before the code can work with a database.
type PendingError struct {
	Database string
	Set      string
	Updates  []string
	// SetAside are those of them that have failed too often, each with its error. Nobody runs these, so OnPending is not asked.
	SetAside []string
	// Applied are the steps of an upgrade that were applied before one that needs the updates, and stay; 0 when nothing
	// was written.
	Applied int
}

// Error says how to have them done.
func (e *PendingError) Error() string {
	text := fmt.Sprintf("%s: the schema set %q needs background updates that are not done: %s; ", e.Database, e.Set, strings.Join(e.Updates, ", "))
	if e.Applied > 0 {
		text += applied(e.Applied) + "; "
	}
	if len(e.SetAside) > 0 {
		return text + "set aside after too many failures: " + strings.Join(e.SetAside, "; ") +
			"; correct the cause, have it tried again (background.Retry; for a homeserver's, `synapse updates retry`), and start again"
	}
	return text + "have them run by code that knows them, and start again: this release itself, if it is told to (Options.OnPending); " +
		"the release that began them, unless the database refuses it by now; for a homeserver's, `synapse updates run`"
}

// WaitForUpdates is for Options.OnPending: it has Prepare look again after each interval, for another process that runs them.
// A program that runs them itself takes background.Finish.
func WaitForUpdates(interval time.Duration) func(context.Context, []string) error {
	return func(ctx context.Context, _ []string) error { return engine.Wait(ctx, interval) }
}

// requiredUntil gives the names that a version needs.
func (s *Set) requiredUntil(version int) []string {
	var names []string
	for _, required := range s.definition.RequiredUpdates {
		if required.Version <= version {
			names = append(names, required.Name)
		}
	}
	return names
}

func checkRequired(database string, set *Set, state *State) error {
	pending, setAside := state.pendingOf(set.requiredUntil(set.Version()))
	if len(pending) == 0 {
		return nil
	}
	return &PendingError{Database: database, Set: set.Name(), Updates: pending, SetAside: setAside}
}

func (s *State) pendingOf(required []string) (pending, setAside []string) {
	for _, update := range s.Updates {
		if !slices.Contains(required, update.Name) {
			continue
		}
		pending = append(pending, update.Name)
		if update.Error != "" {
			setAside = append(setAside, update.Name+": "+update.Error)
		}
	}
	return pending, setAside
}

// checkRequired looks for updates that the steps before have enqueued, and that a version needs.
func (a *applier) checkRequired(ctx context.Context, version int) error {
	required := a.set.requiredUntil(version)
	if len(required) == 0 {
		return nil
	}
	state := &State{Tables: []string{UpdatesTable}}
	if err := state.readUpdates(ctx, a.session); err != nil {
		return fmt.Errorf("read the background updates of %s: %w", a.plan.Database, err)
	}
	pending, _ := state.pendingOf(required) // the next look tells whether one was set aside
	if len(pending) == 0 {
		return nil
	}
	return &PendingError{Database: a.plan.Database, Set: a.set.Name(), Updates: pending, Applied: a.done}
}

// checkRequiredUpdates refuses what could never be fulfilled.
func (r *reader) checkRequiredUpdates() {
	definition := &r.set.definition
	for i, required := range definition.RequiredUpdates {
		same := func(other RequiredUpdate) bool { return other.Name == required.Name }
		if required.Name == "" || slices.ContainsFunc(definition.RequiredUpdates[:i], same) {
			r.reject("", "the required update %q has no name, or stands there twice", required.Name)
		}
		if required.Version < 1 || required.Version > definition.Version {
			r.reject("", "the required update %q is needed from version %d on, which is not between 1 and the version %d",
				required.Name, required.Version, definition.Version)
		}
	}
}
