package homeserver_test

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/schema"
)

func TestStreamsAreInTheSchema(t *testing.T) {
	t.Parallel()
	conn := postgresSession(t, dbtest.NewDatabase(t))
	catalog := created(t, conn)
	for _, stream := range homeserver.Streams() {
		var last int64
		var called bool
		err := conn.QueryRow(t.Context(), `SELECT last_value, is_called FROM `+stream.Sequence).Scan(&last, &called)
		if err != nil {
			t.Error(err)
		}
		if called != (stream.Minimum == 1) || last != 1 {
			t.Errorf("%s begins at (%d, %v), which is not its minimum %d", stream.Sequence, last, called, stream.Minimum)
		}
		for _, source := range stream.Tables {
			if table := catalog.Table(source.Table); table == nil || table.Column(source.Column) == nil {
				t.Errorf("%s: there is no column %s.%s", stream.Sequence, source.Table, source.Column)
			}
		}
	}
}

func TestEverySequenceIsAStreamOrOwned(t *testing.T) {
	t.Parallel()
	rows, err := newPostgres(t).Query(t.Context(), `SELECT c.relname::text FROM pg_class AS c WHERE c.relkind = 'S'
AND NOT EXISTS (SELECT 1 FROM pg_depend AS d WHERE d.objid = c.oid AND d.deptype IN ('a', 'i'))
ORDER BY c.relname COLLATE "C"`)
	if err != nil {
		t.Fatal(err)
	}
	var free []string
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			t.Fatal(err)
		}
		free = append(free, name)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	var known []string
	for _, stream := range homeserver.Streams() {
		known = append(known, stream.Sequence)
	}
	slices.Sort(known)
	if diff := cmp.Diff(known, free); diff != "" {
		t.Error(diff)
	}
}

// The collection of real databases says where each of upstream's sequences must
// look; every place named there has to be known here.
func TestStreamsCoverUpstreams(t *testing.T) {
	t.Parallel()
	folder, present := dbtest.Data(t)
	if !present {
		return
	}
	known := map[string][]string{}
	for _, stream := range homeserver.Streams() {
		for _, source := range stream.Tables {
			known[stream.Sequence] = append(known[stream.Sequence], describe(stream, source))
		}
		known[stream.Sequence] = append(known[stream.Sequence], "stream_positions "+stream.Name)
	}
	for _, sequence := range upstreamSequences(t, folder) {
		if sequence.IdentityOf != "" || sequence.Sequence == "instance_map_instance_id_seq" {
			continue
		}
		for _, candidate := range sequence.Candidates {
			source, _, _ := strings.Cut(candidate.Source, "/")
			if !slices.Contains(known[sequence.Sequence], source) {
				t.Errorf("%s: %s is not known", sequence.Sequence, candidate.Source)
			}
		}
	}
}

func describe(stream homeserver.Stream, source homeserver.TableColumn) string {
	switch {
	case stream.UserNumbers:
		return fmt.Sprintf("largest N in %s.%s = @N:server", source.Table, source.Column)
	case stream.Negative:
		return fmt.Sprintf("-min(%s.%s)", source.Table, source.Column)
	}
	return fmt.Sprintf("max(%s.%s)", source.Table, source.Column)
}

type upstreamSequence struct {
	Sequence   string `json:"sequence"`
	IdentityOf string `json:"identity_of"`
	Candidates []struct {
		Source string `json:"source"`
	} `json:"candidates"`
}

func upstreamSequences(t *testing.T, folder string) []upstreamSequence {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(folder, "sequences-94.json"))
	if err != nil {
		t.Fatal(err)
	}
	var parsed struct {
		Sequences []upstreamSequence `json:"sequences"`
	}
	if err := json.Unmarshal(content, &parsed); err != nil {
		t.Fatal(err)
	}
	if len(parsed.Sequences) == 0 {
		t.Fatal("the file holds no sequence")
	}
	return parsed.Sequences
}

func TestKnownTablesAreInTheSchema(t *testing.T) {
	t.Parallel()
	db := newSQLite(t)
	session := sqliteSession(t)
	created(t, session)
	for _, create := range []string{schema.CreateUpdateErrors(engine.SQLite), schema.CreateUpdateRates(engine.SQLite)} { // are made when they are needed
		if _, err := session.Exec(t.Context(), create); err != nil {
			t.Fatal(err)
		}
	}
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	groups := [][]string{homeserver.TransientTables(), homeserver.BookkeepingTables(), homeserver.IdentifyingTables(),
		{homeserver.PositionsTable, homeserver.EventSearchTable, homeserver.DirectoryPositionTable}}
	for _, table := range slices.Concat(groups...) {
		if catalog.Table(table) == nil {
			t.Errorf("there is no table %s", table)
		}
	}
	for _, table := range directorySearchTables(t, db) {
		if !slices.Contains(homeserver.RegeneratedTables(), table) {
			t.Errorf("%s is not among the regenerated tables", table)
		}
	}
}

// directorySearchTables are the search index and its shadow tables.
func directorySearchTables(t *testing.T, db *sql.DB) []string {
	t.Helper()
	var joined string
	err := db.QueryRow(`SELECT group_concat(name) FROM sqlite_schema
WHERE type = 'table' AND name LIKE 'user\_directory\_search%' ESCAPE '\'`).Scan(&joined)
	if err != nil {
		t.Fatal(err)
	}
	return strings.Split(joined, ",")
}

func TestDirectoryUpdatesAreAChain(t *testing.T) {
	t.Parallel()
	previous := ""
	for _, update := range homeserver.DirectoryUpdates() {
		if update.DependsOn != previous {
			t.Errorf("%s depends on %q, want %q", update.Name, update.DependsOn, previous)
		}
		previous = update.Name
	}
	if previous != "populate_user_directory_cleanup" {
		t.Errorf("the chain ends with %q", previous)
	}
}
