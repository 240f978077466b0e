package port_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/port"
)

// twoExpectation is how both targets look when everything is done, and before anything is.
type twoExpectation struct {
	fresh, whole map[string]string
	schema       string
	duration     time.Duration
}

func expectTwo(t *testing.T, source string) twoExpectation {
	t.Helper()
	targets := preparedTwo(t)
	e := twoExpectation{fresh: targets.content(t), schema: targets.schema(t)}
	e.duration = targets.process(t, source).process().MustEnd(t)
	targets.wait(t)
	e.whole = targets.content(t)
	return e
}

func (w two) process(t *testing.T, source string) portProcess {
	t.Helper()
	return portProcess{Source: source, Target: w.main.Config, State: w.state.Config, Aside: filepath.Join(t.TempDir(), "aside.jsonl")}
}

// stages says of each target whether it is fresh, whole or guarded. There is nothing else.
func (e twoExpectation) stages(t *testing.T, targets two) (main, state string) {
	t.Helper()
	targets.wait(t)
	got := targets.content(t)
	of := func(part string, database *dbtest.Database) string {
		guard := lookAtGuard(t, database)
		same := func(want map[string]string) bool {
			return maps.Equal(only(part, got), only(part, want))
		}
		switch {
		case guard == guarded():
			return "guarded"
		case guard.Unfinished || guard.Compat == guarded().Compat:
			t.Errorf("%sthe guard is half up: %+v", part, guard)
		case same(e.whole):
			return "whole"
		case same(e.fresh):
			return "fresh"
		default:
			t.Errorf("%sis not guarded, not whole and not fresh (-fresh +got):\n%s", part, cmp.Diff(only(part, e.fresh), only(part, got)))
		}
		return "wrong"
	}
	return of("main ", targets.main), of("state ", targets.state)
}

// only is the part of a content that is of one database.
func only(part string, content map[string]string) map[string]string {
	of := map[string]string{}
	for name, rows := range content {
		if strings.HasPrefix(name, part) {
			of[name] = rows
		}
	}
	return of
}

func (e twoExpectation) complete(t *testing.T, targets two) {
	t.Helper()
	if main, state := e.stages(t, targets); main != "whole" || state != "whole" {
		t.Errorf("main is %s, state is %s (-want +got):\n%s", main, state, cmp.Diff(e.whole, targets.content(t)))
	}
	if diff := cmp.Diff(e.schema, targets.schema(t)); diff != "" {
		t.Errorf("schema (-want +got):\n%s", diff)
	}
}

func TestKilledPortIntoTwoIsGuardedAndRunsAgain(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expectTwo(t, source)
	for range dbtest.Rounds(t, 3) {
		targets := preparedTwo(t)
		moment := rand.N(expected.duration)
		targets.process(t, source).process().SignalAfter(t, syscall.SIGKILL, moment)
		main, state := expected.stages(t, targets)
		t.Logf("killed after %v of %v: main is %s, state is %s", moment, expected.duration, main, state)
		if main != "guarded" && state != "guarded" && main != state {
			t.Error("a homeserver could start on that")
		}
		targets.process(t, source).process().MustEnd(t)
		if expected.complete(t, targets); t.Failed() {
			return
		}
	}
}

// holdFinish has the transaction that lowers the guard wait until it is killed.
const (
	holdFinish = `
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(600); RETURN NEW; END';
CREATE TRIGGER hold BEFORE INSERT ON schema_compat_version FOR EACH ROW WHEN (NEW.compat_version <> 2147483647) EXECUTE FUNCTION public.hold()`
	letFinish = `CREATE OR REPLACE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'`
	forgetIt  = `DROP FUNCTION public.hold() CASCADE`
	endOthers = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()`
)

func TestKilledBetweenTheTwoFinishes(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 1})
	expected, targets := expectTwo(t, source), preparedTwo(t)
	execute(t, targets.main, holdFinish)
	var output bytes.Buffer
	command := targets.process(t, source).process().Start(t, &output)
	waitUntilComplete(t, targets.state)
	if err := command.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatalf("%v: %s", err, &output)
	}
	_ = command.Wait()
	asSuperuser(t, targets.main, func(conn *pgx.Conn) error {
		_, err := conn.Exec(t.Context(), endOthers)
		return err
	})
	if main, state := expected.stages(t, targets); main != "guarded" || state != "whole" {
		t.Fatalf("main is %s, state is %s", main, state)
	}
	execute(t, targets.main, letFinish)
	before := targets.content(t)
	if _, err := port.Finish(t.Context(), targets.options(t, source)); !refusedFor(err, "port_unfinished") || len(errorProblems(err)) != 1 {
		t.Errorf("finish: %v", err)
	}
	targets.wait(t)
	if _, err := port.Abandon(t.Context(), targets.options(t, source)); !refusedFor(err, "port_complete") || len(errorProblems(err)) != 1 {
		t.Errorf("abandon: %v", err)
	}
	if diff := cmp.Diff(before, targets.content(t)); diff != "" {
		t.Errorf("refused, but a target was touched:\n%s", diff)
	}
	report, err := targets.port(t, source, nil)
	if err != nil {
		t.Fatal(err)
	}
	if report.Mode != port.ModeResumed || len(changed(report))+len(changed(report.State)) > 0 {
		t.Errorf("%s, changed %v, %v", report.Mode, changed(report), changed(report.State))
	}
	execute(t, targets.main, forgetIt)
	expected.complete(t, targets)
}

// waitUntilComplete returns when the port into a database is complete.
func waitUntilComplete(t *testing.T, database *dbtest.Database) {
	t.Helper()
	asSuperuser(t, database, func(conn *pgx.Conn) (err error) {
		dbtest.Await(t, func() (complete bool) {
			err = conn.QueryRow(t.Context(), "SELECT to_regclass('synapse_port.run') IS NOT NULL").Scan(&complete)
			if err == nil && complete {
				err = conn.QueryRow(t.Context(), "SELECT phase = 'complete' FROM synapse_port.run").Scan(&complete)
			}
			return complete || err != nil
		})
		return err
	})
}

// refuseGuard has the first write to a target fail.
const refuseGuard = `
CREATE FUNCTION public.hold() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE EXCEPTION ''not today''; END';
CREATE TRIGGER hold BEFORE INSERT ON schema_compat_version FOR EACH ROW EXECUTE FUNCTION public.hold()`

func TestFinishAndAbandonTwo(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: 300, Seed: 1})
	expected, targets := expectTwo(t, source), preparedTwo(t)
	end := func(what func(context.Context, port.Options) (bool, error)) (bool, error) {
		t.Helper()
		targets.wait(t)
		return what(t.Context(), targets.options(t, source))
	}
	for name, what := range map[string]func(context.Context, port.Options) (bool, error){"finish": port.Finish, "abandon": port.Abandon} {
		if found, err := end(what); found || err != nil {
			t.Errorf("%s before the first port: %v, %v", name, found, err)
		}
	}
	// Only main was written to: state needs no putting back.
	execute(t, targets.state, refuseGuard)
	_, err := targets.port(t, source, nil)
	if _, unfinished := errors.AsType[*port.UnfinishedError](err); !unfinished || !strings.Contains(err.Error(), "state: prepare the target: ERROR: not today") {
		t.Fatalf("the error is %v", err)
	}
	execute(t, targets.state, forgetIt)
	if main, state := expected.stages(t, targets); main != "guarded" || state != "fresh" {
		t.Fatalf("main is %s, state is %s", main, state)
	}
	if found, err := end(port.Abandon); !found || err != nil {
		t.Fatalf("abandon main alone: %v, %v", found, err)
	}
	if main, state := expected.stages(t, targets); main != "fresh" || state != "fresh" {
		t.Fatalf("abandoned, but main is %s, state is %s", main, state)
	}
	interruptTwo(t, source, targets)
	if _, err := end(port.Finish); !refusedFor(err, "port_unfinished") || len(errorProblems(err)) != 2 {
		t.Errorf("finish of an unfinished port: %v", err)
	}
	if found, err := end(port.Abandon); !found || err != nil {
		t.Fatalf("abandon both: %v, %v", found, err)
	}
	if main, state := expected.stages(t, targets); main != "fresh" || state != "fresh" {
		t.Fatalf("abandoned, but main is %s, state is %s", main, state)
	}
	if diff := cmp.Diff(expected.schema, targets.schema(t)); diff != "" {
		t.Errorf("schema (-prepared +abandoned):\n%s", diff)
	}
	if _, err := targets.port(t, source, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := end(port.Abandon); !refusedFor(err, "port_complete") || len(errorProblems(err)) != 2 {
		t.Errorf("abandon of a complete port: %v", err)
	}
	targets.wait(t)
	if found, err := port.Finish(t.Context(), port.Options{Target: targetConfig(t, targets.main)}); !found || err != nil {
		t.Errorf("finish main alone: %v, %v", found, err)
	}
	for _, want := range []bool{true, false} { // state's is still there, then nothing is
		if found, err := end(port.Finish); found != want || err != nil {
			t.Errorf("finish: %v, %v, want %v", found, err, want)
		}
	}
	one := two{targets.main, targets.main}
	if _, err := port.Finish(t.Context(), one.options(t, source)); !refusedFor(err, "target_same") {
		t.Errorf("finish of one database by two names: %v", err)
	}
}

// interruptTwo ends a port when both targets have been copied.
func interruptTwo(t *testing.T, source string, targets two) {
	t.Helper()
	targets.wait(t)
	ctx, cancel := context.WithCancel(t.Context())
	options, done := targets.options(t, source), make(chan error, 1)
	options.Progress = port.NewProgress()
	go func() {
		_, err := port.Run(ctx, options)
		done <- err
	}()
	dbtest.Await(t, func() bool { return options.Progress.Snapshot().Phase == port.PhaseVerify })
	cancel()
	if err := <-done; err == nil {
		t.Fatal("the port was not interrupted")
	}
	targets.wait(t)
}

// When the ways to both are there again, the port goes on by itself; also the connection that was idle while the other target was at work.
func TestConnectionsToTwoThatAreCutForAMoment(t *testing.T) {
	t.Parallel()
	source := demoSource(t, demo.Options{Events: killedEvents, Seed: 1})
	expected := expectTwo(t, source)
	for _, phase := range []port.Phase{port.PhaseCopy, port.PhaseVerify} {
		t.Run(string(phase), func(t *testing.T) {
			t.Parallel()
			targets := preparedTwo(t)
			way := startRelay(t, net.JoinHostPort("127.0.0.1", strconv.Itoa(dbtest.Postgres(t).Port())))
			err := disturbed(t, source, targets.main, phase, way.drop, func(options *port.Options) {
				throughRelay(t, way, targets.state, options)
				options.State = options.Target
				throughRelay(t, way, targets.main, options)
			})
			if err != nil {
				t.Fatal(err)
			}
			expected.complete(t, targets)
		})
	}
}
