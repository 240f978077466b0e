package demo_test

import (
	"path/filepath"
	"testing"

	"github.com/synapsedb/synapse/homeserver/demo"
)

// One run makes 100,000 events and their 920,000 rows.
func BenchmarkGenerate(b *testing.B) {
	const events = 100_000
	for b.Loop() {
		report, err := demo.Generate(b.Context(), filepath.Join(b.TempDir(), "demo.db"), demo.Options{Events: events})
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(report.Bytes)
	}
	b.ReportMetric(float64(events)*float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
