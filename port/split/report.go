package split

import (
	"errors"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/port/checksum"
)

// Result is how a split ended.
type Result string

// The results.
const (
	Done      Result = "ok"        // copied and proved equal
	Clean     Result = "clean"     // nothing hinders; nothing was written
	Refused   Result = "refused"   // something hinders
	Different Result = "different" // the copy differs from the source and cannot be used
	Failed    Result = "failed"    // stopped or failed on the way; the next split begins anew
)

// Report is what a split did.
type Report struct {
	Result  Result      `json:"result"`
	Engine  engine.Kind `json:"engine"`
	Source  string      `json:"source"` // in words
	Target  string      `json:"target"`
	Set     string      `json:"set"`
	Version int         `json:"version"` // of the schema
	// Leftover says that the target held what a split had left that was killed; it was emptied.
	Leftover  bool             `json:"leftover"`
	Tables    []TableReport    `json:"tables"`
	Rows      int64            `json:"rows"`
	Sequences []SequenceReport `json:"sequences"`
	Problems  []Problem        `json:"problems"`
	Seconds   float64          `json:"seconds"`
}

// TableReport is one table of state that was compared.
type TableReport = checksum.TableReport

// SequenceReport is a counter, and the next number that it gives.
type SequenceReport struct {
	Sequence string `json:"sequence"`
	Next     int64  `json:"next"`
}

func newReport(options Options) *Report {
	return &Report{
		Engine: options.Source.engine(), Source: options.Source.name(), Target: options.Target.name(),
		Set: options.Set.Name(), Version: options.Set.Version(),
		Tables: []TableReport{}, Sequences: []SequenceReport{}, Problems: []Problem{},
	}
}

func (d Database) name() string {
	if d.Postgres != nil {
		return d.Postgres.Describe()
	}
	return d.SQLitePath
}

func (r *Report) end(err error, check bool, took time.Duration) {
	refused, isRefused := errors.AsType[*RefusedError](err)
	_, differs := errors.AsType[*MismatchError](err)
	switch {
	case isRefused:
		r.Result, r.Problems = Refused, refused.Problems
	case differs:
		r.Result = Different
	case err != nil:
		r.Result = Failed
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
	return "table " + table + ": source " + source.Describe() + "; target " + target.Describe()
}
