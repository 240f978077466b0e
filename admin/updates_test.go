package admin_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
)

// Disabled, an updater ends its batch and begins no other; enabled, it goes on where it was.
func TestDisabledHoldsAfterTheBatchAtHand(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, open opener) {
		open.enqueue(t, "count")
		began, goOn, committed := make(chan bool), make(chan struct{}), make(chan background.Report, 3)
		registry := background.NewRegistry()
		var updater *background.Updater
		registry.Register("count", func(_ context.Context, batch *background.Batch) (background.Result, error) {
			began <- updater.Enabled()
			<-goOn
			second := string(batch.Progress) != "{}"
			return background.Result{Items: 1, Progress: map[string]int{"batches": 1}, Done: second}, nil
		})
		updater = newUpdater(t, open, "", registry, func(config *background.Config) {
			config.OnBatch = func(report background.Report) { committed <- report }
		})
		api := newClient(t, admin.Config{Databases: []*background.Updater{updater}, Token: token})
		work(t, updater)
		<-began
		check(t, answer{200, `{"enabled":false}`}, api.post(t, "enabled", `{"enabled": false}`))
		goOn <- struct{}{}
		if report := <-committed; report.Err != nil || report.Done {
			t.Errorf("the batch at hand: %+v", report)
		}
		check(t, answer{200, `{"enabled":false}`}, api.get(t, "enabled"))
		if diff := cmp.Diff([]string{"count"}, open.pending(t)); diff != "" {
			t.Error(diff)
		}
		select {
		case <-began:
			t.Error("a batch has begun while updates were disabled")
		default:
		}
		check(t, answer{200, `{"enabled":true}`}, api.post(t, "enabled", `{}`))
		if enabled := <-began; !enabled {
			t.Error("a batch has begun while updates were disabled")
		}
		goOn <- struct{}{}
		if report := <-committed; report.Err != nil || !report.Done {
			t.Errorf("the last batch: %+v", report)
		}
		awaitState(t, updater, background.Complete)
	})
}

// An updater that has nothing to do is woken by a job.
func TestStartedJobIsRun(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, open opener) {
		done := make(chan struct{})
		registry := background.NewRegistry()
		registry.Register("populate_stats_process_rooms", func(context.Context, *background.Batch) (background.Result, error) {
			return background.Result{Items: 1, Done: true}, nil
		})
		updater := newUpdater(t, open, "", registry, func(config *background.Config) {
			config.OnBatch = func(background.Report) { close(done) }
		})
		api := newClient(t, admin.Config{Databases: []*background.Updater{updater}, StartJob: open.startJob, Token: token})
		work(t, updater)
		awaitState(t, updater, background.Complete)
		check(t, answer{200, `{}`}, api.post(t, "start_job", `{"job_name": "populate_stats_process_rooms"}`))
		<-done
		awaitState(t, updater, background.Complete)
		if left := open.pending(t); len(left) != 0 {
			t.Errorf("left: %v", left)
		}
	})
}

// Asked for by many at once, a job is queued for one of them; nothing else disturbs the others.
func TestConcurrentRequests(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, open opener) {
		updater := newUpdater(t, open, "", background.NewRegistry())
		api := newClient(t, admin.Config{
			Databases: []*background.Updater{updater}, StartJob: open.startJob, Token: token, Metrics: admin.NewMetrics(),
		})
		work(t, updater)
		const callers = 6
		var group sync.WaitGroup
		started := make([]answer, callers)
		for i := range callers {
			group.Go(func() { started[i] = api.post(t, "start_job", `{"job_name": "regenerate_directory"}`) })
			group.Go(func() { api.post(t, "enabled", `{"enabled": `+[]string{"true", "false"}[i%2]+`}`) })
			group.Go(func() {
				if got := api.get(t, "status"); got.Status != http.StatusOK || !json.Valid([]byte(got.Body)) {
					t.Errorf("status: %+v", got)
				}
			})
			group.Go(func() {
				if got, _ := api.do(t, http.MethodGet, "/metrics", "", nil); got.Status != http.StatusOK {
					t.Errorf("metrics: %+v", got)
				}
			})
		}
		group.Wait()
		queued := answer{400, `{"errcode":"M_UNKNOWN","error":"the job regenerate_directory is queued already: ` +
			`its background update populate_user_directory_createtables is pending"}`}
		counts := map[answer]int{}
		for _, one := range started {
			counts[one]++
		}
		if diff := cmp.Diff(map[answer]int{{200, `{}`}: 1, queued: callers - 1}, counts); diff != "" {
			t.Error(diff)
		}
	})
}

// All databases are switched and shown, and a job wakes the one that holds main.
func TestSeveralDatabases(t *testing.T) {
	t.Parallel()
	main, state := newSQLite(t), newSQLite(t)
	state.enqueue(t, "fill_upper")
	working := betweenBatches(t, state)
	other := newUpdater(t, main, "first", background.NewRegistry())
	api := newClient(t, admin.Config{Databases: []*background.Updater{working, other}, Main: other, StartJob: main.startJob, Token: token})
	check(t, answer{200, `{"enabled":true,"current_updates":{"master":` +
		`{"name":"fill_upper","total_item_count":50,"total_duration_ms":250,"average_items_per_ms":0.2}}}`}, api.get(t, "status"))
	check(t, answer{200, `{"enabled":false}`}, api.post(t, "enabled", `{"enabled":false}`))
	if working.Enabled() || other.Enabled() {
		t.Error("one of the two is enabled")
	}
	other.SetEnabled(true)
	check(t, answer{200, `{"enabled":false}`}, api.get(t, "enabled"))
	check(t, answer{200, `{"enabled":true}`}, api.post(t, "enabled", `{"enabled":true}`))
	check(t, answer{200, `{}`}, api.post(t, "start_job", `{"job_name":"event_resign","old_key":"ed25519:a","before_ts":1}`))
	if diff := cmp.Diff([]string{"event_resign"}, main.pending(t)); diff != "" {
		t.Error(diff)
	}
}

// Before its first item, an update has no average.
func TestAverageIsNullBeforeTheFirstItem(t *testing.T) {
	t.Parallel()
	open := newSQLite(t)
	open.enqueue(t, "count")
	began, goOn := make(chan struct{}), make(chan struct{})
	registry := background.NewRegistry()
	registry.Register("count", func(context.Context, *background.Batch) (background.Result, error) {
		close(began)
		<-goOn
		return background.Result{Done: true}, nil
	})
	updater := newUpdater(t, open, "", registry)
	api := newClient(t, admin.Config{Databases: []*background.Updater{updater}})
	work(t, updater)
	<-began
	check(t, answer{200, `{"enabled":true,"current_updates":{"master":` +
		`{"name":"count","total_item_count":0,"total_duration_ms":0,"average_items_per_ms":null}}}`}, api.get(t, "status"))
	close(goOn)
	awaitState(t, updater, background.Complete)
	check(t, answer{200, `{"enabled":true,"current_updates":{}}`}, api.get(t, "status"))
}

func TestBodies(t *testing.T) {
	t.Parallel()
	open := newSQLite(t)
	api := newClient(t, admin.Config{
		Databases: []*background.Updater{newUpdater(t, open, "", background.NewRegistry())}, StartJob: open.startJob, Token: token,
	})
	for name, one := range map[string]struct {
		to, body string
		want     answer
	}{
		"nothing":              {"enabled", ``, answer{400, `{"errcode":"M_NOT_JSON","error":"the body is not JSON"}`}},
		"two objects":          {"enabled", `{}{}`, answer{400, `{"errcode":"M_NOT_JSON","error":"the body is not JSON"}`}},
		"broken letters":       {"enabled", "{\"a\": \"\xff\"}", answer{400, `{"errcode":"M_NOT_JSON","error":"the body is not JSON"}`}},
		"a list":               {"enabled", `[true]`, answer{400, `{"errcode":"M_BAD_JSON","error":"the body has to be a JSON object"}`}},
		"null":                 {"enabled", `null`, answer{400, `{"errcode":"M_BAD_JSON","error":"the body has to be a JSON object"}`}},
		"a word for a boolean": {"enabled", `{"enabled":"yes"}`, answer{400, `{"errcode":"M_INVALID_PARAM","error":"enabled: it has to be true or false"}`}},
		"null for a boolean":   {"enabled", `{"enabled":null}`, answer{400, `{"errcode":"M_INVALID_PARAM","error":"enabled: it has to be true or false"}`}},
		"another field":        {"enabled", `{"Enabled":false}`, answer{200, `{"enabled":true}`}},
		"too long": {
			"enabled", `{"a":"` + strings.Repeat("a", 1<<20) + `"}`, answer{413, `{"errcode":"M_TOO_LARGE","error":"the body is longer than 1 MiB"}`},
		},
		"no job":            {"start_job", `{"job":"event_resign"}`, answer{400, `{"errcode":"M_MISSING_PARAM","error":"job_name is missing"}`}},
		"a number for one":  {"start_job", `{"job_name":1}`, answer{400, `{"errcode":"M_INVALID_PARAM","error":"job_name: it has to be a string"}`}},
		"an unknown one":    {"start_job", `{"job_name":"a<b"}`, answer{400, `{"errcode":"M_UNKNOWN","error":"there is no job \"a\u003cb\""}`}},
		"without parameter": {"start_job", `{"job_name":"event_resign"}`, answer{400, `{"errcode":"M_MISSING_PARAM","error":"old_key is missing"}`}},
		"a wrong parameter": {
			"start_job", `{"job_name":"event_resign","old_key":"a","before_ts":"b"}`,
			answer{400, `{"errcode":"M_INVALID_PARAM","error":"before_ts: it has to be an integer"}`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			check(t, one.want, api.post(t, one.to, one.body))
		})
	}
	if left := open.pending(t); len(left) != 0 {
		t.Errorf("enqueued: %v", left)
	}
}

// What is not the caller's to correct is in the log and not in the answer.
func TestErrorsOfTheServerAreLogged(t *testing.T) {
	t.Parallel()
	api := newClient(t, admin.Config{Databases: []*background.Updater{idle(t, "master")}, Token: token, StartJob: func(context.Context, string, json.RawMessage) error {
		return errors.New("connection refused")
	}})
	check(t, answer{500, `{"errcode":"M_UNKNOWN","error":"internal error; the log says more"}`}, api.post(t, "start_job", `{"job_name":"event_resign"}`))
	if log := api.log.String(); !strings.Contains(log, "level=ERROR") || !strings.Contains(log, "connection refused") {
		t.Errorf("log: %s", log)
	}
}

func TestWithoutStartJobEveryJobIsUnknown(t *testing.T) {
	t.Parallel()
	api := newClient(t, admin.Config{Databases: []*background.Updater{idle(t, "master")}, Token: token})
	check(t, answer{400, `{"errcode":"M_UNKNOWN","error":"there is no job \"event_resign\""}`}, api.post(t, "start_job", `{"job_name":"event_resign"}`))
}

func TestConfigurationsThatAreRefused(t *testing.T) {
	t.Parallel()
	one, two := idle(t, "master"), idle(t, "state")
	startJob := func(context.Context, string, json.RawMessage) error { return nil }
	used := admin.NewMetrics()
	if _, err := admin.New(admin.Config{Databases: []*background.Updater{one}, Metrics: used}); err != nil {
		t.Fatal(err)
	}
	for want, config := range map[string]admin.Config{
		"needs the updaters":       {},
		"needs the updaters of":    {Databases: []*background.Updater{nil}},
		"two databases":            {Databases: []*background.Updater{one, idle(t, "master")}},
		"set Main":                 {Databases: []*background.Updater{one, two}, StartJob: startJob},
		"none of the databases":    {Databases: []*background.Updater{one}, Main: two},
		"belong to one handler of": {Databases: []*background.Updater{one}, Metrics: used},
	} {
		if _, err := admin.New(config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

func check(t *testing.T, want, got answer) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answer (-want +got):\n%s", diff)
	}
}
