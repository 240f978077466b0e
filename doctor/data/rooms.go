package data

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
)

func checkUsers(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	there, err := holds(ctx, subject.Session, "users")
	if err != nil || !there || subject.ServerName == "" || !subject.Holds("main") {
		return nil, err
	}
	query := "SELECT name FROM users WHERE substr(name, instr(name, ':') + 1) <> ? ORDER BY name"
	if subject.Engine == engine.Postgres {
		query = `SELECT name FROM users WHERE substr(name, strpos(name, ':') + 1) <> ? ORDER BY name COLLATE "C"`
	}
	found, err := collect(ctx, subject.Session, "%s", query, subject.ServerName)
	if err != nil || found.count == 0 {
		return nil, err
	}
	return []finding.Finding{{
		ID: ForeignUser, Severity: finding.Error, Evidence: found.evidence(),
		What:    fmt.Sprintf("%s in users are not of the server %s", number(found.count, "name"), subject.ServerName),
		Meaning: "the configuration and the database belong to different homeservers, or server_name was changed, which a homeserver cannot do: it refuses to start, or serves users whom nobody can reach",
		Remedy:  finding.Remedy{Text: "set server_name to that of the users, or connect to the right database"},
	}}, nil
}

func checkRooms(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	there, err := holds(ctx, subject.Session, "rooms", "event_forward_extremities")
	if err != nil || !there || !subject.Holds("main") {
		return nil, err
	}
	unversioned, err := checkVersions(ctx, subject.Session)
	if err != nil {
		return nil, err
	}
	ends, err := checkExtremities(ctx, subject.Session)
	return append(unversioned, ends...), err
}

// A room without ends is not one that the server takes part in.
const unversionedQuery = `
SELECT r.room_id, EXISTS (SELECT 1 FROM event_forward_extremities AS f WHERE f.room_id = r.room_id)
FROM rooms AS r WHERE r.room_version IS NULL`

func checkVersions(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	var all, used examples
	err := engine.Each(ctx, from, unversionedQuery, nil, func(scan func(...any) error) error {
		var room string
		var inUse bool
		if err := scan(&room, &inUse); err != nil {
			return err
		}
		all.add("%s", room)
		if inUse {
			used.add("%s", room)
		}
		return nil
	})
	if err != nil || all.count == 0 {
		return nil, err
	}
	result := finding.Finding{
		ID: RoomWithoutVersion, Severity: finding.Info, Evidence: all.evidence(),
		What:    number(all.count, "row") + " of rooms without room_version, of rooms that the server takes no part in",
		Meaning: "these are leftovers of rooms that were never joined, and do no harm",
		Remedy:  finding.Remedy{Text: "nothing has to be done"},
	}
	if used.count > 0 {
		result.Severity, result.Evidence = finding.Warning, used.evidence()
		result.What = number(used.count, "room") + " in use without a room_version"
		result.Meaning = "the homeserver refuses what is to be done in these rooms, since it does not know their rules"
		result.Remedy.Text = "look into each room's m.room.create event (its content's room_version, \"1\" where it has none), and write that into rooms with the homeserver stopped"
	}
	return []finding.Finding{result}, nil
}

// From 10 ends on upstream sends dummy events to join them, so more means that this does not help.
const (
	manyExtremities    = 10
	tooManyExtremities = 50
)

const extremitiesQuery = `SELECT room_id, count(*) FROM event_forward_extremities GROUP BY room_id HAVING count(*) > ? ORDER BY count(*) DESC, room_id`

func checkExtremities(ctx context.Context, from engine.Querier) ([]finding.Finding, error) {
	var rooms examples
	most := int64(0)
	err := engine.Each(ctx, from, extremitiesQuery, []any{manyExtremities}, func(scan func(...any) error) error {
		var room string
		var count int64
		if err := scan(&room, &count); err != nil {
			return err
		}
		most = max(most, count)
		rooms.add("%s: %d", room, count)
		return nil
	})
	if err != nil || rooms.count == 0 {
		return nil, err
	}
	result := finding.Finding{
		ID: ManyExtremities, Severity: finding.Info, Evidence: rooms.evidence(),
		What:    fmt.Sprintf("%s with more than %d forward extremities", number(rooms.count, "room"), manyExtremities),
		Meaning: "each event that is sent there has to resolve the state of all its ends, which costs time",
		Remedy:  finding.Remedy{Text: "send a message into the room, which joins its ends; where the number stays, delete the extremities by the admin API (DELETE /_synapse/admin/v1/rooms/<room>/forward_extremities)"},
	}
	if most > tooManyExtremities {
		result.Severity = finding.Warning
	}
	return []finding.Finding{result}, nil
}

// largestRooms is how many are listed, and fewRows from which number on it is worth it.
const fewRows = 10_000

const largestRoomsQuery = `SELECT room_id, count(*) FROM state_groups_state GROUP BY room_id ORDER BY count(*) DESC, room_id`

func checkLargestRooms(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	there, err := holds(ctx, subject.Session, "state_groups_state")
	if err != nil || !there || !subject.Holds("state") {
		return nil, err
	}
	var rooms examples
	total := int64(0)
	err = engine.Each(ctx, subject.Session, largestRoomsQuery, nil, func(scan func(...any) error) error {
		var room string
		var count int64
		if err := scan(&room, &count); err != nil {
			return err
		}
		total += count
		rooms.add("%s: %s", room, number(count, "row"))
		return nil
	})
	if err != nil || total < fewRows {
		return nil, err
	}
	return []finding.Finding{{
		ID: StateLargestRooms, Severity: finding.Info, Evidence: rooms.first,
		What:    fmt.Sprintf("state_groups_state holds %d rows for %s; these have the most", total, number(rooms.count, "room")),
		Meaning: "this is usually the largest table of a homeserver",
		Remedy:  finding.Remedy{Text: "purge rooms that nobody is in any more by the admin API; state of rooms in use can be compressed"},
	}}, nil
}
