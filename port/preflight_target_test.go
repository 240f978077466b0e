package port_test

import (
	"testing"

	"github.com/synapsedb/synapse/internal/dbtest"
)

// takePortLock takes the lock that a port holds for as long as it lasts.
const takePortLock = "SELECT pg_advisory_lock(x'73796e61707365'::bigint)"

// targetRefusals are about what is in the target's database.
func targetRefusals() map[string]refusal {
	return map[string]refusal{
		"target not prepared": {
			want: []string{"target_not_prepared"}, says: []string{"lacks the tables", "update_synapse_database"},
			target:  func(t *testing.T) *dbtest.Database { return dbtest.NewDatabase(t) },
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "CREATE TABLE of_somebody_else (id integer)") },
		},
		"target half prepared": {
			want: []string{"target_unreadable"}, says: []string{"schema_version is empty"},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "DELETE FROM schema_version") },
		},
		"no schema": {
			shares: true, want: []string{"target_no_schema"}, says: []string{"search_path"},
			arrange: func(_ *testing.T, s *scene) { s.args["options"] = "-c search_path=nowhere" },
		},
		"lived in": {
			want: []string{"target_lived_in"}, says: []string{"rows in stream_positions, users"},
			arrange: func(t *testing.T, s *scene) {
				s.onTarget(t, "INSERT INTO users (name) VALUES ('@somebody:demo.example.com')",
					"INSERT INTO stream_positions (stream_name, instance_name, stream_id) VALUES ('events', 'master', 1)")
			},
		},
		"target has pending updates": {
			want: []string{"target_pending_updates"}, says: []string{"slow_one", "other_one"},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, pendingUpdate) },
		},
		"other sessions": {
			want: []string{"target_in_use"}, says: []string{"role test", "the_homeserver"},
			arrange: func(t *testing.T, s *scene) {
				if _, err := s.target.Connect(t).Exec(t.Context(), "SET application_name = 'the_homeserver'"); err != nil {
					t.Fatal(err)
				}
			},
		},
		"another port": {
			want: []string{"target_locked"}, says: []string{"another port into this database is running"},
			arrange: func(t *testing.T, s *scene) {
				if _, err := s.target.Connect(t).Exec(t.Context(), takePortLock); err != nil {
					t.Fatal(err)
				}
			},
		},
		"unfinished port into another schema": {
			want: []string{"target_unreadable"}, says: []string{`into schema "elsewhere"`, "finish that one first"},
			arrange: func(t *testing.T, s *scene) {
				s.onTarget(t, "CREATE SCHEMA synapse_port",
					"CREATE TABLE synapse_port.run (target_schema text, compat_version bigint)",
					"INSERT INTO synapse_port.run VALUES ('elsewhere', 1)")
			},
		},
	}
}

// pairRefusals are about two sides that do not belong together.
func pairRefusals() map[string]refusal {
	return map[string]refusal{
		"target is newer": {
			want: []string{"schema_version"}, says: []string{"start the homeserver once on the SQLite database"},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "UPDATE schema_version SET version = version + 1") },
		},
		"source is newer": {
			shares: true, want: []string{"schema_version"}, says: []string{"prepare the target again"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "UPDATE schema_version SET version = version + 1") },
		},
		"upstream's source into our tables": {
			shares: true, want: []string{"different_schema"}, says: []string{`source belongs to the schema "upstream"`},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "DROP TABLE schema_set") },
		},
		"our source into upstream's tables": {
			want: []string{"different_schema"}, says: []string{`the target to "upstream"`},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "DROP TABLE schema_set") },
		},
		"our source into upstream's own tables": {
			want: []string{"different_schema"}, says: []string{`the target to "upstream"`},
			target: func(t *testing.T) *dbtest.Database {
				database := dbtest.NewDatabase(t)
				if !dbtest.RestorePrepared(t, database, "94") {
					prepare(t, database) // the case above, once more, on a machine without upstream's
					(&scene{target: database}).onTarget(t, "DROP TABLE schema_set")
				}
				return database
			},
		},
		"column only in the source": {
			shares: true, want: []string{"column_only_in_source"}, says: []string{"table users", "extra"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "ALTER TABLE users ADD COLUMN extra TEXT") },
		},
		"column only in the target": {
			want: []string{"column_only_in_target"}, says: []string{"table rooms", "newer"},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "ALTER TABLE rooms ADD COLUMN newer text") },
		},
		"column of a type unheard of": {
			want: []string{"column_type"}, says: []string{"table users, column place", "point"},
			arrange: func(t *testing.T, s *scene) {
				s.onSource(t, "ALTER TABLE users ADD COLUMN place TEXT")
				s.onTarget(t, "ALTER TABLE users ADD COLUMN place point")
			},
		},
		"table only in the source": {
			shares: true, want: []string{"table_only_in_source"}, says: []string{"module_data, with 2 rows"},
			arrange: func(t *testing.T, s *scene) {
				s.onSource(t, "CREATE TABLE module_data (x)", "INSERT INTO module_data VALUES (1), (2)")
			},
		},
		"sequence that nobody knows": {
			want: []string{"unknown_sequence"}, says: []string{"brand_new_seq"},
			arrange: func(t *testing.T, s *scene) { s.onTarget(t, "CREATE SEQUENCE brand_new_seq") },
		},
	}
}
