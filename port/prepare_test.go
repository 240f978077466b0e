package port_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/schema"
)

func TestEmptyTargetIsPrepared(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 50})
	empty := dbtest.NewDatabase(t)
	_, err := portInto(t, source, empty, func(options *port.Options) { options.Check = true })
	if refused, isRefused := errors.AsType[*port.RefusedError](err); !isRefused || refused.Prepared || !strings.Contains(err.Error(), "a check writes nothing") {
		t.Errorf("a check of an empty target: %v", err)
	}
	report, err := portInto(t, source, empty, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Target.Prepared {
		t.Error("the report does not say that the target was prepared")
	}
	prepared := preparedTarget(t)
	if _, err := portInto(t, source, prepared, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(describe(t, prepared), describe(t, empty)); diff != "" {
		t.Errorf("the target differs from one that was prepared before: %s", diff)
	}
}

func describe(t *testing.T, database *dbtest.Database) *engine.Catalog {
	t.Helper()
	session, err := targetConfig(t, database).OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	catalog, err := session.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return catalog
}

// An upstream source needs the files that its server was made of, of the same version.
func TestEmptyTargetIsPreparedWithUpstreamsFiles(t *testing.T) {
	t.Parallel()
	set := tinyUpstream(t, 94) // with a background update that has nothing to do
	source := upstreamSource(t, set)
	target := dbtest.NewDatabase(t)
	for name, set := range map[string]*schema.Set{"no files": nil, "newer files": tinyUpstream(t, 95)} {
		_, err := portInto(t, source, target, func(options *port.Options) { options.Upstream = set })
		if refused, isRefused := errors.AsType[*port.RefusedError](err); !isRefused || refused.Prepared {
			t.Errorf("%s: %v", name, err)
		}
		if tables := describe(t, target).Tables; len(tables) > 0 {
			t.Fatalf("%s: %d tables are there", name, len(tables))
		}
	}
	report, err := portInto(t, source, target, func(options *port.Options) { options.Upstream = set })
	if err != nil {
		t.Fatal(err)
	}
	if !report.Target.Prepared || report.Rows == 0 {
		t.Errorf("the report is %+v", report)
	}
}

// upstreamSource is a file that was made of a set, with a row in each logical database.
func upstreamSource(t *testing.T, set *schema.Set) string {
	t.Helper()
	source := filepath.Join(t.TempDir(), "homeserver.db")
	session, err := sqlite.OpenSession(t.Context(), sqlite.Config{Database: source}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = schema.Prepare(t.Context(), session, set, schema.Options{}); err != nil {
		t.Error(err)
	}
	for _, statement := range []string{
		"DELETE FROM background_updates", "INSERT INTO rooms (room_id) VALUES ('!a:demo.example.com')", "INSERT INTO state_groups (id) VALUES (7)",
	} {
		if _, err := session.Exec(t.Context(), statement); err != nil {
			t.Error(err)
		}
	}
	if err := session.Close(); err != nil {
		t.Fatal(err)
	}
	return source
}

// tinyUpstream has as many of upstream's tables as a port needs to know a homeserver's database.
func tinyUpstream(t *testing.T, version int) *schema.Set {
	t.Helper()
	const tables = `CREATE TABLE rooms (room_id TEXT PRIMARY KEY);
CREATE TABLE users (name TEXT PRIMARY KEY);
CREATE TABLE events (event_id TEXT PRIMARY KEY, stream_ordering BIGINT);
CREATE TABLE event_json (event_id TEXT PRIMARY KEY, json TEXT);
CREATE TABLE stream_positions (stream_name TEXT, instance_name TEXT, stream_id BIGINT);`
	const bookkeeping = `CREATE TABLE IF NOT EXISTS schema_version (version INTEGER NOT NULL, upgraded BOOL NOT NULL);
CREATE TABLE IF NOT EXISTS schema_compat_version (compat_version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS applied_schema_deltas (version INTEGER NOT NULL, file TEXT NOT NULL, UNIQUE (version, file));`
	const updates = `CREATE TABLE background_updates (update_name TEXT NOT NULL UNIQUE, progress_json TEXT NOT NULL,
depends_on TEXT, ordering INTEGER NOT NULL DEFAULT 0);
INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('populate_stats_process_rooms', '{}', 7322);`
	const state = `CREATE TABLE state_groups (id BIGINT PRIMARY KEY);
CREATE TABLE state_groups_state (state_group BIGINT NOT NULL);
INSERT INTO background_updates (update_name, progress_json, ordering) VALUES ('mark_unreferenced_state_groups_for_deletion_bg_update', '{}', 9002);`
	files := fstest.MapFS{"common/schema_version.sql": {Data: []byte(bookkeeping)}}
	for _, kind := range []string{"sqlite", "postgres"} {
		files["common/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte(updates)}
		files["main/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte(tables)}
		files["state/full_schemas/72/full.sql."+kind] = &fstest.MapFile{Data: []byte(state)}
	}
	set, err := schema.New(schema.Definition{
		Name: "upstream", Version: version, CompatVersion: 84, Engines: []engine.Kind{engine.SQLite, engine.Postgres},
		Databases: []string{"main", "state"}, Files: files, Rules: schema.Upstream,
	})
	if err != nil {
		t.Fatal(err)
	}
	return set
}
