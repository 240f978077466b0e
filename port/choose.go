package port

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/synapsedb/synapse/port/convert"
)

// way is how a table of the target becomes equal to the source's.
type way int

const (
	wayAnew    way = iota // emptied, then filled
	wayFill               // what an interrupted port did not get to is filled in
	wayCompare            // compared, and what differs is written
	wayReady              // an interrupted port of the same source had finished it
)

// choose decides for each table which way it goes, by what an earlier port left.
func (r *run) choose() error {
	identity, err := r.source.snapshot.Identity()
	if err != nil {
		return err
	}
	r.identity, r.attempt, r.seed = identity, randomNumber(), uint64(randomNumber())
	before := r.target.earlier
	if before == nil {
		return nil
	}
	r.seed = before.seed
	r.resumed = !r.anew && before.stage != stageComplete && before.identity == identity && before.policy == r.options.OnBadValue
	for _, table := range r.plan.tables {
		r.chooseFor(table, before)
	}
	return nil
}

func (r *run) chooseFor(table *tablePlan, before *earlier) {
	recorded, whole := before.tables[table.name]
	ranges := before.ranges[table.name]
	if whole {
		table.recorded = &recorded.sum
	}
	switch {
	case r.anew, table.target.Unlogged: // a crash of the server empties it
	case whole && r.resumed && recorded.state == stateReady:
		table.way = wayReady
	case whole && (r.resumed || before.setAside == 0):
		table.way = wayCompare
	case r.resumed && (table.rowid != "" || len(ranges) > 0):
		table.way, table.ranges = wayFill, ranges
	}
}

func (r *run) mode() Mode {
	switch {
	case r.resumed:
		return ModeResumed
	case r.comparesAny():
		return ModeUpdated
	}
	return ModeFresh
}

// settle decides, after the comparison, what cannot be done row by row.
func (r *run) settle() error {
	if r.options.OnBadValue == Repair && (r.found.hasClass(convert.ClassDuplicate) || r.found.hasClass(convert.ClassMissingParent)) {
		return r.startAnew() // which of the rows are in the target is not known
	}
	for _, table := range r.plan.tables {
		if table.rowid == "" && table.differs() {
			table.way = wayAnew
		}
	}
	return nil
}

// startAnew has all tables emptied and filled.
func (r *run) startAnew() error {
	r.resumed, r.report.Mode = false, ModeFresh
	var err error
	for _, table := range r.plan.tables {
		table.way, table.ranges = wayAnew, nil
		if table.changes != nil {
			err = errors.Join(err, table.changes.close())
			table.changes = nil
		}
	}
	return err
}

// nothingToDo is true of a complete target that is equal to the source already.
func (r *run) nothingToDo(ctx context.Context) (bool, error) {
	before := r.target.earlier
	if before == nil || before.stage != stageComplete || r.discards {
		return false, nil
	}
	for _, table := range r.plan.tables {
		if table.way != wayCompare || table.differs() {
			return false, nil
		}
	}
	return r.sequencesAhead(ctx)
}

// randomNumber returns a number that no other run has.
func randomNumber() int64 {
	var bytes [8]byte
	_, _ = rand.Read(bytes[:]) // never fails
	return int64(binary.BigEndian.Uint64(bytes[:]))
}

// missing returns the units of a table whose rows are not in yet, and how many rows are.
func missing(table *tablePlan) (left []unit, rows int64) {
	for _, in := range table.ranges {
		rows += in.sum.Rows
	}
	for _, part := range units(table) {
		left = append(left, part.without(table.ranges)...)
	}
	return left, rows
}

// without cuts ranges, which are in ascending order, out of a unit.
func (u unit) without(ranges []span) []unit {
	if u.whole {
		if len(ranges) > 0 {
			return nil
		}
		return []unit{u}
	}
	var left []unit
	low := u.low
	for _, in := range ranges {
		if in.last < low || in.first > u.high {
			continue
		}
		if in.first > low {
			left = append(left, unit{table: u.table, low: low, high: in.first - 1})
		}
		if in.last >= u.high {
			return left
		}
		low = in.last + 1
	}
	return append(left, unit{table: u.table, low: low, high: u.high})
}

// touched reports whether the port changes rows of the table of that name.
func (r *run) touched(name string) bool {
	if table := r.plan.table(name); table != nil {
		return table.touched()
	}
	return slices.Contains(r.plan.cleared, name) && r.target.filled[name] || r.target.earlier == nil
}

// touched reports whether rows of the table are taken away or written that are not only filled in.
func (t *tablePlan) touched() bool { return t.way == wayAnew || t.way == wayCompare && t.differs() }
