package metrics_test

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/metrics"
)

const wantMetrics = `
# HELP synapse_entity_changes_total Changes that were to be written.
# TYPE synapse_entity_changes_total counter
synapse_entity_changes_total{application="porch"} 2
# HELP synapse_entity_entities Entities that the program has defined.
# TYPE synapse_entity_entities gauge
synapse_entity_entities{application="porch"} 1
# HELP synapse_entity_failed_attempts Writes that have failed since the last one that succeeded.
# TYPE synapse_entity_failed_attempts gauge
synapse_entity_failed_attempts{application="porch"} 0
# HELP synapse_entity_pending Entities whose last value is not in the database yet.
# TYPE synapse_entity_pending gauge
synapse_entity_pending{application="porch"} 0
# HELP synapse_entity_pending_seconds For how long the oldest value has waited that is not in the database yet.
# TYPE synapse_entity_pending_seconds gauge
synapse_entity_pending_seconds{application="porch"} 0
# HELP synapse_entity_rejected Entities whose last value the database refuses.
# TYPE synapse_entity_rejected gauge
synapse_entity_rejected{application="porch"} 0
# HELP synapse_entity_set_aside_total Rows, or parts of rows, that could not be used and were set aside.
# TYPE synapse_entity_set_aside_total counter
synapse_entity_set_aside_total{application="porch"} 0
# HELP synapse_entity_stopped 1 when nothing is written any more by this process, because another one has taken over.
# TYPE synapse_entity_stopped gauge
synapse_entity_stopped{application="porch"} 0
# HELP synapse_entity_unknown Entities of the database that the program has not defined.
# TYPE synapse_entity_unknown gauge
synapse_entity_unknown{application="porch"} 0
`

func TestMetricsTellHowAStoreIs(t *testing.T) {
	t.Parallel()
	store, err := entity.Open(t.Context(), entity.Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(t.Context())
	lamp, err := entity.New(store, entity.Definition[bool, struct{}]{ID: "lamp", Durable: true})
	if err == nil {
		err = lamp.Set(t.Context(), true)
	}
	if err != nil {
		t.Fatal(err)
	}
	collector := metrics.NewCollector(store)
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
