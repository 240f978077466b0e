package backup

import (
	"context"
	"slices"

	"github.com/synapsedb/synapse/engine"
)

// Distance is how far a snapshot is behind that of main, which is taken first.
type Distance struct {
	Seconds float64 `json:"seconds"`
	// StateGroups are those that have come since the newest one that main's snapshot refers to: no event of the backup needs them.
	StateGroups int64 `json:"state_groups"`
}

const (
	newestGroupSQL = `SELECT coalesce(max(state_group), 0) FROM event_to_state_groups`
	laterGroupsSQL = `SELECT count(*) FROM state_groups WHERE id > ?`
)

// distance is asked for each snapshot of a split homeserver, in the order in which they are taken.
func (c *creation) distance(ctx context.Context, snapshot engine.Querier, logical []string, into *Database) error {
	switch {
	case len(c.sources) == 1:
	case slices.Contains(logical, "main"):
		return snapshot.QueryRow(ctx, newestGroupSQL).Scan(&c.newestGroup)
	case slices.Contains(logical, "state"):
		into.BehindMain = &Distance{Seconds: into.Snapshot.Sub(c.manifest.Databases[0].Snapshot).Seconds()}
		return snapshot.QueryRow(ctx, laterGroupsSQL, c.newestGroup).Scan(&into.BehindMain.StateGroups)
	}
	return nil
}
