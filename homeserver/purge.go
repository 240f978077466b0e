package homeserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/engine"
)

// PurgeResult says what a purge took away.
type PurgeResult struct {
	// Tables are those in which there was something of the room, in the order in which they were purged.
	Tables []PurgedTable `json:"tables"`
}

// PurgedTable is a table that held something of the room.
type PurgedTable struct {
	// Table is its name.
	Table string `json:"table"`
	// Rows is how many rows of it were deleted or, in user_directory, forgot the room.
	Rows int64 `json:"rows"`
}

// Rows is the sum over all tables.
func (r PurgeResult) Rows() int64 {
	var sum int64
	for _, table := range r.Tables {
		sum += table.Rows
	}
	return sum
}

// NoRoomError says that there is no room of an id, so nothing was deleted.
type NoRoomError struct {
	// RoomID is the id that was asked for.
	RoomID string
}

// Error names the room and says what to do.
func (e *NoRoomError) Error() string {
	return fmt.Sprintf("purge room %q: no room has this id, nothing was deleted; the table rooms lists those that are there", e.RoomID)
}

// PurgeRoom deletes everything the logical database "main" holds of a room, the room itself last, and says how many rows
// of which table. A room that is not there is refused with *NoRoomError. The transaction is the caller's: after any error
// it has to be rolled back, and until it ends, PostgreSQL lets nobody add to the room.
//
// It works in a database of this set only. Nobody is made to leave the room, no other server is told, and media stay. The
// room's state groups are in the logical database "state": see PurgeRoomState.
func PurgeRoom(ctx context.Context, tx engine.Tx, roomID string) (PurgeResult, error) {
	if err := takeRoom(ctx, tx, roomID); err != nil {
		return PurgeResult{}, err
	}
	return purge(ctx, tx, roomID, mainPurge())
}

// PurgeRoomState deletes everything the logical database "state" holds of a room. It may run in the transaction of
// PurgeRoom, where both logical databases are in one physical, or after it: no row of "main" then needs these any more. A
// room without state groups is no error, so that what was interrupted between the two can be finished at any time.
func PurgeRoomState(ctx context.Context, tx engine.Tx, roomID string) (PurgeResult, error) {
	return purge(ctx, tx, roomID, statePurge())
}

// takeRoomOn reads the room's row. PostgreSQL's lock makes those wait who add a row that points to the room; they are
// refused once it is gone. A transaction of SQLite that writes is alone anyway.
var takeRoomOn = map[engine.Kind]string{
	engine.SQLite:   "SELECT room_id FROM rooms WHERE room_id = ?",
	engine.Postgres: "SELECT room_id FROM rooms WHERE room_id = ? FOR UPDATE",
}

func takeRoom(ctx context.Context, tx engine.Tx, roomID string) error {
	query, known := takeRoomOn[tx.Engine()]
	if !known {
		return fmt.Errorf("purge room %q: the homeserver set has no schema for %s", roomID, tx.Engine())
	}
	var found string
	err := tx.QueryRow(ctx, query, roomID).Scan(&found)
	if errors.Is(err, sql.ErrNoRows) {
		return &NoRoomError{RoomID: roomID}
	}
	if err != nil {
		return fmt.Errorf("purge room %q: look for it: %w", roomID, err)
	}
	return nil
}

func purge(ctx context.Context, tx engine.Tx, roomID string, steps []purgeStep) (PurgeResult, error) {
	var result PurgeResult
	for _, step := range steps {
		rows, err := tx.Exec(ctx, step.on(tx.Engine()), roomID)
		if err != nil {
			return PurgeResult{}, fmt.Errorf("purge room %q: %s: %w", roomID, step.table, err)
		}
		if rows > 0 {
			result.Tables = append(result.Tables, PurgedTable{Table: step.table, Rows: rows})
		}
	}
	return result, nil
}
