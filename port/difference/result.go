package difference

import "errors"

// Result is what differs. Rows are a multiset: of equal rows the surplus is counted, and it does not matter which of
// them is named.
type Result struct {
	// OnlySource and OnlyTarget are how many rows have no equal on the other side.
	OnlySource, OnlyTarget int64
	// SpilledBytes is how much of the rows went through temporary files.
	SpilledBytes int64

	places [sides]places
}

// EachSource calls visit with the places of the rows that only the source has, in ascending order, until it returns an
// error. It may be called again, but not by two goroutines at once.
func (r *Result) EachSource(visit func(at int64) error) error { return r.places[source].each(visit) }

// EachTarget does for the target what EachSource does for the source.
func (r *Result) EachTarget(visit func(at int64) error) error { return r.places[target].each(visit) }

// Close removes the temporary files. It may be called again.
func (r *Result) Close() error {
	return errors.Join(r.places[source].close(), r.places[target].close())
}
