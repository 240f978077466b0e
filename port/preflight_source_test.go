package port_test

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/port"
)

const pendingUpdate = `INSERT INTO background_updates (update_name, progress_json) VALUES ('slow_one', '{}'), ('other_one', '{}')`

// sourceRefusals are what can be wrong with the SQLite side alone.
func sourceRefusals() map[string]refusal {
	return map[string]refusal{
		"source missing": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"there is no such file", "check the path"},
			arrange: func(_ *testing.T, s *scene) { s.source += ".missing" },
		},
		"source is a directory": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"this is a directory"},
			arrange: func(_ *testing.T, s *scene) { s.source = filepath.Dir(s.source) },
		},
		"source empty": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"the file is empty"},
			arrange: func(t *testing.T, s *scene) { overwrite(t, s.source, "") },
		},
		"source not SQLite": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"this is not a SQLite database"},
			arrange: func(t *testing.T, s *scene) { overwrite(t, s.source, strings.Repeat("hello\n", 1000)) },
		},
		"source damaged": {
			shares: true, want: []string{"source_unreadable"},
			arrange: func(t *testing.T, s *scene) {
				content, err := os.ReadFile(s.source)
				if err != nil {
					t.Fatal(err)
				}
				overwrite(t, s.source, string(content[:100])+strings.Repeat("\xff", len(content)-100))
			},
		},
		"hot journal": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"killed in the middle", "-journal"},
			arrange: leaveHotJournal,
		},
		"source without its version": {
			shares: true, want: []string{"source_unreadable"}, says: []string{"schema_version has 0 rows"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "DELETE FROM schema_version") },
		},
		"source of another program": {
			shares: true, want: []string{"source_not_homeserver"}, says: []string{"lacks the tables", "events"},
			arrange: func(t *testing.T, s *scene) {
				if err := os.Remove(s.source); err != nil {
					t.Fatal(err)
				}
				s.onSource(t, "CREATE TABLE bookmarks (url TEXT)")
			},
		},
		"source has pending updates": {
			shares: true, want: []string{"source_pending_updates"}, says: []string{"slow_one", "other_one", "update_synapse_database"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, pendingUpdate) },
		},
		"source has auto_vacuum full": {
			shares: true, want: []string{"source_auto_vacuum"}, says: []string{"PRAGMA auto_vacuum = 0; VACUUM;"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "PRAGMA auto_vacuum = 1", "VACUUM") },
		},
		"source has auto_vacuum incremental": {
			shares: true, want: []string{"source_auto_vacuum"},
			arrange: func(t *testing.T, s *scene) { s.onSource(t, "PRAGMA auto_vacuum = 2", "VACUUM") },
		},
		"file for rows set aside": {
			shares: true, want: []string{"set_aside_file"}, says: []string{"cannot be made", "name another file"},
			arrange: func(_ *testing.T, s *scene) {
				s.options.OnBadValue = port.Repair
				s.options.SetAsideFile = filepath.Join(filepath.Dir(s.source), "missing", "aside.jsonl")
			},
		},
		"other server_name": {
			shares: true, want: []string{"server_name"}, says: []string{`server_name is "other.example.com"`, ":demo.example.com"},
			arrange: func(_ *testing.T, s *scene) { s.options.ServerName = "other.example.com" },
		},
	}
}

func overwrite(t *testing.T, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// leaveHotJournal copies the database and its journal from under a writer, which is what a power cut leaves.
func leaveHotJournal(t *testing.T, s *scene) {
	t.Helper()
	db, err := sql.Open("sqlite", s.source)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	db.SetMaxOpenConns(1)
	for _, statement := range []string{
		"PRAGMA cache_size = 10", "PRAGMA cache_spill = 10", "BEGIN", "UPDATE event_json SET json = json || ' '",
	} {
		if _, err := db.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	copied := filepath.Join(t.TempDir(), "homeserver.sqlite")
	for _, end := range []string{"", "-journal"} {
		content, err := os.ReadFile(s.source + end)
		if err != nil {
			t.Fatal(err)
		}
		overwrite(t, copied+end, string(content))
	}
	s.source = copied
}
