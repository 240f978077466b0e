package backup

import (
	"sync"
	"time"
)

// Phase is what a job is at.
type Phase string

// The phases.
const (
	PhaseCheck    Phase = "check"    // for what hinders
	PhaseDatabase Phase = "database" // dump or restore it
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

// meter tells the progress. Its methods may be called from several goroutines; show is called by one at a time.
type meter struct {
	mutex sync.Mutex
	show  func(Progress)
	now   Progress
	begun time.Time
}

func (m *meter) enter(phase Phase, what string, total int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now, m.begun = Progress{Phase: phase, What: what, Total: total}, time.Now()
	m.tell()
}

// add counts bytes that are done.
func (m *meter) add(bytes int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now.Done += bytes
	m.tell()
}

// set says how many bytes are done.
func (m *meter) set(done, total int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now.Done, m.now.Total = done, total
	m.tell()
}

func (m *meter) tell() {
	if m.show != nil {
		m.now.Elapsed = time.Since(m.begun)
		m.show(m.now)
	}
}
