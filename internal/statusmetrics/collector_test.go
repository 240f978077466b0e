package statusmetrics_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/synapsedb/synapse/internal/statusmetrics"
)

func TestAllAreOfOneStatus(t *testing.T) {
	t.Parallel()
	looks := 0
	made := statusmetrics.New("test_", prometheus.Labels{"of": "this"}, func() int { looks++; return looks })
	value := func(status *int) float64 { return float64(*status) }
	made.Gauge("level", "How high.", value)
	made.Counter("steps_total", "How many.", value)
	const want = `# HELP test_level How high.
# TYPE test_level gauge
test_level{of="this"} 1
# HELP test_steps_total How many.
# TYPE test_steps_total counter
test_steps_total{of="this"} 1
`
	if err := testutil.CollectAndCompare(made, strings.NewReader(want)); err != nil {
		t.Error(err)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	if got := statusmetrics.Seconds(time.Time{}); got != 0 {
		t.Errorf("no time is %v", got)
	}
	if got := statusmetrics.Seconds(time.UnixMilli(1500)); got != 1.5 {
		t.Errorf("1.5 s are %v", got)
	}
	if statusmetrics.Truth(true) != 1 || statusmetrics.Truth(false) != 0 {
		t.Error("1 is true, 0 is not")
	}
}
