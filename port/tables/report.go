package tables

import (
	"errors"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// Result is how a move ended.
type Result string

// The results.
const (
	ResultOK        Result = "ok"         // copied and proved equal
	ResultClean     Result = "clean"      // nothing hinders; nothing was written
	ResultRefused   Result = "refused"    // something hinders; nothing was written
	ResultBadValues Result = "bad_values" // values do not fit; nothing was written
	ResultFailed    Result = "failed"     // stopped on the way; the target is guarded, and the next move fills it anew
)

// Report is what a move did.
type Report struct {
	Result   Result    `json:"result"`
	Error    string    `json:"error,omitempty"`
	Problems []Problem `json:"problems,omitempty"`
	Set      string    `json:"set"`
	Version  int       `json:"schema_version"`
	Source   Side      `json:"source"`
	Target   Side      `json:"target"`
	// Leftover says that the target held what a move had left that did not end; it was emptied.
	Leftover  bool            `json:"leftover,omitempty"`
	Started   time.Time       `json:"started"`
	Seconds   float64         `json:"seconds"`
	Steps     []Step          `json:"steps"`
	Rows      int64           `json:"rows"`
	Bytes     int64           `json:"bytes"`
	Tables    []TableReport   `json:"tables"`
	Counters  []CounterReport `json:"counters,omitempty"`
	Values    []ValueCount    `json:"values,omitempty"`
	BadValues []BadValue      `json:"bad_values,omitempty"`
	Warnings  []string        `json:"warnings,omitempty"`
}

// Side is one of the two databases.
type Side struct {
	Database string      `json:"database"` // in words
	Engine   engine.Kind `json:"engine"`
	InUse    []string    `json:"in_use,omitempty"` // others that are connected, in words
}

// Step is a finished phase.
type Step struct {
	Phase   Phase   `json:"phase"`
	Seconds float64 `json:"seconds"`
}

// TableReport is one table. Bytes are those of its values in the form in which both sides are compared.
type TableReport struct {
	Table          string  `json:"table"`
	Rows           int64   `json:"rows"`
	Bytes          int64   `json:"bytes"`
	Seconds        float64 `json:"seconds"` // that its copy took
	SourceChecksum string  `json:"source_checksum,omitempty"`
	TargetChecksum string  `json:"target_checksum,omitempty"`
}

// CounterReport is a column whose numbers the target goes on with.
type CounterReport struct {
	Table  string `json:"table"`
	Column string `json:"column"`
	Last   int64  `json:"last"` // number handed out
}

// ValueCount counts what is the matter with the values of a column.
type ValueCount struct {
	Table  string `json:"table"`
	Column string `json:"column,omitempty"`
	Class  Class  `json:"class"`
	Count  int64  `json:"count"`
}

// BadValue is a value that does not fit.
type BadValue struct {
	Table  string     `json:"table"`
	Key    []KeyValue `json:"key"`
	Column string     `json:"column,omitempty"`
	Class  Class      `json:"class"`
	Value  string     `json:"value"` // its beginning, for people
	Detail string     `json:"detail,omitempty"`
}

// KeyValue is a column of a row's key with its value, for people.
type KeyValue struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// end says how the move ended.
func (r *Report) end(err error, check bool) {
	refused, isRefused := errors.AsType[*RefusedError](err)
	_, bad := errors.AsType[*BadValuesError](err)
	switch {
	case isRefused:
		r.Result, r.Problems = ResultRefused, refused.Problems
	case bad:
		r.Result = ResultBadValues
	case err != nil:
		r.Result = ResultFailed
	case check:
		r.Result = ResultClean
	default:
		r.Result = ResultOK
	}
	if err != nil {
		r.Error = err.Error()
	}
	r.Seconds = time.Since(r.Started).Seconds()
}
