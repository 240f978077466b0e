// Command bench measures what only whole programs and servers show, each in pairs on one private server. It prints; it
// judges nothing.
//
//   - port: a whole port against the practical limit: the same rows, exported to text files beforehand, loaded by two psql
//     at a time with COPY, to_tsvector for the search index, then indexes and foreign keys, then ANALYZE. There is a
//     CHECKPOINT before each; the ratio is taken pair by pair. Then the port is run again, with nothing changed and on a
//     source in which one row of a hundred has.
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
	return measure(ctx, s, private, output)
}

// round is what one round has measured.
type round struct{ limit, plain, verified, again, changed result }

func (p round) peak() int64 {
	return max(p.plain.peak, p.verified.peak, p.again.peak, p.changed.peak)
}

// measure does the pairs and prints them.
func measure(ctx context.Context, s settings, postgres *server.Postgres, output io.Writer) error {
	limit := &limit{settings: s, postgres: postgres}
	if err := limit.export(ctx); err != nil {
		return fmt.Errorf("export for the limit: %w", err)
	}
	newer := filepath.Join(s.folder, "newer.db")
	changed, err := changeRows(ctx, s.source, newer)
	if err != nil {
		return fmt.Errorf("change rows for the second run: %w", err)
	}
	fmt.Fprintf(output, "newer source: %d rows changed or deleted\n", changed)
	info, err := os.Stat(s.source)
	if err != nil {
		return err
	}
	var pairs []round
	fmt.Fprintln(output, "pair   limit s (CPU s)   port, no verify s (CPU s)   port s (CPU s)   ratio, no verify   ratio   again   1 % newer    rows/s   MB/s   peak MB")
	for number := 1; number <= s.pairs; number++ {
		one, err := measurePair(ctx, s, postgres, limit, newer)
		if err != nil {
			return err
		}
		pairs = append(pairs, one)
		fmt.Fprintf(output, "%4d %9.2f (%5.2f) %19.2f (%5.2f) %8.2f (%5.2f) %18.2f %7.2f %7.2f %11.2f %9.0f %6.1f %9.1f\n",
			number, one.limit.seconds, one.limit.cpu, one.plain.seconds, one.plain.cpu, one.verified.seconds, one.verified.cpu,
			one.plain.seconds/one.limit.seconds, one.verified.seconds/one.limit.seconds,
			one.again.seconds/one.verified.seconds, one.changed.seconds/one.verified.seconds,
			float64(one.verified.rows)/one.verified.seconds, float64(info.Size())/1e6/one.verified.seconds, float64(one.peak())/1e6)
	}
	conclude(pairs, output)
	return nil
}

func measurePair(ctx context.Context, s settings, postgres *server.Postgres, limit *limit, newer string) (one round, err error) {
	if one.limit, err = limit.load(ctx); err != nil {
		return one, fmt.Errorf("load the limit: %w", err)
	}
	if one.plain, err = portOnce(ctx, s, postgres, false); err != nil {
		return one, err
	}
	if one.verified, err = portOnce(ctx, s, postgres, true); err != nil {
		return one, err
	}
	if one.again, err = portFrom(ctx, s, postgres, s.source, true); err != nil {
		return one, fmt.Errorf("the second run: %w", err)
	}
	if one.changed, err = portFrom(ctx, s, postgres, newer, true); err != nil {
		return one, fmt.Errorf("the run on the newer source: %w", err)
	}
	return one, nil
}

// conclude prints the medians. Those of the second runs are parts of the first run's time.
func conclude(pairs []round, output io.Writer) {
	of := func(ratio func(round) float64) float64 {
		var ratios []float64
		for _, one := range pairs {
			ratios = append(ratios, ratio(one))
		}
		return median(ratios)
	}
	fmt.Fprintf(output, "median ratio to the limit: %.2f without verify, %.2f with it; verify adds %.2f; processor time without verify %.2f\n",
		of(func(p round) float64 { return p.plain.seconds / p.limit.seconds }), of(func(p round) float64 { return p.verified.seconds / p.limit.seconds }),
		of(func(p round) float64 { return (p.verified.seconds - p.plain.seconds) / p.limit.seconds }),
		of(func(p round) float64 { return p.plain.cpu / p.limit.cpu }))
	fmt.Fprintf(output, "median part of the first run's time: %.2f with nothing changed, %.2f with 1 %% changed; %.2f µs a row in the first run\n",
		of(func(p round) float64 { return p.again.seconds / p.verified.seconds }),
		of(func(p round) float64 { return p.changed.seconds / p.verified.seconds }),
		of(func(p round) float64 { return p.verified.seconds * 1e6 / float64(p.verified.rows) }))
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 0 {
		return (sorted[middle-1] + sorted[middle]) / 2
	}
	return sorted[middle]
}
