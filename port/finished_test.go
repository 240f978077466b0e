package port_test

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// prepared is what a target was before a port, and must be after it.
type prepared struct {
	schema string // as pg_dump writes it
	compat int
}

func beforePort(t testing.TB, target *dbtest.Database) prepared {
	t.Helper()
	// pg_dump's session and psql's end with them; one of the test's own would hinder the port.
	compat := run(t, dbtest.Postgres(t).Bin("psql"), "--no-psqlrc", "-AtXq", "--dbname="+target.DSN,
		"--command=SELECT compat_version FROM schema_compat_version")
	version, err := strconv.Atoi(strings.TrimSpace(string(compat)))
	if err != nil {
		t.Fatal(err)
	}
	return prepared{schemaOf(t, target), version}
}

func schemaOf(t testing.TB, target *dbtest.Database) string {
	t.Helper()
	return withoutTokens(string(run(t, dbtest.Postgres(t).Bin("pg_dump"), "--schema-only", "--no-owner",
		"--exclude-schema=synapse_port", "--dbname="+target.DSN)))
}

func queryOne[T any](t testing.TB, conn *pgx.Conn, query string, args ...any) (value T) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), query, args...).Scan(&value); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return value
}

// checkFinished checks everything about a finished port but its rows: the schema is as it was, nothing of the port's own
// is left, every table is analyzed, and the homeserver will build the user directory again.
func checkFinished(t testing.TB, target *dbtest.Database, before prepared, report *port.Report) {
	t.Helper()
	if difference := cmp.Diff(before.schema, schemaOf(t, target)); difference != "" {
		t.Errorf("the schema changed:\n%s", difference)
	}
	conn := target.Connect(t)
	for query, want := range map[string]int{
		"SELECT compat_version FROM schema_compat_version":                       before.compat,
		"SELECT count(*) FROM synapse_port.run WHERE phase <> 'complete'":        0,
		"SELECT count(*) FROM synapse_port.progress":                             0,
		"SELECT count(*) FROM user_directory_stream_pos":                         1,
		"SELECT count(*) FROM user_directory_stream_pos WHERE stream_id IS NULL": 1,
		"SELECT count(*) FROM user_directory":                                    0,
		"SELECT count(*) FROM pg_index WHERE NOT indisvalid":                     0,
	} {
		if got := queryOne[int](t, conn, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
	for _, table := range report.Tables {
		if queryOne[int](t, conn, "SELECT reltuples::integer FROM pg_class WHERE oid = quote_ident($1)::regclass", table.Table) < 0 {
			t.Errorf("%s is not analyzed", table.Table) // since PostgreSQL 14 that is -1
		}
	}
	checkDirectoryUpdates(t, conn)
}

// checkDirectoryUpdates checks the chain of the four updates that fill the user directory.
func checkDirectoryUpdates(t testing.TB, conn *pgx.Conn) {
	t.Helper()
	rows, err := conn.Query(t.Context(),
		"SELECT update_name || ' after ' || coalesce(depends_on, 'nothing') || ' ' || progress_json FROM background_updates ORDER BY ordering")
	if err != nil {
		t.Fatal(err)
	}
	got, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"populate_user_directory_createtables after nothing {}",
		"populate_user_directory_process_rooms after populate_user_directory_createtables {}",
		"populate_user_directory_process_users after populate_user_directory_process_rooms {}",
		"populate_user_directory_cleanup after populate_user_directory_process_users {}",
	}
	if difference := cmp.Diff(want, got); difference != "" {
		t.Errorf("background updates (-want +got):\n%s", difference)
	}
}

// nullableBooleans are columns in which upstream gives NULL a meaning of its own, or at least stores it.
func nullableBooleans() []homeserver.TableColumn {
	return []homeserver.TableColumn{
		{Table: "users", Column: "shadow_banned"}, {Table: "users", Column: "approved"}, {Table: "pushers", Column: "enabled"},
		{Table: "devices", Column: "hidden"}, {Table: "access_tokens", Column: "used"}, {Table: "rooms", Column: "is_public"},
		{Table: "rooms", Column: "has_auth_chain_index"}, {Table: "room_stats_state", Column: "is_federatable"},
		{Table: "events", Column: "contains_url"}, {Table: "e2e_room_keys", Column: "is_verified"},
		{Table: "presence_stream", Column: "currently_active"}, {Table: "room_memberships", Column: "participant"},
		{Table: "per_user_experimental_features", Column: "enabled"},
	}
}

// rebuilt is a column that upstream's upgrade to 94 fills anew, without NULL.
const rebuilt = "is_federatable"

// checkBooleans counts NULL, false and true on both sides of every such column that there is.
func (c comparison) checkBooleans(t testing.TB) (columns int) {
	t.Helper()
	for _, column := range nullableBooleans() {
		var known bool
		err := c.target.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM information_schema.columns
WHERE table_schema = current_schema() AND table_name = $1 AND column_name = $2 AND data_type = 'boolean')`,
			column.Table, column.Column).Scan(&known)
		if err != nil {
			t.Fatal(err)
		}
		if !known {
			continue
		}
		columns++
		var want [3]int
		query := fmt.Sprintf("SELECT count(*) FILTER (WHERE %[1]s IS NULL), count(*) FILTER (WHERE %[1]s = 0), "+
			"count(*) FILTER (WHERE %[1]s = 1) FROM %[2]s", column.Column, column.Table)
		if err := c.source.QueryRowContext(t.Context(), query).Scan(&want[0], &want[1], &want[2]); err != nil {
			t.Fatal(err)
		}
		var got [3]int
		query = fmt.Sprintf("SELECT count(*) FILTER (WHERE %[1]s IS NULL), count(*) FILTER (WHERE NOT %[1]s), "+
			"count(*) FILTER (WHERE %[1]s) FROM %[2]s", column.Column, column.Table)
		if err := c.target.QueryRow(t.Context(), query).Scan(&got[0], &got[1], &got[2]); err != nil {
			t.Fatal(err)
		}
		if got != want || (want[0] == 0 && column.Column != rebuilt) {
			t.Errorf("%s.%s: %v rows are NULL, false and true, want %v and some NULL", column.Table, column.Column, got, want)
		}
	}
	return columns
}
