package cli

import (
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"
	dto "github.com/prometheus/client_model/go"
)

func TestMetricsOfBackupsAreDescribed(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/backup.md")
	if err != nil {
		t.Fatal(err)
	}
	for name := range backupMetricsHelp {
		if !strings.Contains(string(page), "`"+backupMetric+name+"`") {
			t.Errorf("docs/backup.md does not describe %s", name)
		}
	}
}

func TestMetricsOfBackupsAreNamedAsPrometheusAdvises(t *testing.T) {
	t.Parallel()
	var families []*dto.MetricFamily
	for _, name := range slices.Sorted(maps.Keys(backupMetricsHelp)) {
		families = append(families, &dto.MetricFamily{
			Name: new(backupMetric + name), Help: new(backupMetricsHelp[name]), Type: dto.MetricType_GAUGE.Enum(), Metric: []*dto.Metric{{Gauge: &dto.Gauge{}}},
		})
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Error(err, problems)
	}
}
