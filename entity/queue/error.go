package queue

import (
	"fmt"
	"strings"
)

// RejectedError says that the database refused a value for what it is, that it is set aside, and that no newer value of the key is durable.
type RejectedError struct {
	Key string
	// Others is how many more keys it is so of; 0 from Wait.
	Others int
	Err    error // of the write
}

// Error names the key and what to do.
func (e *RejectedError) Error() string {
	others := ""
	if e.Others > 0 {
		others = fmt.Sprintf(" and %d more", e.Others)
	}
	return fmt.Sprintf("the database refuses the value of %q%s, and it is not stored; give the key another value: %v", e.Key, others, e.Err)
}

// Unwrap gives the error of the write.
func (e *RejectedError) Unwrap() error { return e.Err }

// ClosedError says that a value was put after Close, or was not written before Close gave up.
type ClosedError struct {
	Err error // why the last write failed; nil when it did not
}

// Error says whether writes failed.
func (e *ClosedError) Error() string {
	if e.Err == nil {
		return "the value is not stored: it came after the queue was closed, or was not written before Close gave up"
	}
	return fmt.Sprintf("the value is not stored: the queue was closed while writes failed: %v", e.Err)
}

// Unwrap gives the error of the last write.
func (e *ClosedError) Unwrap() error { return e.Err }

// UnwrittenError says what Close could not write.
type UnwrittenError struct {
	// Keys are those whose last value is not known to be durable, those that have waited longest first.
	Keys []string
	// Writing tells that Write has not returned although its context ended, so that it may still be at work.
	Writing bool
	Err     error // why Close gave up, and why the last write failed
}

// Error names some of the keys.
func (e *UnwrittenError) Error() string {
	const most = 5
	names := make([]string, 0, most+1)
	for _, key := range e.Keys[:min(most, len(e.Keys))] {
		names = append(names, fmt.Sprintf("%q", key))
	}
	if len(e.Keys) > most {
		names = append(names, fmt.Sprintf("%d more", len(e.Keys)-most))
	}
	writing := ""
	if e.Writing {
		writing = "; a write goes on although it was told to end"
	}
	return fmt.Sprintf("the last %s not written (%s)%s: %v", valuesAre(len(e.Keys)), strings.Join(names, ", "), writing, e.Err)
}

// Unwrap gives why.
func (e *UnwrittenError) Unwrap() error { return e.Err }
