package background

import (
	"slices"
	"strings"
)

// choose gives the update to work on: current as long as it can be, or else the first that can. Without one, left says
// why the others cannot.
func (u *Updater) choose(pending []Pending, current string) (next *Pending, left []Left) {
	queue := newQueue(pending)
	for i := range pending {
		update := &pending[i]
		why := u.judge(queue, update)
		switch {
		case why != nil:
			left = append(left, *why)
		case next == nil, update.Name == current:
			next = update
		}
	}
	return next, left
}

// judge gives nil for an update that can be run.
func (u *Updater) judge(queue queue, update *Pending) *Left {
	handler := u.config.Registry.entries[update.Name]
	cycle := queue.cycle(update.Name)
	switch {
	case len(u.config.Only) > 0 && !slices.Contains(u.config.Only, update.Name):
		return &Left{Name: update.Name, Reason: NotAskedTo}
	case cycle != "":
		return &Left{Name: update.Name, Reason: Cycle, Detail: cycle}
	case handler == nil:
		return &Left{Name: update.Name, Reason: Unknown}
	case !u.holds(handler.logical):
		return &Left{Name: update.Name, Reason: Elsewhere, Detail: handler.logical}
	case update.Failure != nil:
		return &Left{Name: update.Name, Reason: SetAside, Detail: update.Failure.Error}
	case queue.has(update.DependsOn):
		return &Left{Name: update.Name, Reason: Blocked, Detail: update.DependsOn}
	}
	return nil
}

func (u *Updater) holds(logical string) bool {
	return logical == "" || u.config.Logical == nil || slices.Contains(u.config.Logical, logical)
}

// queue has the pending updates by name, with what each depends on.
type queue map[string]string

func newQueue(pending []Pending) queue {
	made := queue{}
	for _, update := range pending {
		made[update.Name] = update.DependsOn
	}
	return made
}

// has reports whether a dependency is not fulfilled: a name that is not in the table is a finished update's.
func (q queue) has(name string) bool {
	_, found := q[name]
	return name != "" && found
}

// cycle gives the way from an update back to itself, or nothing.
func (q queue) cycle(name string) string {
	way := []string{name}
	for at := q[name]; q.has(at) && len(way) <= len(q); at = q[at] {
		way = append(way, at)
		if at == name {
			return strings.Join(way, " -> ")
		}
	}
	return ""
}
