package homeserver

import "slices"

// Identity says which schema set a database belongs to: the name in its marker table,
// or Upstream, whose databases have none.
type Identity string

// The sets that a homeserver's database can belong to.
const (
	Upstream Identity = "upstream"
	Ours     Identity = SetName
)

// Missing returns which of the identifying tables are not among these names.
func Missing(names []string) []string { return missingFrom(names, IdentifyingTables()) }

// MissingOfState returns which of the tables that identify a database of state alone are not among these names.
func MissingOfState(names []string) []string { return missingFrom(names, IdentifyingStateTables()) }

func missingFrom(names, wanted []string) []string {
	var missing []string
	for _, table := range wanted {
		if !slices.Contains(names, table) {
			missing = append(missing, table)
		}
	}
	return missing
}

// LivedInTables are tables that are empty until a server has run on a database; a
// schema's own seed rows are elsewhere.
func LivedInTables() []string {
	return []string{
		"access_tokens", "device_inbox", "devices", "e2e_device_keys_json", "event_json", "events",
		"local_media_repository", "profiles", "remote_media_cache", "room_memberships", "rooms", "state_groups",
		PositionsTable, "users",
	}
}
