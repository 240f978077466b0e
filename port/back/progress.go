package back

import (
	"sync"
	"time"
)

// Phase is a part of the work.
type Phase string

// The phases, in their order.
const (
	PhasePreflight Phase = "preflight"
	PhasePrepare   Phase = "prepare" // the tables of the new file
	PhaseCopy      Phase = "copy"
	PhaseIndexes   Phase = "indexes"
	PhaseExamine   Phase = "examine" // integrity_check and foreign_key_check
	PhaseVerify    Phase = "verify"
	PhaseFinish    Phase = "finish" // to the disk, and the name
)

// Progress says how far the work is. A caller that wants to show it reads Snapshot as often as it likes.
type Progress struct {
	mutex sync.Mutex
	state State
	since time.Time
	steps []Step
}

// Step is a finished phase.
type Step struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// State is the progress at one moment.
type State struct {
	Phase   Phase
	Elapsed time.Duration // of the phase
	Table   string        // or index, that is worked on
	Done    int64         // rows, in the phases that count them
	Total   int64         // rows, as the server estimates them
}

// NewProgress returns the progress of work that has not begun.
func NewProgress() *Progress { return &Progress{since: time.Now()} }

// Snapshot returns how far the work is now.
func (p *Progress) Snapshot() State {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	state := p.state
	state.Elapsed = time.Since(p.since)
	return state
}

// Steps returns the phases that are over, with the time that each took.
func (p *Progress) Steps() []Step {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]Step(nil), p.steps...)
}

// enter begins a phase; "" only ends the one before.
func (p *Progress) enter(phase Phase, total int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if p.state.Phase != "" {
		p.steps = append(p.steps, Step{Phase: p.state.Phase, Seconds: time.Since(p.since).Seconds()})
	}
	p.state, p.since = State{Phase: phase, Total: total}, time.Now()
}

func (p *Progress) at(table string) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.state.Table = table
}

func (p *Progress) add(rows int64) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	p.state.Done += rows
}
