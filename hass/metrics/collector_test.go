package metrics_test

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/metrics"
	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
)

func TestMain(m *testing.M) { dbtest.Main(m, dbtest.NoLeaks()) }

const wantMetrics = `
# HELP synapse_hass_commands_total Commands of Home Assistant that were applied.
# TYPE synapse_hass_commands_total counter
synapse_hass_commands_total{application="porch"} 0
# HELP synapse_hass_connected 1 while there is a connection to the broker.
# TYPE synapse_hass_connected gauge
synapse_hass_connected{application="porch"} 1
# HELP synapse_hass_entities Entities that are shown in Home Assistant.
# TYPE synapse_hass_entities gauge
synapse_hass_entities{application="porch"} 1
# HELP synapse_hass_pending Entities whose newest value the broker has not taken yet.
# TYPE synapse_hass_pending gauge
synapse_hass_pending{application="porch"} 0
# HELP synapse_hass_published_total Messages that the broker has taken.
# TYPE synapse_hass_published_total counter
synapse_hass_published_total{application="porch"} 4
# HELP synapse_hass_refused_total Commands of Home Assistant that were not applied.
# TYPE synapse_hass_refused_total counter
synapse_hass_refused_total{application="porch"} 0
# HELP synapse_hass_unsent Topics whose last message the broker has refused.
# TYPE synapse_hass_unsent gauge
synapse_hass_unsent{application="porch"} 0
`

func TestMetricsTellHowALinkIs(t *testing.T) {
	t.Parallel()
	store, err := entity.Open(t.Context(), entity.Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	must(t, err)
	t.Cleanup(func() { must(t, store.Close(context.WithoutCancel(t.Context()))) })
	_, err = hass.New(store, hass.Definition[bool, struct{}]{Definition: entity.Definition[bool, struct{}]{ID: "lamp"}, Component: component.Switch{}})
	must(t, err)
	link, err := hass.Connect(t.Context(), store, hass.Config{Broker: mqtt.Config{URL: dbtest.Mosquitto(t).URL()}})
	must(t, err)
	t.Cleanup(func() { must(t, link.Close(context.WithoutCancel(t.Context()))) })
	dbtest.Await(t, func() bool { return !link.Status().Announced.IsZero() })
	collector := metrics.NewCollector(link)
	var names []string
	for line := range strings.Lines(wantMetrics) {
		if name, _, is := strings.Cut(line, "{"); is {
			names = append(names, name)
		}
	}
	if err := testutil.CollectAndCompare(collector, strings.NewReader(wantMetrics), names...); err != nil {
		t.Error(err)
	}
	if count := testutil.CollectAndCount(collector); count != len(names)+3 { // and those that depend on chance
		t.Errorf("%d metrics", count)
	}
	problems, err := testutil.CollectAndLint(collector)
	if err != nil || len(problems) > 0 {
		t.Error(problems, err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Error(err)
	}
}
