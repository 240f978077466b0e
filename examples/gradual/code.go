package main

import (
	"context"

	"github.com/synapsedb/synapse/engine"
)

// countInBoth is what v1.36.0 does when somebody says something in a room.
func countInBoth(ctx context.Context, tx engine.Tx, room string, day int) error {
	if err := countInCurrent(ctx, tx, room, day); err != nil {
		return err
	}
	const update = "UPDATE room_stats_historical SET messages = messages + 1 WHERE room_id = ? AND day = ?"
	const insert = "INSERT INTO room_stats_historical (room_id, day, messages) VALUES (?, ?, 1)"
	return updateOrInsert(ctx, tx, update, insert, room, day)
}

// countInCurrent is what v1.37.0 and v1.38.0 do.
func countInCurrent(ctx context.Context, tx engine.Tx, room string, _ int) error {
	const update = "UPDATE room_stats_current SET messages = messages + 1 WHERE room_id = ?"
	const insert = "INSERT INTO room_stats_current (room_id, messages) VALUES (?, 1)"
	return updateOrInsert(ctx, tx, update, insert, room)
}

// messages is the same in all three releases.
func messages(ctx context.Context, from engine.Querier, room string) (count int, err error) {
	err = from.QueryRow(ctx, "SELECT messages FROM room_stats_current WHERE room_id = ?", room).Scan(&count)
	return count, err
}

func updateOrInsert(ctx context.Context, tx engine.Tx, update, insert string, values ...any) error {
	affected, err := tx.Exec(ctx, update, values...)
	if err != nil || affected > 0 {
		return err
	}
	_, err = tx.Exec(ctx, insert, values...)
	return err
}
