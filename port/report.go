package port

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/synapsedb/synapse/port/checksum"
	"github.com/synapsedb/synapse/port/convert"
)

// Report says what a port did. Its JSON form is described in docs/port.md.
type Report struct {
	Result    Result           `json:"result"`
	Mode      Mode             `json:"mode,omitempty"`
	Error     string           `json:"error,omitempty"`
	Problems  []Problem        `json:"problems,omitempty"` // why it was refused
	Source    SourceReport     `json:"source"`
	Target    TargetReport     `json:"target"`
	Started   time.Time        `json:"started"`
	Seconds   float64          `json:"seconds"`
	Steps     []Step           `json:"steps"`
	Rows      int64            `json:"rows"`
	Tables    []TableReport    `json:"tables,omitempty"`
	Left      []LeftTable      `json:"left,omitempty"` // tables that are not copied
	Search    *SearchReport    `json:"search,omitempty"`
	Sequences []SequenceReport `json:"sequences,omitempty"`
	Enqueued  []string         `json:"enqueued,omitempty"` // background updates for the homeserver
	Values    []ValueCount     `json:"values,omitempty"`   // all values that do not go over as they stand, counted
	BadValues []Deviation      `json:"bad_values,omitempty"`
	AsideFile string           `json:"set_aside_file,omitempty"`
	AsideRows int64            `json:"set_aside_lines,omitempty"`
	Warnings  []string         `json:"warnings,omitempty"`

	PeakMemory int64 `json:"peak_memory_bytes,omitempty"` // of this process so far (VmHWM), where the system tells

	// State is about the database of state, when that is another one than main's. What is about the whole port (result, error,
	// problems, peak memory) stands above; State.Result differs from the whole's only where state alone was complete.
	State *Report `json:"state,omitempty"`

	begun time.Time
	mutex sync.Mutex
}

// Result is how a run ended.
type Result string

// The results.
const (
	ResultOK        Result = "ok"         // ported, and verified unless that was left out
	ResultClean     Result = "clean"      // a check found nothing that hinders
	ResultRefused   Result = "refused"    // nothing was written
	ResultBadValues Result = "bad_values" // values do not convert
	ResultFailed    Result = "failed"     // stopped on the way; the target is locked against use
)

// Mode says what a port found in the target, and therefore did.
type Mode string

// The modes.
const (
	ModeFresh   Mode = "fresh"   // all tables were filled
	ModeResumed Mode = "resumed" // an interrupted port of the same state of the source was taken up
	ModeUpdated Mode = "updated" // the target was made equal to a newer state of the source
)

// SourceReport describes the source.
type SourceReport struct {
	Path          string `json:"path"`
	Bytes         int64  `json:"bytes"`
	Schema        string `json:"schema,omitempty"` // "upstream", or the name of another schema set
	SchemaVersion int64  `json:"schema_version,omitempty"`
	JournalMode   string `json:"journal_mode,omitempty"`
	InUse         bool   `json:"in_use"` // another process had it open
}

// TargetReport describes the target.
type TargetReport struct {
	Database      string `json:"database"` // host, port, user and name
	ServerVersion string `json:"server_version,omitempty"`
	Schema        string `json:"schema,omitempty"`   // the PostgreSQL schema
	Prepared      bool   `json:"prepared,omitempty"` // the port created the tables
}

// TableReport is what became of one table.
type TableReport struct {
	Table          string `json:"table"`
	Rows           int64  `json:"rows"`               // in the target
	Inserted       int64  `json:"inserted,omitempty"` // into a target that had been filled before
	Deleted        int64  `json:"deleted,omitempty"`  // of such a target; a row that changed counts as one of each
	SetAside       int64  `json:"set_aside,omitempty"`
	Repaired       int64  `json:"repaired,omitempty"`  // values
	Converted      int64  `json:"converted,omitempty"` // values
	SourceChecksum string `json:"source_checksum,omitempty"`
	TargetChecksum string `json:"target_checksum,omitempty"`
}

// SearchReport says which rows of the search index were dropped.
type SearchReport struct {
	Orphans    int64 `json:"orphans"`    // their event is gone
	Duplicates int64 `json:"duplicates"` // second rows of an event
}

// ValueCount counts deviations of one kind.
type ValueCount struct {
	Table  string        `json:"table"`
	Column string        `json:"column,omitempty"`
	Class  convert.Class `json:"class"`
	Action Action        `json:"action"`
	Count  int64         `json:"count"`
}

func newReport(options Options) *Report {
	begun := time.Now()
	report := &Report{Started: begun.UTC(), begun: begun, Source: SourceReport{Path: options.Source}}
	if options.Target != nil {
		report.Target.Database = options.Target.Describe()
	}
	return report
}

// describe notes what the preflight found out.
func (r *Report) describe(run *run) {
	info := run.source.snapshot.Info()
	r.Source.Bytes, r.Source.JournalMode, r.Source.InUse = info.Size, info.JournalMode, info.InUse
	r.Source.Schema, r.Source.SchemaVersion = string(run.source.set), run.source.version
	r.Target.ServerVersion, r.Target.Schema = run.target.server.Version, run.target.schema.Name
	r.Left = run.plan.left
	r.Mode = run.mode()
	if info.InUse {
		r.warn("another process has the source open: what it writes from now on is not ported; " +
			"before the homeserver starts on PostgreSQL it must be stopped and the port run once more")
	}
}

func (r *Report) warn(text string) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.Warnings = append(r.Warnings, text)
}

// noteClose keeps an error of closing a file, which must not hide the run's own.
func (r *Report) noteClose(err error) {
	if err != nil {
		r.warn(fmt.Sprintf("close: %v", err))
	}
}

// verified notes both checksums of a table.
func (r *Report) verified(table *tablePlan, source, target checksum.Sum) {
	r.Tables = append(r.Tables, TableReport{
		Table: table.name, Rows: target.Rows, SourceChecksum: source.String(), TargetChecksum: target.String(),
	})
}

// complete fills in the rest when the port is over. began says that any target was written to.
func (r *Report) complete(run *run, err error, began bool) {
	run.options.Progress.enter("")
	r.Steps = run.options.Progress.Steps()
	r.Seconds = time.Since(r.begun).Seconds()
	r.Result = resultOf(run, err, began)
	if run.part != partState {
		r.PeakMemory = peakMemory()
		r.problems(err)
	}
	r.values(run)
	r.countTables(run)
	if run.aside != nil && run.aside.named {
		r.AsideFile, r.AsideRows = run.aside.path, run.aside.lines
	}
}

func (r *Report) values(run *run) {
	r.BadValues = run.found.sorted()
	for key, count := range run.found.counts {
		r.Values = append(r.Values, ValueCount{key.table, key.column, key.class, key.action, count})
	}
	slices.SortFunc(r.Values, func(a, b ValueCount) int {
		return cmp.Or(cmp.Compare(a.Table, b.Table), cmp.Compare(a.Column, b.Column), cmp.Compare(a.Class, b.Class),
			cmp.Compare(a.Action, b.Action))
	})
}

// countTables fills in rows and deviations of each table.
func (r *Report) countTables(run *run) {
	if run.plan == nil {
		return
	}
	if r.Tables == nil {
		for _, table := range run.plan.tables {
			r.Tables = append(r.Tables, TableReport{Table: table.name, Rows: table.rows})
		}
	}
	for i := range r.Tables {
		table := &r.Tables[i]
		if changes := run.plan.table(table.Table).changes; changes != nil && run.plan.table(table.Table).way == wayCompare {
			table.Inserted, table.Deleted = changes.inserted(), changes.deleted()
		}
		r.Rows += table.Rows
		for _, value := range r.Values {
			if value.Table == table.Table {
				table.count(value)
			}
		}
	}
	for _, table := range run.plan.tables {
		if table.search != nil {
			r.Search = &SearchReport{Orphans: table.search.orphans, Duplicates: int64(len(table.search.duplicates))}
		}
	}
}

func (t *TableReport) count(value ValueCount) {
	switch value.Action {
	case ActionSetAside:
		t.SetAside += value.Count
	case ActionRepaired:
		t.Repaired += value.Count
	case ActionConverted:
		t.Converted += value.Count
	}
}
