package sequences

import (
	"context"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

// The findings.
const (
	BehindPosition  = "sequence_behind_position"
	BehindTable     = "sequence_behind_table"
	Missing         = "sequence_missing"
	Exhausted       = "sequence_exhausted"
	Unknown         = "sequence_unknown"
	PositionUnknown = "position_unknown"
)

// FixID is that of the fix.
const FixID = "sequences"

// Checks are the checks of this package.
func Checks() []finding.Check {
	return []finding.Check{{
		Name: "sequences", Engines: []engine.Kind{engine.Postgres},
		Reads: "each sequence, the greatest id of every table behind it, and stream_positions", Run: check,
	}}
}

// Fixes are what this package can mend.
func Fixes() []finding.Fix {
	return []finding.Fix{{ID: FixID, Plan: plan, Apply: apply}}
}

func check(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	all, err := readAll(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	var found []finding.Finding
	for _, c := range all.counters {
		switch {
		case c.exhausted():
			found = append(found, c.exhaustedFinding())
		case c.behind():
			found = append(found, c.behindFinding())
		}
	}
	missing, err := all.missing(ctx, subject)
	if err != nil {
		return nil, err
	}
	found = append(found, missing...)
	found = append(found, all.unknownFinding()...)
	positions, err := all.unknownPositions(ctx, subject.Session)
	return append(found, positions...), err
}
