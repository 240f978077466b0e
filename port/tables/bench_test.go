package tables_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity/table"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/port/tables"
	"github.com/synapsedb/synapse/schema"
)

// BenchmarkMove moves 100,000 entities of 200 bytes from each engine to each. A row is read four times: it is scanned, copied, and compared on both sides.
func BenchmarkMove(b *testing.B) {
	const rows = 100_000
	set, err := table.Set()
	if err != nil {
		b.Fatal(err)
	}
	for _, from := range anyengine.Engines() {
		source := anyengine.New(b, from)
		source.With(b, func(session engine.Session) error {
			if _, err := schema.Prepare(b.Context(), session, set, schema.Options{}); err != nil {
				return err
			}
			return entities(b, session, rows)
		})
		for _, to := range anyengine.Engines() {
			b.Run(fmt.Sprintf("%s to %s", from, to), func(b *testing.B) {
				for b.Loop() {
					b.StopTimer()
					target := anyengine.New(b, to)
					b.StartTimer()
					report, err := tables.Move(b.Context(), tables.Options{From: physical(b, source), To: physical(b, target), Set: set})
					if err != nil || report.Rows != rows+1 {
						b.Fatal(report, err)
					}
					for _, step := range report.Steps {
						b.ReportMetric(step.Seconds, string(step.Phase)+"-s")
					}
				}
				b.ReportMetric(float64(rows)*float64(b.N)/b.Elapsed().Seconds(), "rows/s")
			})
		}
	}
}

// entities writes entities of an application.
func entities(t testing.TB, session engine.Session, count int) error {
	t.Helper()
	exec(t, session, "INSERT INTO applications (application, name, holder, epoch, started) VALUES ('porch', 'Porch', 'nobody', 7, 1)")
	state := `{"temperature": 21.5, "text": "` + strings.Repeat("x", 60) + `"}`
	return session.Transact(t.Context(), engine.TxOptions{}, func(tx engine.Tx) error {
		for first := 0; first < count; first += 1000 {
			var rows []string
			for i := first; i < min(first+1000, count); i++ {
				rows = append(rows, fmt.Sprintf(`('porch', 'sensor.%d', '%s', '{"unit": "°C", "battery": 97}', '{}', 1, %d, %d, NULL)`, i, state, 1_700_000_000_000_000+i, 1_700_000_000_000_001+i))
			}
			_, err := tx.Exec(t.Context(), "INSERT INTO entities (application, id, state, attributes, locals, definition, last_changed, last_written, removed) VALUES "+strings.Join(rows, ", "))
			if err != nil {
				return err
			}
		}
		return nil
	})
}
