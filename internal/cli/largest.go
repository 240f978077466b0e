package cli

import (
	"cmp"
	"slices"

	"github.com/synapsedb/synapse/port"
)

// largest returns the tables with the most rows, in that order.
func largest(tables []port.TableReport, most int) []port.TableReport {
	sorted := slices.SortedStableFunc(slices.Values(tables), func(a, b port.TableReport) int { return cmp.Compare(b.Rows, a.Rows) })
	return sorted[:min(len(sorted), most)]
}
