package backup

import (
	"fmt"
	"slices"
	"strconv"
	"time"
)

// Policy says which backups are kept. A backup that one of the numbers keeps is kept.
type Policy struct {
	// Last are the newest; Daily, Weekly and Monthly the newest one of each of the newest days, ISO weeks and months, in UTC, that have one.
	Last, Daily, Weekly, Monthly int
}

// Empty reports whether it keeps nothing.
func (p Policy) Empty() bool { return p == Policy{} }

// Keeps tells of each backup, by when it was made, whether it is kept.
func (p Policy) Keeps(made []time.Time) []bool {
	keeps := make([]bool, len(made))
	newest := make([]int, len(made)) // their places, the newest first
	for i := range made {
		newest[i] = i
	}
	slices.SortStableFunc(newest, func(a, b int) int { return made[b].Compare(made[a]) })
	for _, rule := range []struct {
		most   int
		period func(at time.Time, place int) string
	}{
		{p.Last, func(_ time.Time, place int) string { return strconv.Itoa(place) }},
		{p.Daily, func(at time.Time, _ int) string { return at.Format(time.DateOnly) }},
		{p.Weekly, func(at time.Time, _ int) string {
			year, week := at.ISOWeek()
			return fmt.Sprint(year, " ", week)
		}},
		{p.Monthly, func(at time.Time, _ int) string { return at.Format("2006-01") }},
	} {
		had := map[string]bool{}
		for _, place := range newest {
			period := rule.period(made[place].UTC(), place)
			if had[period] || len(had) >= rule.most {
				continue
			}
			had[period], keeps[place] = true, true
		}
	}
	return keeps
}
