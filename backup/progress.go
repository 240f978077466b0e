package backup

import (
	"time"

	"github.com/synapsedb/synapse/internal/phases"
)

// Phase is what a job is at.
type Phase string

// The phases.
const (
	PhaseCheck    Phase = "check"    // for what hinders
	PhaseDatabase Phase = "database" // dump or restore it
	PhaseStore    Phase = "store"    // a dump, into packs or a stream
	PhaseFetch    Phase = "fetch"    // a backup, from packs
	PhaseMedia    Phase = "media"
	PhaseFiles    Phase = "files" // configuration and keys
	PhaseProof    Phase = "proof" // by checksums and counts
	PhaseFinish   Phase = "finish"
)

// Progress is how far a job is.
type Progress struct {
	Phase Phase
	// What is worked on: the label of a database, or empty.
	What string
	// Done and Total are bytes; Total is 0 where it is not known.
	Done, Total int64
	// Elapsed is since the phase began.
	Elapsed time.Duration
}

// step is a phase of the work on something.
type step struct {
	phase Phase
	what  string
	begun time.Time
}

// at is a step that begins.
func at(phase Phase, what string) step { return step{phase: phase, what: what, begun: time.Now()} }

func newMeter(show func(Progress)) *phases.Meter[step] {
	if show == nil {
		return &phases.Meter[step]{}
	}
	return &phases.Meter[step]{Show: func(now phases.State[step]) {
		show(Progress{Phase: now.Phase.phase, What: now.Phase.what, Done: now.Done, Total: now.Total, Elapsed: time.Since(now.Phase.begun)})
	}}
}
