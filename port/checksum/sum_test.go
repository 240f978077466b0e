package checksum_test

import (
	"slices"
	"testing"

	"github.com/synapsedb/synapse/port/checksum"
)

// The checksum of a table does not depend on the order of its rows, but on everything else.
func TestChecksumTellsRowsApart(t *testing.T) {
	t.Parallel()
	sum := func(rows ...string) (total checksum.Sum) {
		for _, row := range rows {
			total.AddRow([]byte(row))
		}
		return total
	}
	if one, two := sum("a", "b", "b"), sum("b", "a", "b"); one != two {
		t.Errorf("another order: %v and %v", one, two)
	}
	halves := sum("a")
	halves.Merge(sum("b", "c"))
	halves.Take(sum("c"))
	if halves != sum("a", "b") {
		t.Error("sums of parts do not add up")
	}
	var seen []checksum.Sum
	for _, rows := range [][]string{{}, {""}, {"a"}, {"a", "a"}, {"a", "b"}, {"a", "c"}, {"ab"}, {"b", "b"}, {"a", "a", "b", "b"}} {
		if total := sum(rows...); slices.Contains(seen, total) {
			t.Errorf("%q has the checksum of other rows", rows)
		} else {
			seen = append(seen, total)
		}
	}
}
