package split

import (
	"sync"

	"github.com/synapsedb/synapse/port/checksum"
)

// tableSums are the checksums of one side.
type tableSums struct {
	mutex sync.Mutex
	sums  map[string]checksum.Sum
}

func (s *tableSums) add(table string, part checksum.Sum) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	sum := s.sums[table]
	sum.Merge(part)
	s.sums[table] = sum
}

// bothSums are those of both sides.
type bothSums struct{ source, target tableSums }

func newSums(tables []string) *bothSums {
	return &bothSums{
		source: tableSums{sums: make(map[string]checksum.Sum, len(tables))},
		target: tableSums{sums: make(map[string]checksum.Sum, len(tables))},
	}
}

// compare reports all tables, and fails when a table or a sequence is not as it should be.
func (r *run) compare(sums *bothSums, differences []string) error {
	for _, table := range r.state.names {
		if difference := r.report.add(table, sums.source.sums[table], sums.target.sums[table]); difference != "" {
			differences = append(differences, difference)
		}
	}
	if len(differences) > 0 {
		return &MismatchError{Differences: differences}
	}
	return nil
}
