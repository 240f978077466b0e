package sequences_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor"
	"github.com/synapsedb/synapse/doctor/doctortest"
	"github.com/synapsedb/synapse/doctor/sequences"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// fixVariable has the test binary fix the database whose settings it holds, and do nothing else.
const fixVariable = "SYNAPSE_TEST_FIX"

func TestMain(m *testing.M) {
	if settings := os.Getenv(fixVariable); settings != "" {
		if err := fixOnly(settings); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	dbtest.Main(m, dbtest.NoLeaks())
}

func fixOnly(settings string) error {
	args := map[string]any{}
	if err := json.Unmarshal([]byte(settings), &args); err != nil {
		return err
	}
	if port, is := args["port"].(float64); is {
		args["port"] = int(port)
	}
	config, _, err := postgres.ParseArgs(args)
	if err != nil {
		return err
	}
	return doctor.ApplyFix(context.Background(), doctor.Options{Databases: []doctor.Database{{Label: "master", Postgres: config}}}, sequences.FixID, true)
}

// Killed between two sequences, the fix has moved the first, and the next run moves the rest.
func TestKilledFixIsFinishedByTheNext(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, positionAhead, groupAhead, userAhead)
	conn := database.Connect(t)
	execute(t, conn, "BEGIN", "ALTER SEQUENCE user_id_seq OWNED BY NONE") // keeps setval of the last one waiting
	child := fixProcess(t, database)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	watcher := database.ConnectSuperuser(t)
	const waiting = `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock' AND query LIKE 'SELECT setval(%user_id_seq%')`
	waitFor(t, watcher, waiting)
	if err := child.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = child.Wait() // it was killed
	for sequence, want := range map[string]int64{"events_stream_seq": 500, "state_group_id_seq": 70, "user_id_seq": 1} {
		if got := query[int64](t, watcher, "SELECT last_value FROM "+sequence); got != want {
			t.Errorf("%s has %d, want %d", sequence, got, want)
		}
	}
	execute(t, conn, "ROLLBACK")
	if err := doctor.ApplyFix(t.Context(), options, sequences.FixID, true); err != nil {
		t.Fatal(err)
	}
	doctortest.MustBeHealthy(t, options)
	mustStart(t, database)
}

func fixProcess(t *testing.T, database *dbtest.Database) *exec.Cmd {
	t.Helper()
	settings, err := json.Marshal(database.Config)
	if err != nil {
		t.Fatal(err)
	}
	child := exec.CommandContext(t.Context(), os.Args[0])
	child.Env = append(os.Environ(), fixVariable+"="+string(settings))
	child.Stderr = os.Stderr
	return child
}

// waitFor asks until the answer is yes, which takes as long as another process needs.
func waitFor(t *testing.T, conn *pgx.Conn, question string) {
	t.Helper()
	dbtest.Await(t, func() bool { return query[bool](t, conn, question) })
}

// Two fixes at once wait for each other, and a writer beside them finds no number twice.
func TestTwoFixesAtOnce(t *testing.T) {
	t.Parallel()
	database, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, positionAhead, groupAhead, userAhead)
	var group sync.WaitGroup
	errs := make([]error, 4)
	for i := range errs {
		group.Go(func() { errs[i] = doctor.ApplyFix(t.Context(), options, sequences.FixID, true) })
	}
	group.Wait()
	for _, err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	doctortest.MustBeHealthy(t, options)
	mustStart(t, database)
}

// A sequence that is ahead by then stays where it is: the statement that was shown may be run late.
func TestSequenceNeverGoesBack(t *testing.T) {
	t.Parallel()
	_, session, options := doctortest.Postgres(t)
	doctortest.Exec(t, session, groupAhead)
	found := doctortest.Findings(t, options, sequences.BehindTable)
	if len(found) != 1 {
		t.Fatalf("%+v", found)
	}
	doctortest.Exec(t, session, `SELECT setval('state_group_id_seq', 1000, true)`, found[0].Remedy.Commands[0])
	var last int64
	if err := session.QueryRow(t.Context(), "SELECT last_value FROM state_group_id_seq").Scan(&last); err != nil || last != 1000 {
		t.Errorf("it has %d, %v", last, err)
	}
}
