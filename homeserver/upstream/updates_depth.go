package upstream

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/background"
)

// Room versions from 6 on have strict canonical JSON, whose integers end at 2⁵³ - 1; 1 to 5 have not, and rooms without a
// version are left (https://spec.matrix.org/latest/rooms/).
const (
	capDepthSQL = `UPDATE events SET topological_ordering = 9007199254740991
WHERE topological_ordering > 9007199254740991 AND room_id IN (
	SELECT room_id FROM rooms WHERE {range} AND room_version IN ('6', '7', '8', '9', '10', '11', '12'))`
	otherVersionSQL = `SELECT room_id, room_version FROM rooms
WHERE room_version NOT IN ('', '1', '2', '3', '4', '5', '6', '7', '8', '9', '10', '11', '12')
	AND EXISTS (SELECT 1 FROM events WHERE events.room_id = rooms.room_id AND topological_ordering > 9007199254740991) LIMIT 1`
)

// RoomVersionError says that an update would have to know a version of rooms that is not known here.
type RoomVersionError struct {
	Update, Room, Version string
}

// Error says what to do.
func (e *RoomVersionError) Error() string {
	return fmt.Sprintf("%s: the room %s is of version %q, whose rules are not known here; start the homeserver, which runs this update itself",
		e.Update, e.Room, e.Version)
}

// capDepth brings depths that no event may have back into the range. Before the first batch it looks for rooms of versions
// that it cannot judge.
func capDepth(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[struct {
		After []any `json:"after"`
	}](batch)
	if err != nil {
		return background.Result{}, err
	}
	if len(from.After) == 0 {
		other := &RoomVersionError{Update: batch.Name}
		err := batch.Tx.QueryRow(ctx, otherVersionSQL).Scan(&other.Room, &other.Version)
		if err == nil {
			return background.Result{}, other
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return background.Result{}, fmt.Errorf("look for rooms of other versions: %w", err)
		}
	}
	return background.Statement{Table: "rooms", Keys: columns("room_id"), SQL: capDepthSQL}.Run(ctx, batch)
}
