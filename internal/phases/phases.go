package phases

import "sync"

// State is how far a phase is. Total is 0 where that is not known; what is counted is the job's to say.
type State[Phase any] struct {
	Phase       Phase
	Done, Total int64
}

// Meter counts. Show, which may be nil, is called from several goroutines, one at a time.
type Meter[Phase any] struct {
	Show  func(State[Phase])
	mutex sync.Mutex
	now   State[Phase]
}

// Enter begins a phase.
func (m *Meter[Phase]) Enter(phase Phase, total int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now = State[Phase]{Phase: phase, Total: total}
	m.tell()
}

// Add says that more of the present phase is done.
func (m *Meter[Phase]) Add(done int64) {
	m.mutex.Lock()
	defer m.mutex.Unlock()
	m.now.Done += done
	m.tell()
}

// tell is called with the mutex held.
func (m *Meter[Phase]) tell() {
	if m.Show != nil {
		m.Show(m.now)
	}
}
