package finding

import "cmp"

// Severity says how bad a finding is.
type Severity string

// The severities, the worst first.
const (
	Error   Severity = "error"   // the homeserver does not start, loses data, or will
	Warning Severity = "warning" // it runs, and it will hurt one day
	Info    Severity = "info"    // worth knowing
)

// Compare orders the worst first.
func (s Severity) Compare(other Severity) int {
	order := map[Severity]int{Error: 0, Warning: 1, Info: 2}
	return cmp.Compare(order[s], order[other])
}

// Finding is something that an operator should know of a database.
type Finding struct {
	// ID names the kind of finding, such as "sequence_behind". docs/check.md describes each.
	ID       string   `json:"id"`
	Severity Severity `json:"severity"`
	// Database is the label of the physical database in the configuration; empty for what belongs to none.
	Database string `json:"database,omitempty"`
	// What is wrong, in one sentence.
	What string `json:"what"`
	// Meaning is what that means for a homeserver.
	Meaning string `json:"meaning"`
	// Evidence is what was seen: names, rows, values; no secrets. At most MostEvidence, and then how many more.
	Evidence []string `json:"evidence,omitempty"`
	Remedy   Remedy   `json:"remedy"`
}

// Remedy says what to do about a finding.
type Remedy struct {
	// Text says it in words.
	Text string `json:"text"`
	// Commands are to be run as they stand, in this order: SQL for psql or sqlite3, or a shell's.
	Commands []string `json:"commands,omitempty"`
	// Fix is what to give to `synapse check --fix` to have it done; empty when nothing does it.
	Fix string `json:"fix,omitempty"`
}

// MostEvidence is how many pieces of evidence a finding lists.
const MostEvidence = 10
