// Command bench measures what only whole programs and servers show, each in pairs on one private server. It prints; it
// judges nothing.
//
//   - port: a whole port against the practical limit: the same rows, exported to text files beforehand, loaded by two psql
//     at a time with COPY, to_tsvector for the search index, then indexes and foreign keys, then ANALYZE. There is a
//     CHECKPOINT before each; the ratio is taken pair by pair.
//   - foreground: the response times of pgbench with a background update beside it, against those without.
//   - updater: the rows per second of a background update without pauses, against hand-written loops.
//
// Run it with `make bench`.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
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
	what    string
	quick   bool
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
	flag.StringVar(&s.what, "what", "port", "what to measure: port, foreground or updater")
	flag.BoolVar(&s.quick, "quick", false, "foreground and updater: a few seconds only, which measure nothing")
	flag.IntVar(&s.events, "events", 100_000, "port: events in the generated database")
	flag.IntVar(&s.pairs, "pairs", 5, "port: pairs of a port and the limit")
	flag.IntVar(&s.jobs, "jobs", 0, "port: connections of the port; 0 for its own default")
	flag.StringVar(&s.program, "program", "bin/synapse", "port: the program to measure")
	flag.StringVar(&s.source, "source", "", "port: a generated database to use instead of a new one")
	flag.Parse()
	benchmark, known := benchmarks()[s.what]
	if !known {
		return fmt.Errorf("-what %s: it is port, foreground or updater", s.what)
	}
	if s.folder, err = os.MkdirTemp("", "synapse-bench-"); err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(s.folder) }()     // in /tmp; a rest does no harm
	if err := os.Chmod(s.folder, 0o755); err != nil { //nolint:gosec // the server's account reads the script files
		return err
	}
	private, err := server.StartPostgres(ctx, server.PostgresOptions{Durable: true})
	if err != nil {
		return err
	}
	defer func() { _ = private.Stop() }() // its folder goes with it
	return benchmark(ctx, s, private, os.Stdout)
}

func benchmarks() map[string]func(context.Context, settings, *server.Postgres, io.Writer) error {
	return map[string]func(context.Context, settings, *server.Postgres, io.Writer) error{
		"port": comparePort,
		"foreground": func(ctx context.Context, s settings, private *server.Postgres, output io.Writer) error {
			chosen := usualForeground()
			if s.quick {
				chosen = quickForeground()
			}
			return compareForeground(ctx, chosen, s.folder, private, output)
		},
		"updater": func(ctx context.Context, s settings, private *server.Postgres, output io.Writer) error {
			chosen := usualPace()
			if s.quick {
				chosen = quickPace()
			}
			return comparePace(ctx, chosen, s.folder, private, output)
		},
	}
}

// comparePort generates the source, unless there is one, and measures.
func comparePort(ctx context.Context, s settings, private *server.Postgres, output io.Writer) (err error) {
	if s.program, err = filepath.Abs(s.program); err != nil {
		return err
	}
	if s.source == "" {
		s.source = filepath.Join(s.folder, "homeserver.db")
		report, err := demo.Generate(ctx, s.source, demo.Options{Events: s.events, Seed: 1, WAL: true})
		if err != nil {
			return err
		}
		fmt.Fprintf(output, "source: %d events, %d rows, %.0f MB\n", report.Events, report.Rows, float64(report.Bytes)/1e6)
	}
	return measure(ctx, s, private)
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
