package admin_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
)

const wantMetrics = `
# HELP synapse_background_update_status What the background updates are at: -1 some are left, 0 disabled, 1 not started, 2 running, 3 complete.
# TYPE synapse_background_update_status gauge
synapse_background_update_status{database_name="master",server_name="example.org"} -1
synapse_background_update_status{database_name="state",server_name="example.org"} 1
# HELP synapse_background_update_pending Background updates that were unfinished at the last look, those that were set aside among them.
# TYPE synapse_background_update_pending gauge
synapse_background_update_pending{database_name="master"} 1
synapse_background_update_pending{database_name="state"} 0
# HELP synapse_background_update_set_aside Background updates that were set aside at the last look because they had failed too often.
# TYPE synapse_background_update_set_aside gauge
synapse_background_update_set_aside{database_name="master"} 1
synapse_background_update_set_aside{database_name="state"} 0
# HELP synapse_background_update_items_total Items that background updates have worked on in committed batches.
# TYPE synapse_background_update_items_total counter
synapse_background_update_items_total{database_name="master"} 80
synapse_background_update_items_total{database_name="state"} 0
# HELP synapse_background_update_failures_total Batches of background updates that have failed.
# TYPE synapse_background_update_failures_total counter
synapse_background_update_failures_total{database_name="master"} 3
synapse_background_update_failures_total{database_name="state"} 0
# HELP synapse_background_update_batch_size Items that the last batch of a background update was to have.
# TYPE synapse_background_update_batch_size gauge
synapse_background_update_batch_size{database_name="master"} 100
synapse_background_update_batch_size{database_name="state"} 0
`

// Two batches of 50 and 30 items and 400 ms each, then an update that fails three times.
func TestMetricsTellWhatWasDone(t *testing.T) {
	t.Parallel()
	onBothEngines(t, func(t *testing.T, open opener) {
		open.enqueue(t, "a_fill", "b_failing")
		clock, metrics := &testClock{}, admin.NewMetrics()
		registry := background.NewRegistry()
		registry.Register("a_fill", func(_ context.Context, batch *background.Batch) (background.Result, error) {
			clock.advance(400 * time.Millisecond)
			if string(batch.Progress) == "{}" {
				return background.Result{Items: 50, Progress: map[string]int{"last": 50}}, nil
			}
			return background.Result{Items: 30, Done: true}, nil
		})
		registry.Register("b_failing", func(context.Context, *background.Batch) (background.Result, error) {
			return background.Result{}, errors.New("division by zero")
		})
		updater := newUpdater(t, open, "", registry, func(config *background.Config) {
			config.Clock, config.Attempts, config.OnBatch = clock, 3, metrics.Observe("master")
		})
		api := newClient(t, admin.Config{Databases: []*background.Updater{updater, idle(t, "state")}, Metrics: metrics, ServerName: "example.org"})
		work(t, updater)
		awaitState(t, updater, background.Aborted)
		if err := testutil.ScrapeAndCompare(api.url+"/metrics", strings.NewReader(wantMetrics), metricNames(wantMetrics)...); err != nil {
			t.Error(err)
		}
		text, _ := api.do(t, http.MethodGet, "/metrics", "", nil)
		for _, line := range []string{
			`synapse_background_update_batch_duration_seconds_bucket{database_name="master",le="0.25"} 0`,
			`synapse_background_update_batch_duration_seconds_bucket{database_name="master",le="0.5"} 2`,
			`synapse_background_update_batch_duration_seconds_sum{database_name="master"} 0.8`,
			`synapse_background_update_batch_duration_seconds_count{database_name="state"} 0`,
			"# TYPE go_goroutines gauge", "# TYPE process_start_time_seconds gauge",
		} {
			if !strings.Contains(text.Body, line+"\n") {
				t.Errorf("no line %s", line)
			}
		}
	})
}

func TestNamesOfMetricsFollowTheConventions(t *testing.T) {
	t.Parallel()
	api := newClient(t, admin.Config{Databases: []*background.Updater{idle(t, "master")}, Metrics: admin.NewMetrics(), Token: token})
	text, _ := api.do(t, http.MethodGet, "/metrics", "", nil)
	text.Body += "\n"
	problems, err := promlint.New(strings.NewReader(text.Body)).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("problems %v, error %v", problems, err)
	}
	if !strings.Contains(text.Body, "synapse_background_update_status{database_name=\"master\"} 1\n") {
		t.Errorf("metrics:\n%s", text.Body)
	}
}

func metricNames(text string) (names []string) {
	for line := range strings.Lines(text) {
		if rest, is := strings.CutPrefix(line, "# TYPE "); is {
			name, _, _ := strings.Cut(rest, " ")
			names = append(names, name)
		}
	}
	return names
}
