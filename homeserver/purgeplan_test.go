package homeserver_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqltext"
	"github.com/synapsedb/synapse/homeserver"
)

func TestPurgeReadsNoEvents(t *testing.T) {
	t.Parallel()
	word := regexp.MustCompile(`\bevents\b`)
	for _, kind := range []engine.Kind{engine.SQLite, engine.Postgres} {
		for _, step := range homeserver.PurgeStatements(kind) {
			if step.Table != "events" && word.MatchString(step.Statement) {
				t.Errorf("%s: %s", kind, step.Statement)
			}
			if strings.Contains(step.Statement, "JOIN") {
				t.Errorf("%s: %s", kind, step.Statement)
			}
		}
	}
}

func TestPurgeFindsRowsByIndexOnSQLite(t *testing.T) {
	t.Parallel()
	s := side{engine.SQLite, newSQLite(t)}
	for _, step := range homeserver.PurgeStatements(s.kind) {
		for _, line := range s.rows(t, "EXPLAIN QUERY PLAN "+step.Statement, "!room:example.com") {
			// FTS5 calls a look at one rowid, "0:=", a scan too.
			if strings.Contains(line, `"SCAN `) && !strings.Contains(line, `VIRTUAL TABLE INDEX 0:="`) {
				t.Errorf("%s: %s", step.Statement, line)
			}
		}
	}
}

// The settings leave the planner no way around an index, and none to walk through one from end to end.
const plannersChoice = `SET enable_seqscan = off; SET enable_hashjoin = off; SET enable_mergejoin = off`

func TestPurgeFindsRowsByIndexOnPostgres(t *testing.T) {
	t.Parallel()
	conn := newPostgres(t)
	if _, err := conn.Exec(t.Context(), plannersChoice); err != nil {
		t.Fatal(err)
	}
	for _, step := range homeserver.PurgeStatements(engine.Postgres) {
		plan := explain(t, conn, step.Statement)
		for i, line := range plan {
			indexed := strings.Contains(line, "Index Scan") || strings.Contains(line, "Index Only Scan")
			if strings.Contains(line, "Seq Scan") || indexed && (i+1 == len(plan) || !strings.Contains(plan[i+1], "Index Cond")) {
				t.Errorf("%s:\n%s", step.Statement, strings.Join(plan, "\n"))
			}
		}
	}
}

func explain(t *testing.T, conn *pgx.Conn, statement string) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), "EXPLAIN "+sqltext.Bind(statement), "!room:example.com")
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
	return lines
}
