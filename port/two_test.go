package port_test

import (
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
	"github.com/synapsedb/synapse/schema"
)

// two are the targets of a port whose configuration has state in a database of its own.
type two struct{ main, state *dbtest.Database }

// preparedTwo have our empty tables.
func preparedTwo(t testing.TB) two {
	t.Helper()
	return two{preparedPart(t, "main"), preparedPart(t, "state")}
}

func preparedPart(t testing.TB, logical string) *dbtest.Database {
	t.Helper()
	return dbtest.NewPreparedDatabase(t, logical, func(t testing.TB, empty *dbtest.Database) {
		t.Helper()
		createPart(t, empty, logical)
	})
}

func createPart(t testing.TB, database *dbtest.Database, logical ...string) {
	t.Helper()
	session, err := targetConfig(t, database).OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(homeserver.Create(t.Context(), session, logical...), session.Close()); err != nil {
		t.Fatal(err)
	}
	waitForSessionsToEnd(t, database)
}

func (w two) options(t testing.TB, source string) port.Options {
	t.Helper()
	return port.Options{
		Source: source, Target: targetConfig(t, w.main), State: targetConfig(t, w.state),
		SetAsideFile: filepath.Join(t.TempDir(), "aside.jsonl"),
	}
}

func (w two) port(t testing.TB, source string, change func(*port.Options)) (*port.Report, error) {
	t.Helper()
	w.wait(t)
	options := w.options(t, source)
	if change != nil {
		change(&options)
	}
	return port.Run(t.Context(), options)
}

func (w two) wait(t testing.TB) {
	t.Helper()
	waitForSessionsToEnd(t, w.main)
	waitForSessionsToEnd(t, w.state)
}

func (w two) content(t *testing.T) map[string]string {
	t.Helper()
	all := map[string]string{}
	for name, database := range map[string]*dbtest.Database{"main ": w.main, "state ": w.state} {
		for table, rows := range content(t, database) {
			all[name+table] = rows
		}
	}
	w.wait(t)
	return all
}

func (w two) schema(t *testing.T) string {
	t.Helper()
	return schemaDump(t, w.main) + schemaDump(t, w.state)
}

// sameAs compares both with the source row by row.
func (w two) sameAs(t *testing.T, source string) {
	t.Helper()
	sides := map[string]int{}
	for name, database := range map[string]*dbtest.Database{"main": w.main, "state": w.state} {
		conn := database.Connect(t)
		sides[name] = comparison{source: openSource(t, source), target: conn, ofState: name == "state"}.differences(t)
	}
	if sides["main"] < 1000 || sides["state"] < 100 {
		t.Errorf("few rows were compared: %v", sides)
	}
}

// tablesOf are the names of the tables in a report.
func tablesOf(report *port.Report) []string {
	names := make([]string, len(report.Tables))
	for i, table := range report.Tables {
		names[i] = table.Table
	}
	return names
}

func TestTwoTargetsRowByRow(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	targets := preparedTwo(t)
	folder, before, schema := dbtest.Listing(t, filepath.Dir(source)), beforePort(t, targets.main), targets.schema(t)
	report, err := targets.port(t, source, func(o *port.Options) { o.ServerName = demo.DefaultServerName })
	if err != nil {
		t.Fatal(err)
	}
	if report.Result != port.ResultOK || report.State == nil || report.State.Result != port.ResultOK {
		t.Fatalf("the report is %+v", report)
	}
	if diff := cmp.Diff(slices.Sorted(slices.Values(homeserver.StateTables())), tablesOf(report.State)); diff != "" {
		t.Errorf("tables of state's database (-want +got):\n%s", diff)
	}
	for _, name := range homeserver.StateTables() {
		if slices.Contains(tablesOf(report), name) {
			t.Errorf("main's database got %s", name)
		}
	}
	want := []string{"state_group_id_seq", "state_groups_pending_deletion_sequence_number_seq"}
	var sequences []string
	for _, sequence := range report.State.Sequences {
		sequences = append(sequences, sequence.Sequence)
	}
	if diff := cmp.Diff(want, slices.Sorted(slices.Values(sequences))); diff != "" {
		t.Errorf("sequences of state's database (-want +got):\n%s", diff)
	}
	t.Run("rows", func(t *testing.T) {
		targets.sameAs(t, source)
		checkFinished(t, targets.main, before, report)
	})
	targets.wait(t)
	if diff := cmp.Diff(schema, targets.schema(t)); diff != "" {
		t.Errorf("the schema changed:\n%s", diff)
	}
	if diff := cmp.Diff(folder, dbtest.Listing(t, filepath.Dir(source))); diff != "" {
		t.Errorf("the source's folder changed:\n%s", diff)
	}
}

// What two targets hold is what one would hold.
func TestTwoTargetsHoldWhatOneWould(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	one, targets := expect(t, source, port.Fail), preparedTwo(t)
	if _, err := targets.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	got := targets.content(t)
	compared := 0
	for name, want := range one.content {
		if slices.Contains(schema.BookkeepingTables(), name) { // both have them
			continue
		}
		place := "main "
		if _, found := got["state "+name]; found {
			place = "state "
		}
		if compared++; got[place+name] != want {
			t.Errorf("%s%s: %s, want %s", place, name, got[place+name], want)
		}
	}
	if compared < 100 {
		t.Errorf("only %d were compared", compared)
	}
}

func TestSecondPortIntoTwoWritesWhatChanged(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: killedEvents, Seed: 1}), preparedTwo(t)
	if _, err := targets.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	before := targets.content(t)
	same, err := targets.port(t, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(changed(same))+len(changed(same.State)) > 0 || same.Mode != port.ModeUpdated || same.State.Mode != port.ModeUpdated {
		t.Errorf("nothing has changed, but %s: %v, %v", same.Mode, changed(same), changed(same.State))
	}
	if diff := cmp.Diff(before, targets.content(t)); diff != "" {
		t.Errorf("the second port has written:\n%s", diff)
	}
	for _, change := range []struct {
		name        string
		statement   string
		main, state map[string][2]int64
	}{
		{"main", `UPDATE users SET password_hash = 'new' WHERE rowid = (SELECT min(rowid) FROM users)`,
			map[string][2]int64{"users": {1, 1}}, map[string][2]int64{}},
		{"state", `UPDATE state_groups SET event_id = '$another' WHERE rowid = (SELECT max(rowid) FROM state_groups)`,
			map[string][2]int64{}, map[string][2]int64{"state_groups": {1, 1}}},
		{"both", `DELETE FROM receipts_graph WHERE rowid = (SELECT min(rowid) FROM receipts_graph);
			DELETE FROM state_group_edges WHERE rowid = (SELECT min(rowid) FROM state_group_edges)`,
			map[string][2]int64{"receipts_graph": {0, 1}}, map[string][2]int64{"state_group_edges": {0, 1}}},
	} {
		onSource(t, source, change.statement)
		report, err := targets.port(t, source, nil)
		if err != nil {
			t.Fatal(err)
		}
		if !maps.Equal(changed(report), change.main) || !maps.Equal(changed(report.State), change.state) {
			t.Errorf("%s: changed %v, %v", change.name, changed(report), changed(report.State))
		}
	}
	t.Run("rows", func(t *testing.T) { targets.sameAs(t, source) })
	fresh := preparedTwo(t)
	if _, err := fresh.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(fresh.content(t), targets.content(t)); diff != "" {
		t.Errorf("another content than a first port's (-first +third):\n%s", diff)
	}
}

func TestTwoTargetsOfWhichOneWasWrittenToAreRefused(t *testing.T) {
	t.Parallel()
	source, targets := demoSource(t, demo.Options{Events: 300, Seed: 1}), preparedTwo(t)
	if _, err := targets.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	ported := targets.content(t)
	execute(t, targets.state, "UPDATE state_groups SET room_id = 'changed by the homeserver'")
	written := targets.content(t)
	onSource(t, source, "UPDATE users SET password_hash = 'new'", "UPDATE users SET password_hash = NULL")
	_, err := targets.port(t, source, nil)
	refused, isRefused := errors.AsType[*port.RefusedError](err)
	if !isRefused || len(refused.Problems) != 1 || !refused.Has("target_written") || refused.Problems[0].What[:7] != "state: " {
		t.Fatalf("the error is %v", err)
	}
	if diff := cmp.Diff(written, targets.content(t)); diff != "" {
		t.Errorf("a target was touched:\n%s", diff)
	}
	execute(t, targets.main, "SELECT nextval('events_stream_seq')")
	if _, err = targets.port(t, source, nil); !refusedFor(err, "target_written") || len(errorProblems(err)) != 2 {
		t.Errorf("both were written to: %v", err)
	}
	if _, err := targets.port(t, source, func(o *port.Options) { o.DiscardTargetChanges = true }); err != nil {
		t.Fatal(err)
	}
	fresh := preparedTwo(t)
	if _, err := fresh.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	got := targets.content(t)
	for name, want := range fresh.content(t) {
		if got[name] != want && name != "main events_stream_seq" { // it was ahead of the source's, and is not set back further than it has to be
			t.Errorf("%s: %s, want %s (before: %s)", name, got[name], want, ported[name])
		}
	}
}

func errorProblems(err error) []port.Problem {
	refused, _ := errors.AsType[*port.RefusedError](err)
	if refused == nil {
		return nil
	}
	return refused.Problems
}

// execute runs statements as a superuser, without a session that stays.
func execute(t *testing.T, database *dbtest.Database, statements ...string) {
	t.Helper()
	asSuperuser(t, database, func(conn *pgx.Conn) error {
		for _, statement := range statements {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				return err
			}
		}
		return nil
	})
	waitForSessionsToEnd(t, database)
}

// Empty databases get the tables of main and of state, and no others.
func TestTwoEmptyTargetsArePrepared(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 50})
	targets := two{dbtest.NewDatabase(t), dbtest.NewDatabase(t)}
	_, err := targets.port(t, source, func(o *port.Options) { o.Check = true })
	if problems := errorProblems(err); len(problems) != 2 || problems[1].ID != "target_not_prepared" {
		t.Errorf("a check of empty targets: %v", err)
	}
	report, err := targets.port(t, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if !report.Target.Prepared || !report.State.Target.Prepared {
		t.Error("the report does not say that the targets were prepared")
	}
	prepared := preparedTwo(t)
	if diff := cmp.Diff(prepared.schema(t), targets.schema(t)); diff != "" {
		t.Errorf("the targets differ from those that were prepared before: %s", diff)
	}
}

// An upstream source is ported into empty databases with upstream's files, whose background updates are finished in each.
func TestTwoEmptyTargetsArePreparedWithUpstreamsFiles(t *testing.T) {
	t.Parallel()
	set := tinyUpstream(t, 94)
	source := upstreamSource(t, set)
	targets := two{dbtest.NewDatabase(t), dbtest.NewDatabase(t)}
	report, err := targets.port(t, source, func(o *port.Options) { o.Upstream = set })
	if err != nil {
		t.Fatal(err)
	}
	if report.State.Rows == 0 || !report.State.Target.Prepared {
		t.Errorf("the report of state is %+v", report.State)
	}
	conn := targets.state.Connect(t)
	for query, want := range map[string]int{
		"SELECT count(*) FROM background_updates":                   0,
		"SELECT count(*) FROM pg_tables WHERE tablename = 'events'": 0,
		"SELECT count(*) FROM schema_version WHERE upgraded":        1,
		"SELECT count(*) FROM state_groups":                         1,
	} {
		if got := queryOne[int](t, conn, query); got != want {
			t.Errorf("%s: %d, want %d", query, got, want)
		}
	}
}
