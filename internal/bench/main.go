// Command bench compares a whole port with the practical limit: the same rows, exported to text files beforehand,
// loaded by two psql at a time with COPY, to_tsvector for the search index, then indexes and foreign keys, then
// ANALYZE. Both are measured in turn on one private server, with a CHECKPOINT before each; the ratio is taken pair by
// pair. It prints; it judges nothing.
//
// Run it with `make bench`.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"

	"github.com/synapsedb/synapse/homeserver/demo"
	"github.com/synapsedb/synapse/internal/server"
)

// settings of one benchmark.
type settings struct {
	events  int
	pairs   int
	jobs    int
	program string
	source  string
	folder  string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) (err error) {
	var s settings
	flag.IntVar(&s.events, "events", 100_000, "events in the generated database")
	flag.IntVar(&s.pairs, "pairs", 5, "pairs of a port and the limit")
	flag.IntVar(&s.jobs, "jobs", 0, "connections of the port; 0 for its own default")
	flag.StringVar(&s.program, "program", "bin/synapse", "the program to measure")
	flag.StringVar(&s.source, "source", "", "a generated database to use instead of a new one")
	flag.Parse()
	if s.folder, err = os.MkdirTemp("", "synapse-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(s.folder) }()     // in /tmp; a rest does no harm
	if err := os.Chmod(s.folder, 0o755); err != nil { //nolint:gosec // the server's account reads the script files
		return err
	}
	if s.program, err = filepath.Abs(s.program); err != nil {
		return err
	}
	if s.source == "" {
		s.source = filepath.Join(s.folder, "homeserver.db")
		report, err := demo.Generate(ctx, s.source, demo.Options{Events: s.events, Seed: 1, WAL: true})
		if err != nil {
			return err
		}
		fmt.Fprintf(os.Stdout, "source: %d events, %d rows, %.0f MB\n", report.Events, report.Rows, float64(report.Bytes)/1e6)
	}
	postgres, err := server.StartPostgres(ctx, server.PostgresOptions{Durable: true})
	if err != nil {
		return err
	}
	defer func() { _ = postgres.Stop() }() // its folder goes with it
	return measure(ctx, s, postgres)
}

// measure does the pairs and prints them.
func measure(ctx context.Context, s settings, postgres *server.Postgres) error {
	limit := &limit{settings: s, postgres: postgres}
	if err := limit.export(ctx); err != nil {
		return fmt.Errorf("export for the limit: %w", err)
	}
	var plain, verified, verify, work []float64
	fmt.Fprintln(os.Stdout, "pair   limit s (CPU s)   port, no verify s (CPU s)   port s (CPU s)   ratio, no verify   ratio   verify adds   peak MB")
	for pair := 1; pair <= s.pairs; pair++ {
		least, err := limit.load(ctx)
		if err != nil {
			return fmt.Errorf("load the limit: %w", err)
		}
		without, err := portOnce(ctx, s, postgres, false)
		if err != nil {
			return err
		}
		with, err := portOnce(ctx, s, postgres, true)
		if err != nil {
			return err
		}
		plain = append(plain, without.seconds/least.seconds)
		verified = append(verified, with.seconds/least.seconds)
		verify = append(verify, (with.seconds-without.seconds)/least.seconds)
		work = append(work, without.cpu/least.cpu)
		fmt.Fprintf(os.Stdout, "%4d %9.2f (%5.2f) %19.2f (%5.2f) %8.2f (%5.2f) %18.2f %7.2f %13.2f %9.1f\n",
			pair, least.seconds, least.cpu, without.seconds, without.cpu, with.seconds, with.cpu,
			plain[pair-1], verified[pair-1], verify[pair-1], float64(max(without.peak, with.peak))/1e6)
	}
	fmt.Fprintf(os.Stdout, "median ratio to the limit: %.2f without verify, %.2f with it; verify adds %.2f; processor time without verify %.2f\n",
		median(plain), median(verified), median(verify), median(work))
	return nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
