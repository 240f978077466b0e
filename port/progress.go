package port

import (
	"sync"
	"sync/atomic"
	"time"
)

// Phase is a part of a port's work.
type Phase string

// The phases, in their order.
const (
	PhasePreflight Phase = "preflight"
	PhaseScan      Phase = "scan"
	PhaseCopy      Phase = "copy" // with indexes and foreign keys, which begin while other tables are copied
	PhaseSequences Phase = "sequences"
	PhaseVerify    Phase = "verify"
	PhaseFinish    Phase = "finish"
)

// Progress says how far a port is. A caller that wants to show it reads Snapshot as often as it likes.
type Progress struct {
	mutex  sync.Mutex
	phase  Phase
	since  time.Time
	tables map[string]*TableProgress
	order  []string
	steps  []Step
}

// Step is a finished phase.
type Step struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// TableProgress counts the rows of one table in the present phase.
type TableProgress struct {
	done    atomic.Int64
	bytes   atomic.Int64
	total   atomic.Int64
	started atomic.Int64 // Unix ns of the first row, 0 before
	ended   atomic.Int64 // Unix ns
	note    atomic.Value // string: what happens besides rows, such as "index events_ts"
}

// TableState is a table's progress at one moment.
type TableState struct {
	Name    string
	Done    int64 // rows
	Total   int64 // rows; an upper bound in the phase of the scan
	Bytes   int64 // of the rows that are done, in PostgreSQL's binary form
	Elapsed time.Duration
	Ended   bool
	Note    string
}

// State is a port's progress at one moment.
type State struct {
	Phase   Phase
	Elapsed time.Duration // of the phase
	Done    int64         // rows
	Total   int64         // rows
	Bytes   int64         // of the rows that were read, copied or compared in this run, in PostgreSQL's binary form
	Tables  []TableState
}

// NewProgress returns the progress of a port that has not begun.
func NewProgress() *Progress {
	return &Progress{since: time.Now(), tables: map[string]*TableProgress{}}
}

// Snapshot returns how far the port is now.
func (p *Progress) Snapshot() State {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	state := State{Phase: p.phase, Elapsed: time.Since(p.since)}
	for _, name := range p.order {
		table := p.tables[name].state(name)
		state.Done += table.Done
		state.Total += table.Total
		state.Bytes += table.Bytes
		state.Tables = append(state.Tables, table)
	}
	return state
}

// Steps returns the phases that are over, with the time that each took.
func (p *Progress) Steps() []Step {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return append([]Step(nil), p.steps...)
}

// enter begins a phase and forgets the tables of the one before. In the phase that lasts already nothing is forgotten: two targets
// go through it one after the other.
func (p *Progress) enter(phase Phase) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if phase == p.phase {
		return
	}
	if p.phase != "" {
		p.steps = append(p.steps, Step{Phase: p.phase, Seconds: time.Since(p.since).Seconds()})
	}
	p.phase, p.since = phase, time.Now()
	p.tables, p.order = map[string]*TableProgress{}, nil
}

// table announces a table with the rows that are expected of it. One that was announced before begins again.
func (p *Progress) table(name string, total int64) *TableProgress {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	table := &TableProgress{}
	table.total.Store(total)
	if p.tables[name] == nil {
		p.order = append(p.order, name)
	}
	p.tables[name] = table
	return table
}

func (t *TableProgress) add(rows int64) {
	t.started.CompareAndSwap(0, time.Now().UnixNano())
	t.done.Add(rows)
}

// carry counts the bytes of rows, be it before or after the rows themselves.
func (t *TableProgress) carry(bytes int) { t.bytes.Add(int64(bytes)) }

func (t *TableProgress) say(note string) { t.note.Store(note) }

func (t *TableProgress) end() {
	t.total.Store(t.done.Load())
	t.note.Store("")
	t.ended.Store(time.Now().UnixNano())
}

func (t *TableProgress) state(name string) TableState {
	state := TableState{Name: name, Done: t.done.Load(), Total: t.total.Load(), Bytes: t.bytes.Load(), Ended: t.ended.Load() != 0}
	state.Note, _ = t.note.Load().(string)
	if started := t.started.Load(); started != 0 {
		until := time.Now().UnixNano()
		if state.Ended {
			until = t.ended.Load()
		}
		state.Elapsed = time.Duration(until - started)
	}
	return state
}
