package server

import (
	"context"
	"fmt"

	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// slotsSQL reads wal_status as JSON, as PostgreSQL 12 does not have it.
const slotsSQL = `SELECT s.slot_name, s.slot_type, s.active, s.restart_lsn IS NOT NULL, coalesce(to_jsonb(s)->>'wal_status', ''),
	coalesce(pg_wal_lsn_diff(CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END, s.restart_lsn), 0)::bigint,
	pg_size_bytes(current_setting('max_wal_size'))
FROM pg_replication_slots AS s ORDER BY s.slot_name`

// farBehind is how many times max_wal_size a slot in use may hold.
const farBehind = 4

type slot struct {
	name, kind, status string
	active, reserves   bool
	held, usual        int64 // bytes
}

// lost tells that the WAL it needs is gone.
func (s slot) lost() bool { return s.status == "lost" }

// holds tells that it keeps WAL on the disk for nobody, or for somebody far behind.
func (s slot) holds() bool {
	return s.reserves && (!s.active || s.status == "unreserved" || s.held > farBehind*s.usual)
}

func (s slot) String() string {
	use := "in use"
	if !s.active {
		use = "not in use"
	}
	return fmt.Sprintf("%s (%s, %s): %s of WAL held, wal_status %s", s.name, s.kind, use, size(s.held), s.status)
}

func checkSlots(ctx context.Context, subject *finding.Subject) ([]finding.Finding, error) {
	holding := finding.Finding{
		ID: SlotHoldsWAL, Severity: finding.Warning, What: "a replication slot holds WAL for a replica that does not fetch it",
		Meaning: "the WAL grows until the disk is full, and then the server stops; where max_slot_wal_keep_size limits it, the replica is lost instead",
		Remedy:  finding.Remedy{Text: "start or mend what uses the slot; if nothing does any more, drop the slot, as a superuser or a role with REPLICATION"},
	}
	lost := finding.Finding{
		ID: SlotLost, Severity: finding.Warning, What: "a replication slot has lost the WAL that its replica needs",
		Meaning: "that replica cannot go on, and is no copy of the homeserver's data any more",
		Remedy:  finding.Remedy{Text: "make the replica anew, and drop the slot"},
	}
	err := engine.Each(ctx, subject.Session, slotsSQL, nil, func(scan func(...any) error) error {
		var s slot
		if err := scan(&s.name, &s.kind, &s.active, &s.reserves, &s.status, &s.held, &s.usual); err != nil {
			return err
		}
		drop := "SELECT pg_drop_replication_slot(" + postgres.QuoteLiteral(s.name) + ");"
		switch {
		case s.lost():
			lost.Evidence, lost.Remedy.Commands = append(lost.Evidence, s.String()), append(lost.Remedy.Commands, drop)
		case s.holds():
			holding.Evidence, holding.Remedy.Commands = append(holding.Evidence, s.String()), append(holding.Remedy.Commands, drop)
		}
		return nil
	})
	return withEvidence(holding, lost), err
}

// withEvidence leaves out what nothing was seen of.
func withEvidence(findings ...finding.Finding) (found []finding.Finding) {
	for _, one := range findings {
		if len(one.Evidence) > 0 {
			found = append(found, one)
		}
	}
	return found
}
