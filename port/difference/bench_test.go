package difference_test

import (
	"math/rand/v2"
	"testing"

	"github.com/synapsedb/synapse/port/difference"
)

// One operation is one row of each side. At a million operations and more the table does not fit into a processor's cache,
// and the last two need temporary files.
func BenchmarkFinder(b *testing.B) {
	for name, order := range map[string]func(rows int) func(i int) int{
		"same order":    func(int) func(int) int { return func(i int) int { return i } },
		"reverse order": func(rows int) func(int) int { return func(i int) int { return rows - 1 - i } },
		"random order": func(rows int) func(int) int {
			places := rand.New(rand.NewPCG(1, 1)).Perm(rows)
			return func(i int) int { return places[i] }
		},
	} {
		b.Run(name, func(b *testing.B) { benchmark(b, order(b.N)) })
	}
}

func benchmark(b *testing.B, order func(i int) int) {
	const most = 1000
	batch := make([]difference.Entry, 0, most)
	finder := difference.New(difference.Options{TempDir: b.TempDir()})
	b.ReportAllocs()
	b.ResetTimer()
	for begin := 0; begin < b.N; begin += most {
		end := min(begin+most, b.N)
		batch = batch[:0]
		for i := begin; i < end; i++ {
			batch = append(batch, difference.Entry{Hash: hashOf(i), At: int64(i)})
		}
		if err := finder.Source(batch); err != nil {
			b.Fatal(err)
		}
		batch = batch[:0]
		for i := begin; i < end; i++ {
			batch = append(batch, difference.Entry{Hash: hashOf(order(i)), At: int64(i)})
		}
		if err := finder.Target(batch); err != nil {
			b.Fatal(err)
		}
	}
	result, err := finder.Finish()
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(2*b.N)/b.Elapsed().Seconds(), "entries/s")
	b.ReportMetric(float64(result.SpilledBytes)/float64(b.N), "spilled-B/op")
	if result.OnlySource != 0 || result.OnlyTarget != 0 {
		b.Errorf("found %d and %d", result.OnlySource, result.OnlyTarget)
	}
	if err := result.Close(); err != nil {
		b.Error(err)
	}
}
