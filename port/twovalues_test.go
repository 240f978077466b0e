package port_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

func TestBadValuesOfTwo(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: 300, Seed: 1}), preparedTwo(t)
	onSource(t, source,
		`UPDATE profiles SET displayname = 'a' || char(0) WHERE rowid = (SELECT min(rowid) FROM profiles)`,
		`INSERT INTO state_groups (id, room_id, event_id) VALUES (900001, 'a' || char(0), '$a')`,
		`INSERT INTO state_groups_state (state_group, room_id, type, state_key, event_id) VALUES ('no number', '!a', 'm', '', '$a')`)
	before := targets.content(t)
	for _, check := range []bool{true, false} {
		report, err := targets.port(t, source, func(o *port.Options) { o.Check = check })
		values, isBad := errors.AsType[*port.BadValuesError](err)
		if !isBad || values.Count != 3 || values.First.Table != "profiles" {
			t.Fatalf("the error is %v", err)
		}
		if len(report.BadValues) != 1 || len(report.State.BadValues) != 2 || report.Result != port.ResultBadValues || report.State.Result != port.ResultBadValues {
			t.Errorf("the report says %v, %v", report.BadValues, report.State.BadValues)
		}
	}
	if diff := cmp.Diff(before, targets.content(t)); diff != "" {
		t.Errorf("a target was touched:\n%s", diff)
	}
	folder := t.TempDir()
	report, err := targets.port(t, source, func(o *port.Options) {
		o.OnBadValue, o.SetAsideFile = port.Repair, filepath.Join(folder, "rows.jsonl")
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.AsideRows != 1 || report.State.AsideRows != 2 {
		t.Errorf("%d and %d lines", report.AsideRows, report.State.AsideRows)
	}
	for name, want := range map[string]string{"rows.jsonl": `"profiles"`, "rows-state.jsonl": `"no number"`} {
		lines, err := os.ReadFile(filepath.Join(folder, name))
		if err != nil || !strings.Contains(string(lines), want) {
			t.Errorf("%s: %s, %v", name, lines, err)
		}
	}
}

// Rows that only the server of one target refuses have that target filled anew. The other one goes on.
func TestOneOfTwoStartsAnew(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: 300, Seed: 1}), preparedTwo(t)
	repair := func(o *port.Options) { o.OnBadValue = port.Repair }
	if _, err := targets.port(t, source, repair); err != nil {
		t.Fatal(err)
	}
	execute(t, targets.state, "ALTER TABLE state_groups ADD CONSTRAINT strict CHECK (event_id <> 'refused')")
	onSource(t, source, "UPDATE state_groups SET event_id = 'refused' WHERE rowid = (SELECT max(rowid) FROM state_groups)",
		"UPDATE users SET password_hash = 'new' WHERE rowid = (SELECT min(rowid) FROM users)")
	report, err := targets.port(t, source, repair)
	if err != nil {
		t.Fatal(err)
	}
	if report.Mode != port.ModeResumed || report.State.Mode != port.ModeFresh || report.State.AsideRows != 1 || report.AsideRows != 0 {
		t.Errorf("main %s with %d lines, state %s with %d", report.Mode, report.AsideRows, report.State.Mode, report.State.AsideRows)
	}
	conn := targets.main.Connect(t)
	if changed := queryOne[int](t, conn, "SELECT count(*) FROM users WHERE password_hash = 'new'"); changed != 1 {
		t.Errorf("%d users have the new password", changed)
	}
}

// realTwo are databases prepared by upstream, of which each keeps its own tables only.
func realTwo(t *testing.T) (targets two, found bool) {
	t.Helper()
	if targets.main, found = realTarget(t, "94"); !found {
		return targets, false
	}
	targets.state, _ = realTarget(t, "94")
	quoted := "'" + strings.Join(homeserver.StateTables(), "', '") + "'"
	common := "'schema_version', 'schema_compat_version', 'applied_schema_deltas', 'applied_module_schemas', 'background_updates'"
	dropFrom(t, targets.main, "relname IN ("+quoted+", 'state_group_id_seq')")
	dropFrom(t, targets.state, "relname NOT IN ("+quoted+", "+common+", 'state_group_id_seq')")
	return targets, true
}

const dropped = `SELECT format('DROP %s %I CASCADE', CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END, relname) FROM pg_class AS c
WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'S')
AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = c.oid AND deptype IN ('a', 'i')) AND `

func dropFrom(t *testing.T, database *dbtest.Database, condition string) {
	t.Helper()
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		rows, err := conn.Query(t.Context(), dropped+condition)
		if err != nil {
			return err
		}
		statements, err := pgx.CollectRows(rows, pgx.RowTo[string])
		for _, statement := range statements {
			if err == nil {
				_, err = conn.Exec(t.Context(), statement)
			}
		}
		return err
	})
	waitForSessionsToEnd(t, database)
}

func TestRealDatabasePortsIntoTwo(t *testing.T) {
	t.Parallel()
	targets, found := realTwo(t)
	if !found {
		return
	}
	source, _ := dbtest.CopyData(t, "homeserver-94.sqlite")
	before, schema := beforePort(t, targets.main), targets.schema(t)
	report, err := targets.port(t, source, func(o *port.Options) { o.ServerName = realServerName })
	if err != nil {
		t.Fatal(err)
	}
	t.Run("rows", func(t *testing.T) {
		targets.sameAs(t, source)
		checkFinished(t, targets.main, before, report)
		if next := queryOne[int64](t, targets.state.Connect(t), "SELECT last_value + is_called::integer FROM state_group_id_seq"); next !=
			queryOne[int64](t, targets.state.Connect(t), "SELECT max(id) + 1 FROM state_groups") {
			t.Errorf("the next state group is %d", next)
		}
	})
	targets.wait(t)
	if diff := cmp.Diff(schema, targets.schema(t)); diff != "" {
		t.Errorf("the schema changed:\n%s", diff)
	}
	same, err := targets.port(t, source, func(o *port.Options) { o.ServerName = realServerName })
	if err != nil || len(changed(same))+len(changed(same.State)) > 0 {
		t.Errorf("the second port: %v, %v, %v", err, changed(same), changed(same.State))
	}
}
