package back

import (
	"errors"
	"time"

	"github.com/synapsedb/synapse/engine"
)

// Report says what was done. Its JSON form is described in docs/port-back.md.
type Report struct {
	Result    Result           `json:"result"`
	Error     string           `json:"error,omitempty"`
	Problems  engine.Problems  `json:"problems,omitempty"` // why it was refused
	Sources   []SourceReport   `json:"sources"`
	Target    TargetReport     `json:"target"`
	Started   time.Time        `json:"started"`
	Seconds   float64          `json:"seconds"`
	Steps     []Step           `json:"steps"`
	Rows      int64            `json:"rows"`
	Tables    []TableReport    `json:"tables,omitempty"`
	Left      []LeftTable      `json:"left,omitempty"` // tables that are not copied
	Sequences []SequenceReport `json:"sequences,omitempty"`
	Enqueued  []string         `json:"enqueued,omitempty"` // background updates for the homeserver
	Warnings  []string         `json:"warnings,omitempty"`

	begun time.Time
}

// Result is how a run ended.
type Result string

// The results.
const (
	ResultOK      Result = "ok"      // made, and verified unless that was left out
	ResultClean   Result = "clean"   // a check found nothing that hinders
	ResultRefused Result = "refused" // nothing was written
	ResultFailed  Result = "failed"  // stopped on the way; nothing is left of it
)

// SourceReport describes a source.
type SourceReport struct {
	Label         string   `json:"label,omitempty"`
	Database      string   `json:"database"` // host, port, user and name
	ServerVersion string   `json:"server_version,omitempty"`
	Schema        string   `json:"schema,omitempty"` // the PostgreSQL schema
	Logical       []string `json:"logical"`
}

// TargetReport describes the file.
type TargetReport struct {
	Path          string `json:"path"`
	Bytes         int64  `json:"bytes,omitempty"`
	Set           string `json:"set"`            // "upstream", or the name of another schema set
	SchemaVersion int    `json:"schema_version"` // of both sides
}

// TableReport is what became of one table.
type TableReport struct {
	Table          string `json:"table"`
	Rows           int64  `json:"rows"`
	SourceChecksum string `json:"source_checksum,omitempty"`
	TargetChecksum string `json:"target_checksum,omitempty"`
}

// LeftTable is a table that is not copied.
type LeftTable struct {
	Table  string `json:"table"`
	Reason string `json:"reason"`
}

// SequenceReport says where an AUTOINCREMENT table goes on.
type SequenceReport struct {
	Table string `json:"table"`
	Last  int64  `json:"last"` // the last number that was handed out
}

func newReport(options Options) *Report {
	begun := time.Now()
	report := &Report{
		Started: begun.UTC(), begun: begun,
		Target: TargetReport{Path: options.Destination, Set: options.Set.Name(), SchemaVersion: options.Set.Version()},
	}
	for _, source := range options.Sources {
		report.Sources = append(report.Sources, SourceReport{Label: source.Label, Database: source.Config.Describe(), Logical: source.Logical})
	}
	return report
}

func (r *Report) warn(text string) { r.Warnings = append(r.Warnings, text) }

// complete fills in the rest when the run is over.
func (r *Report) complete(options Options, err error) {
	options.Progress.enter("", 0)
	r.Steps = options.Progress.Steps()
	r.Seconds = time.Since(r.begun).Seconds()
	r.Result = ResultOK
	if options.Check {
		r.Result = ResultClean
	}
	if err == nil {
		return
	}
	r.Error, r.Result = err.Error(), ResultRefused
	if refused, is := errors.AsType[*RefusedError](err); is {
		r.Problems = refused.Problems
	}
	if _, begun := errors.AsType[*UnmadeError](err); begun {
		r.Result = ResultFailed
	}
}
