package tune_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/tune"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

const gigabyte = int64(1) << 30

func start(t *testing.T, settings map[string]string) *server.Postgres {
	t.Helper()
	started := dbtest.StartPostgres(t, server.PostgresOptions{Settings: settings})
	return started
}

func exec(t *testing.T, p *server.Postgres, statements ...string) {
	t.Helper()
	admin, err := p.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background())
	for _, statement := range statements {
		if _, err := admin.Exec(t.Context(), statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
}

// read is done by a role that may nothing but log in.
func read(t *testing.T, p *server.Postgres) *tune.Facts {
	t.Helper()
	config, _, err := postgres.ParseArgs(map[string]any{"host": p.SocketDir(), "port": p.Port(), "user": "ordinary", "dbname": "postgres"})
	if err != nil {
		t.Fatal(err)
	}
	session, err := config.OpenSession(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	facts, err := tune.Read(t.Context(), session, "server", "master")
	if err != nil {
		t.Fatal(err)
	}
	return facts
}

// tables are four, of which the smallest gets no advice; the second has a setting of its own.
var tables = []string{
	"CREATE ROLE ordinary LOGIN",
	`CREATE TABLE "big one" AS SELECT n, repeat('x', 40) FROM generate_series(1, 150000) AS n`,
	"CREATE TABLE middle AS SELECT n, repeat('x', 400) FROM generate_series(1, 9000) AS n",
	"ALTER TABLE middle SET (autovacuum_vacuum_scale_factor = 0.9, autovacuum_vacuum_cost_limit = 7)",
	"CREATE TABLE small AS SELECT n, repeat('x', 40) FROM generate_series(1, 9000) AS n",
	"CREATE TABLE smallest (n int)", "ANALYZE",
}

// Every line is given to a real server: as statements to one that runs, which is then restarted, and as lines to a new one.
func TestTheServerTakesEveryLine(t *testing.T) {
	t.Parallel()
	for name, wishes := range map[string]tune.Wishes{
		"ssd, small":        {Memory: 700 << 20, Storage: tune.SSD},
		"hdd, shared":       {Memory: gigabyte, Storage: tune.HDD, Shared: true, Connections: 150},
		"storage not known": {Memory: 2 * gigabyte, Connections: 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := start(t, nil)
			exec(t, p, tables...)
			report := tune.Advise(read(t, p), wishes)
			exec(t, p, report.SQL...)
			if err := p.Restart(t.Context()); err != nil {
				t.Fatal(err)
			}
			after := tune.Advise(read(t, p), wishes)
			if len(after.SQL) > 0 {
				t.Errorf("still to be done: %v", after.SQL)
			}
			settings := map[string]string{}
			for _, line := range report.Configuration {
				key, value, _ := strings.Cut(line, " = ")
				settings[key] = strings.Trim(value, "'")
			}
			for _, setting := range report.Restart {
				if settings[setting] == "" {
					t.Errorf("%s needs a restart, and is not among the lines", setting)
				}
			}
			other := start(t, settings)
			exec(t, other, "CREATE ROLE ordinary LOGIN")
			if again := tune.Advise(read(t, other), wishes); len(again.Configuration) > 0 {
				t.Errorf("as lines: still to be done: %v", again.Configuration)
			}
		})
	}
}

func TestAdviceFitsTheMachine(t *testing.T) {
	t.Parallel()
	p := start(t, map[string]string{"max_connections": "100"})
	exec(t, p, tables...)
	facts := read(t, p)
	for name, test := range map[string]struct {
		wishes tune.Wishes
		want   map[string]string
	}{
		"8 GB, ssd": {tune.Wishes{Memory: 8 * gigabyte, Storage: tune.SSD}, map[string]string{
			"shared_buffers": "2GB", "effective_cache_size": "6GB", "work_mem": "20MB", "maintenance_work_mem": "512MB", "autovacuum_work_mem": "256MB",
			"huge_pages": "try", "random_page_cost": "1.1", "effective_io_concurrency": "200", "autovacuum": "on", "autovacuum_vacuum_cost_limit": "2000",
		}},
		"64 GB with the homeserver, hdd": {tune.Wishes{Memory: 64 * gigabyte, Shared: true, Storage: tune.HDD, Connections: 400}, map[string]string{
			"shared_buffers": "16GB", "effective_cache_size": "32GB", "work_mem": "20MB", "maintenance_work_mem": "2GB", "autovacuum_work_mem": "1GB",
			"huge_pages": "try", "random_page_cost": "4", "effective_io_concurrency": "2", "autovacuum": "on", "autovacuum_vacuum_cost_limit": "400", "max_connections": "400",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			report := tune.Advise(facts, test.wishes)
			got := map[string]string{}
			for _, setting := range report.Settings {
				got[setting.Name] = setting.Advice
				if setting.Reason == "" || setting.Current == "" {
					t.Errorf("%+v", setting)
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
			restart := []string{"shared_buffers"}
			if test.wishes.Connections > 0 {
				restart = append(restart, "max_connections")
			}
			if diff := cmp.Diff(restart, report.Restart); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestTheBiggestTablesAreAdvisedOn(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	exec(t, p, tables...)
	facts := read(t, p)
	report := tune.Advise(facts, tune.Wishes{Memory: gigabyte, Storage: tune.SSD})
	var names []string
	for _, table := range report.Tables {
		names = append(names, fmt.Sprintf("%s %d", table.Name, table.Rows))
	}
	if diff := cmp.Diff([]string{"big one 150000", "middle 9000", "small 9000"}, names); diff != "" {
		t.Error(diff)
	}
	want := []string{
		"-- on the database that the configuration calls master:",
		`ALTER TABLE "public"."big one" SET (autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05, autovacuum_vacuum_insert_scale_factor = 0.1);`,
		`ALTER TABLE "public"."middle" SET (autovacuum_vacuum_scale_factor = 0.2, autovacuum_vacuum_cost_limit = 2000);`,
	}
	statements := report.SQL[slices.Index(report.SQL, want[0]):]
	if diff := cmp.Diff(want, statements); diff != "" {
		t.Error(diff)
	}
	two := &tune.Facts{Tables: slices.Clone(facts.Tables)}
	two.Add(facts)
	if len(two.Tables) != 3 || two.Tables[0].Name != "big one" || two.Tables[1].Name != "big one" {
		t.Errorf("%+v", two.Tables)
	}
}

// What stands in the way of a start is not tried out, but compared with what the server says it takes.
func TestAdviceStaysWithinTheServersLimits(t *testing.T) {
	t.Parallel()
	p := start(t, nil)
	exec(t, p, "CREATE ROLE ordinary LOGIN")
	for _, wishes := range []tune.Wishes{{Memory: 256 << 20, Connections: 100000, Storage: tune.SSD}, {Memory: 16 << 40, Connections: 20, Storage: tune.HDD}} {
		report := tune.Advise(read(t, p), wishes)
		exec(t, p, report.SQL...) // it is not started with them
		exec(t, p, "ALTER SYSTEM RESET ALL")
	}
	facts := read(t, p)
	facts.Settings["huge_pages"] = tune.Current{Value: "on", Context: "postmaster"}
	if report := tune.Advise(facts, tune.Wishes{Memory: 8 * gigabyte}); strings.Contains(strings.Join(report.SQL, " "), "huge_pages") {
		t.Error("a server that insists on huge pages is to go on without")
	}
}

func TestMemoryIsRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"8GB": 8 * gigabyte, "512MB": 512 << 20, "1.5 G": gigabyte * 3 / 2, "8GiB": 8 * gigabyte, "1TB": 1 << 40,
		"8": 0, "8 apples": 0, "-1GB": 0, "1kB": 0, "16TB": 16 << 40, "17TB": 0, "": 0,
	} {
		got, err := tune.ParseMemory(text)
		if got != want || (err == nil) != (want > 0) {
			t.Errorf("%q: %d, %v", text, got, err)
		}
	}
	if memory, err := tune.Memory(); err != nil || memory < 64<<20 {
		t.Errorf("%d, %v", memory, err)
	}
}
