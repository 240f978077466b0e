package data

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
)

// The order of reading matters beside a homeserver that works: a state group is written before what points to it, so groups are read
// last, and none is taken for missing that was just made.
const (
	usedGroupsQuery   = `SELECT DISTINCT state_group FROM event_to_state_groups ORDER BY state_group`
	predecessorsQuery = `SELECT DISTINCT prev_state_group FROM state_group_edges ORDER BY prev_state_group`
	groupsQuery       = `SELECT id FROM state_groups ORDER BY id`
	groupSizesQuery   = `SELECT state_group, count(*) FROM state_groups_state GROUP BY state_group ORDER BY state_group`
	eventsOfQuery     = `SELECT count(*), coalesce(min(event_id), '') FROM event_to_state_groups WHERE state_group = ?`
	successorsQuery   = `SELECT count(*), coalesce(min(state_group), 0) FROM state_group_edges WHERE prev_state_group = ?`
)

// groups are the state groups of a homeserver, whose tables may be in two databases.
type groups struct {
	state, events engine.Querier // events is nil when that database cannot be reached
	there         *numbers
	used          *numbers // by events; nil without events
	predecessors  *numbers
}

// checkGroups is made on the database that holds state.
func checkGroups(ctx context.Context, subject *finding.Subject) (found []finding.Finding, err error) {
	there, err := holds(ctx, subject.Session, homeserver.StateTables()[:3]...)
	if err != nil || !there || !subject.Holds("state") {
		return nil, err
	}
	g := &groups{state: subject.Session}
	if g.events, err = eventsOf(ctx, subject); err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, g.close()) }()
	if err := g.read(ctx); err != nil {
		return nil, err
	}
	for _, look := range []func(context.Context) (*finding.Finding, error){g.missing, g.withoutPredecessor, g.unreferenced} {
		one, err := look(ctx)
		if err != nil {
			return found, err
		}
		if one != nil {
			found = append(found, *one)
		}
	}
	return found, nil
}

// eventsOf is the database with the events, or nil.
func eventsOf(ctx context.Context, subject *finding.Subject) (engine.Querier, error) {
	for _, candidate := range append([]*finding.Subject{subject}, subject.Others...) {
		if !candidate.Holds("main") {
			continue
		}
		there, err := holds(ctx, candidate.Session, "event_to_state_groups")
		if err != nil || there {
			return candidate.Session, err
		}
	}
	return nil, nil //nolint:nilnil // what needs no events is still looked at
}

func (g *groups) read(ctx context.Context) (err error) {
	if g.events != nil {
		if g.used, err = readNumbers(ctx, g.events, usedGroupsQuery); err != nil {
			return err
		}
	}
	if g.predecessors, err = readNumbers(ctx, g.state, predecessorsQuery); err != nil {
		return err
	}
	g.there, err = readNumbers(ctx, g.state, groupsQuery)
	return err
}

func (g *groups) close() error {
	var errs []error
	for _, file := range []*numbers{g.used, g.predecessors, g.there} {
		if file != nil {
			errs = append(errs, file.close())
		}
	}
	return errors.Join(errs...)
}

// lost collects the first of the numbers that are no groups, and counts all.
func (g *groups) lost(pointed *numbers) (first []int64, count int64, err error) {
	err = pointed.eachMissing(func(number int64) error {
		count++
		if len(first) < finding.MostEvidence {
			first = append(first, number)
		}
		return nil
	}, g.there)
	return first, count, err
}

// pointing tells what points to lost groups. Nothing does where both have been purged meanwhile.
func pointing(ctx context.Context, from engine.Querier, query, format string, first []int64, count int64) (*examples, error) {
	found := &examples{}
	for _, group := range first {
		var pointers int64
		var example string
		if err := from.QueryRow(ctx, query, group).Scan(&pointers, &example); err != nil {
			return nil, err
		}
		if pointers > 0 {
			found.add(format, group, pointers, example)
		}
	}
	if found.count > 0 {
		found.count = max(found.count, count)
	}
	return found, nil
}

func (g *groups) missing(ctx context.Context) (*finding.Finding, error) {
	if g.used == nil {
		return nil, nil //nolint:nilnil // nothing is found
	}
	first, count, err := g.lost(g.used)
	if err != nil || count == 0 {
		return nil, err
	}
	found, err := pointing(ctx, g.events, eventsOfQuery, "state group %d: %d events, such as %s", first, count)
	if err != nil || found.count == 0 {
		return nil, err
	}
	return &finding.Finding{
		ID: StateGroupMissing, Severity: finding.Error, Evidence: found.evidence(),
		What:    number(found.count, "state group") + " of events without a row in state_groups",
		Meaning: "the state of a room at these events is lost: it seems to have no members and no rules, and the homeserver refuses what builds on that",
		Remedy:  finding.Remedy{Text: "restore state_groups, state_group_edges and state_groups_state from a backup of the same time as the events; where databases are split, look whether the one with the state is the right one; a room that is on other servers can be purged and joined again"},
	}, nil
}

func (g *groups) withoutPredecessor(ctx context.Context) (*finding.Finding, error) {
	first, count, err := g.lost(g.predecessors)
	if err != nil || count == 0 {
		return nil, err
	}
	found, err := pointing(ctx, g.state, successorsQuery, "state group %d: %d groups are built on it, such as %s", first, count)
	if err != nil || found.count == 0 {
		return nil, err
	}
	return &finding.Finding{
		ID: PredecessorMissing, Severity: finding.Error, Evidence: found.evidence(),
		What:    number(found.count, "state group") + " that others are built on without a row in state_groups",
		Meaning: "what others are built on holds most of their state, so rooms lose members and rules without an error message",
		Remedy:  finding.Remedy{Text: "look whether state_groups_state still holds rows of these groups: then only the row of state_groups has to be written again; otherwise restore all three tables from a backup, or purge the rooms and join them again"},
	}, nil
}

// unreferenced counts the groups that nothing points to. Those that only such groups are built on are not among them.
func (g *groups) unreferenced(ctx context.Context) (_ *finding.Finding, err error) {
	if g.used == nil {
		return nil, nil //nolint:nilnil // nothing is known
	}
	loose, err := writeNumbers(func(add func(int64) error) error { return g.there.eachMissing(add, g.used, g.predecessors) })
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, loose.close()) }()
	if loose.count == 0 {
		return nil, nil //nolint:nilnil // nothing is found
	}
	rows, err := g.rowsOf(ctx, loose)
	if err != nil {
		return nil, err
	}
	return &finding.Finding{
		ID: StateUnreferenced, Severity: finding.Info,
		What:    fmt.Sprintf("%s of %d that no event points to and no other group is built on; they hold %s of state_groups_state", number(loose.count, "state group"), g.there.count, number(rows, "row")),
		Meaning: "they take up space; groups that only these are built on are not counted; a few belong to what the homeserver is just doing",
		Remedy:  finding.Remedy{Text: "a homeserver of 2025 or later deletes them by itself, in the background; nothing has to be done"},
	}, nil
}

func (g *groups) rowsOf(ctx context.Context, some *numbers) (total int64, err error) {
	at, err := some.open()
	if err != nil {
		return 0, err
	}
	err = engine.Each(ctx, g.state, groupSizesQuery, nil, func(scan func(...any) error) error {
		var group, rows int64
		if err := scan(&group, &rows); err != nil {
			return err
		}
		has, err := at.has(group)
		if has {
			total += rows
		}
		return err
	})
	return total, err
}
