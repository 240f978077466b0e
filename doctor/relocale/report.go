package relocale

import (
	"errors"
	"time"

	"github.com/synapsedb/synapse/internal/phases"
	"github.com/synapsedb/synapse/port/checksum"
)

// Result is how it ended.
type Result string

// The results.
const (
	Done      Result = "ok"        // moved and proved equal
	Clean     Result = "clean"     // nothing hinders; nothing was written
	Refused   Result = "refused"   // something hinders; nothing was written
	Declined  Result = "declined"  // it was not agreed to; nothing was written
	Different Result = "different" // the new database was not equal, and was removed
	Failed    Result = "failed"    // stopped or failed on the way; it was put back, unless the error says otherwise
	Undone    Result = "undone"    // the old database accepts connections again
	Nothing   Result = "nothing"   // there was nothing to undo
)

// Report is what was done.
type Report struct {
	Result Result `json:"result"`
	Source string `json:"source"` // the name of the old database
	Target string `json:"target"` // of the new one
	Owner  string `json:"owner"`
	Locale Locale `json:"locale"` // of the old database
	Bytes  int64  `json:"bytes"`  // that it takes
	// Leftover says that what a killed run had left was removed first.
	Leftover  bool          `json:"leftover"`
	Tables    []TableReport `json:"tables"`
	Rows      int64         `json:"rows"`
	Sequences int           `json:"sequences"`
	// Definitions is how many lines of SQL describe all that is no row, the same on both sides.
	Definitions int       `json:"definitions"`
	Problems    []Problem `json:"problems"`
	// Removed are unfinished databases that Undo has dropped.
	Removed []string `json:"removed,omitempty"`
	// GoBack are the statements that lead back to the old database, Drop the one that gives it up.
	GoBack []string `json:"go_back,omitempty"`
	Drop   string   `json:"drop,omitempty"`
	// InPlace is the other remedy, which changes the old database itself.
	InPlace *InPlace `json:"in_place,omitempty"`
	Seconds float64  `json:"seconds"`
}

// Locale is a database's.
type Locale struct {
	Collate  string `json:"collate"`
	CType    string `json:"ctype"`
	Provider string `json:"provider"`
	// Of is the provider's own locale; empty for libc.
	Of string `json:"of,omitempty"`
}

// TableReport is one table that was compared.
type TableReport = checksum.TableReport

func newReport(options Options) *Report {
	return &Report{Source: options.Database.Database(), Target: options.To, Tables: []TableReport{}, Problems: []Problem{}}
}

func (r *Report) describe(source *database) {
	r.Owner, r.Bytes, r.Locale = source.owner, source.bytes, source.locale
	r.InPlace = inPlace(source)
}

func (r *Report) end(err error, check bool, took time.Duration) {
	refused, isRefused := errors.AsType[*RefusedError](err)
	_, differs := errors.AsType[*MismatchError](err)
	switch {
	case isRefused:
		r.Result, r.Problems = Refused, refused.Problems
	case differs:
		r.Result = Different
	case errors.Is(err, ErrDeclined):
		r.Result = Declined
	case err != nil:
		r.Result = Failed
	case r.Result != "":
	case check:
		r.Result = Clean
	default:
		r.Result = Done
	}
	r.Seconds = took.Seconds()
}

// add takes down a table that was compared.
func (r *Report) add(table string, source, target checksum.Sum) (difference string) {
	r.Tables = append(r.Tables, checksum.Report(table, source, target))
	r.Rows += target.Rows
	if source == target {
		return ""
	}
	return "table " + table + ": the old one has " + source.Describe() + "; the new one " + target.Describe()
}

// Phase is a part of the work.
type Phase string

// The phases, in order.
const (
	PhaseCheck   Phase = "check"
	PhaseDump    Phase = "dump"
	PhaseRestore Phase = "restore"
	PhaseAnalyze Phase = "analyze"
	PhaseVerify  Phase = "verify"
	PhaseFinish  Phase = "finish"
)

// Progress is how far a phase is. Done and Total are bytes.
type Progress = phases.State[Phase]
