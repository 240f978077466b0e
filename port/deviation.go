package port

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/synapsedb/synapse/port/convert"
)

// Deviation is one value that does not go over as it stands, or one row that does not go over at all.
type Deviation struct {
	Table  string        `json:"table"`
	RowID  int64         `json:"rowid,omitempty"` // in SQLite
	Key    []KeyPart     `json:"key"`
	Column string        `json:"column,omitempty"`
	Class  convert.Class `json:"class"`
	Value  string        `json:"value,omitempty"`  // the beginning of the stored value, for people
	Action Action        `json:"action,omitempty"` // what the port did or, after a check, would do
	Detail string        `json:"detail,omitempty"`
}

// KeyPart is one column of a row's key.
type KeyPart struct {
	Column string `json:"column"`
	Value  string `json:"value"`
}

// Action is what becomes of a deviation.
type Action string

// The actions.
const (
	ActionConverted Action = "converted" // without loss
	ActionRepaired  Action = "repaired"  // U+FFFD in place of what cannot be kept
	ActionSetAside  Action = "set_aside" // the row is in the file of rows set aside
)

func actionFor(class convert.Class) Action {
	switch {
	case class == convert.ClassConverted:
		return ActionConverted
	case class.Repairable():
		return ActionRepaired
	default:
		return ActionSetAside
	}
}

// String names table, key and column, and what is the matter.
func (d Deviation) String() string {
	var text strings.Builder
	fmt.Fprintf(&text, "table %s", d.Table)
	for _, part := range d.Key {
		fmt.Fprintf(&text, " %s=%s", part.Column, part.Value)
	}
	if d.RowID != 0 {
		fmt.Fprintf(&text, " (rowid %d)", d.RowID)
	}
	if d.Column != "" {
		fmt.Fprintf(&text, ", column %s", d.Column)
	}
	fmt.Fprintf(&text, ": %s", d.Class.Description())
	if d.Value != "" {
		fmt.Fprintf(&text, ": %s", d.Value)
	}
	if d.Detail != "" {
		fmt.Fprintf(&text, " (%s)", d.Detail)
	}
	return text.String()
}

// mostDeviations bounds what a report keeps: memory must not grow with the data. All are counted.
const mostDeviations = 10_000

// deviations collects what is found, from several workers.
type deviations struct {
	mutex  sync.Mutex
	kept   []Deviation
	counts map[countKey]int64
}

type countKey struct {
	table, column string
	class         convert.Class
	action        Action
}

func newDeviations() *deviations { return &deviations{counts: map[countKey]int64{}} }

// full reports whether another deviation would only be counted.
func (d *deviations) full() bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	return len(d.kept) >= mostDeviations
}

func (d *deviations) add(deviation Deviation) {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	d.counts[countKey{deviation.Table, deviation.Column, deviation.Class, deviation.Action}]++
	if len(d.kept) < mostDeviations {
		d.kept = append(d.kept, deviation)
	}
}

// has reports whether there is any in a table.
func (d *deviations) has(table string) bool {
	d.mutex.Lock()
	defer d.mutex.Unlock()
	for key := range d.counts {
		if key.table == table {
			return true
		}
	}
	return false
}

func (d *deviations) hasClass(class convert.Class) bool {
	for key := range d.counts {
		if key.class == class {
			return true
		}
	}
	return false
}

// bad returns how many would stop a port that repairs nothing.
func (d *deviations) bad() int64 {
	var count int64
	for key, n := range d.counts {
		if key.class.Bad() {
			count += n
		}
	}
	return count
}

// sorted returns the kept ones by table, row and column; the bad ones first.
func (d *deviations) sorted() []Deviation {
	slices.SortStableFunc(d.kept, func(a, b Deviation) int {
		return cmp.Or(
			cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Table, b.Table), cmp.Compare(a.RowID, b.RowID),
			cmp.Compare(a.Column, b.Column), cmp.Compare(a.Class, b.Class))
	})
	return d.kept
}

func rank(d Deviation) int {
	if d.Class.Bad() {
		return 0
	}
	return 1
}

// first returns the first bad one.
func (d *deviations) first() Deviation { return d.sorted()[0] }
