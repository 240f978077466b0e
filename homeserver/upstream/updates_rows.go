package upstream

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/background"
)

const (
	threadsEndSQL = `SELECT relates_to_id FROM event_relations WHERE relation_type = 'm.thread' AND relates_to_id > ?
GROUP BY relates_to_id ORDER BY relates_to_id LIMIT 1 OFFSET ?`
	// Each column's maximum is its own, as upstream's.
	fillThreadsSQL = `INSERT INTO threads (room_id, thread_id, latest_event_id, topological_ordering, stream_ordering)
SELECT e.room_id, r.relates_to_id, max(e.event_id), max(e.topological_ordering), max(e.stream_ordering)
FROM event_relations AS r JOIN events AS e ON e.event_id = r.event_id
WHERE r.relation_type = 'm.thread' AND r.relates_to_id > ?%s
GROUP BY e.room_id, r.relates_to_id ON CONFLICT DO NOTHING`
)

type lastThread struct {
	ID string `json:"last_thread_id"`
}

// fillThreads fills the table of threads.
func fillThreads(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[lastThread](batch)
	if err != nil {
		return background.Result{}, err
	}
	until, more, err := textAt(ctx, batch, threadsEndSQL, from.ID)
	if err != nil {
		return background.Result{}, err
	}
	bound, values := "", []any{from.ID}
	if more {
		bound, values = " AND r.relates_to_id <= ?", append(values, until)
	}
	if _, err := batch.Tx.Exec(ctx, fmt.Sprintf(fillThreadsSQL, bound), values...); err != nil {
		return background.Result{}, fmt.Errorf("fill threads: %w", err)
	}
	return background.Result{Items: batch.Size, Progress: lastThread{until}, Done: !more}, nil
}

const setPusherDevicesSQL = `UPDATE pushers SET access_token = NULL,
	device_id = coalesce(device_id, (SELECT token.device_id FROM access_tokens AS token WHERE token.id = pushers.access_token))
WHERE {range} AND access_token IS NOT NULL`

// setPusherDevices has pushers know their device instead of the access token they were made with.
func setPusherDevices(ctx context.Context, batch *background.Batch) (background.Result, error) {
	return background.Statement{Table: "pushers", Keys: columns("id"), SQL: setPusherDevicesSQL}.Run(ctx, batch)
}

const deactivatedSQL = `SELECT name FROM users WHERE deactivated = 1 AND name > ? ORDER BY name LIMIT ?`

type lastUser struct {
	Name string `json:"last_user"`
}

// deleteBackupKeys deletes what users who have left the server have kept of their keys.
func deleteBackupKeys(ctx context.Context, batch *background.Batch) (background.Result, error) {
	from, err := progressOf[lastUser](batch)
	if err != nil {
		return background.Result{}, err
	}
	users, err := readTexts(ctx, batch.Tx, deactivatedSQL, from.Name, few(batch))
	if err != nil {
		return background.Result{}, fmt.Errorf("look for deactivated users: %w", err)
	}
	if len(users) == 0 {
		return background.Result{Done: true}, nil
	}
	for _, table := range []string{"e2e_room_keys", "e2e_room_keys_versions"} {
		if _, err := batch.Tx.Exec(ctx, "DELETE FROM "+table+" WHERE user_id"+in(users), users...); err != nil {
			return background.Result{}, fmt.Errorf("delete from %s: %w", table, err)
		}
	}
	last, _ := users[len(users)-1].(string)
	return background.Result{Items: len(users), Progress: lastUser{last}, Done: len(users) < few(batch)}, nil
}

const queueJoinedRoomsSQL = `INSERT INTO sliding_sync_joined_rooms_to_recalculate (room_id)
SELECT DISTINCT room_id FROM local_current_membership WHERE membership = 'join' ON CONFLICT DO NOTHING`

// queueJoinedRooms leaves the rooms that users of this server are in to the update that depends on this one.
func queueJoinedRooms(ctx context.Context, batch *background.Batch) (background.Result, error) {
	queued, err := batch.Tx.Exec(ctx, queueJoinedRoomsSQL)
	if err != nil {
		return background.Result{}, fmt.Errorf("queue the joined rooms: %w", err)
	}
	return background.Result{Items: int(queued), Done: true}, nil
}

const fixForgottenSQL = `UPDATE sliding_sync_membership_snapshots SET forgotten = coalesce(
	(SELECT coalesce(known.forgotten, 0) FROM room_memberships AS known WHERE known.event_id = sliding_sync_membership_snapshots.membership_event_id),
	forgotten)
WHERE {range} AND forgotten = 1`

// fixForgotten corrects snapshots of rooms that were forgotten once and joined again.
func fixForgotten(ctx context.Context, batch *background.Batch) (background.Result, error) {
	return background.Statement{Table: snapshots, Keys: columns("event_stream_ordering"), SQL: fixForgottenSQL}.Run(ctx, batch)
}
