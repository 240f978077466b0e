package tables

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/port/checksum"
)

// verify reads both sides again and compares all tables.
func (m *move) verify(ctx context.Context, target engine.Session) error {
	var differences []string
	m.report.Rows, m.report.Bytes = 0, 0
	for i, table := range m.pairs {
		source, err := m.source.sum(ctx, m.source.session, table, ofSource, m.meter.Add)
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		copied, err := m.target.sum(ctx, target, table, ofTarget, m.meter.Add)
		if err != nil {
			return fmt.Errorf("compare: %w", err)
		}
		reported := &m.report.Tables[i]
		both := checksum.Report(table.name, source.Sum, copied.Sum)
		reported.Rows, reported.Bytes = both.Rows, copied.bytes
		reported.SourceChecksum, reported.TargetChecksum = both.SourceChecksum, both.TargetChecksum
		m.report.Rows, m.report.Bytes = m.report.Rows+both.Rows, m.report.Bytes+copied.bytes
		if source.Sum != copied.Sum {
			differences = append(differences, fmt.Sprintf("table %s: source %s; target %s", table.name, source.Describe(), copied.Describe()))
		}
	}
	if len(differences) > 0 {
		return &MismatchError{Differences: differences}
	}
	return m.unchanged()
}
