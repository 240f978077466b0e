package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/internal/server"
)

// foregroundSettings are those of the benchmark of what an update costs others.
type foregroundSettings struct {
	scale   int // of pgbench
	clients int
	rows    int           // of the table that is filled
	maximum time.Duration // how long pgbench's maximum is measured
	length  time.Duration // of each measurement
	pairs   int
	pacing  background.Pacing
}

func usualForeground() foregroundSettings {
	return foregroundSettings{
		scale: 10, clients: 10, rows: 1_000_000, maximum: 30 * time.Second, length: time.Minute, pairs: 5, pacing: background.Pacing{},
	}
}

// quickForeground has short pauses, so that there is more than a batch or two.
func quickForeground() foregroundSettings {
	return foregroundSettings{
		scale: 1, clients: 2, rows: 5_000, maximum: time.Second, length: time.Second, pairs: 1, pacing: background.Pacing{Sleep: 100 * time.Millisecond},
	}
}

// foreground is a database in which pgbench works while a table beside its own is filled, or is not.
type foreground struct {
	foregroundSettings

	place  *postgresPlace
	folder string
	rate   float64 // transactions per second, half of the maximum
}

// compareForeground prints the time in which 99 % of pgbench's transactions end, from the moment at which they are due, with
// an update beside them and without.
func compareForeground(ctx context.Context, s foregroundSettings, folder string, private *server.Postgres, output io.Writer) error {
	at, err := newPostgresPlace(ctx, private, "foreground")
	if err != nil {
		return err
	}
	f := &foreground{foregroundSettings: s, place: at, folder: folder}
	if err := f.prepare(ctx); err != nil {
		return err
	}
	fmt.Fprintf(output, "pgbench, scale %d, %d clients, at %.0f transactions/s (half of the maximum), %s each; the update fills a table of %d rows\n",
		s.scale, s.clients, f.rate, s.length, s.rows)
	fmt.Fprintln(output, "pair   without: transactions, p99 ms   with: transactions, p99 ms   ratio   batches     rows")
	var ratios []float64
	for pair := range s.pairs {
		measured, err := f.pair(ctx, pair%2 == 1)
		if err != nil {
			return err
		}
		ratios = append(ratios, measured.with.p99/measured.without.p99)
		fmt.Fprintf(output, "%4d %20d %11.2f %18d %10.2f %7.2f %9d %8d\n", pair+1, measured.without.transactions, measured.without.p99,
			measured.with.transactions, measured.with.p99, ratios[pair], measured.batches, measured.rows)
	}
	fmt.Fprintf(output, "median ratio of p99: %.2f (aim: 1.30 at most)\n", median(ratios))
	return nil
}

// prepare makes pgbench's tables, and finds the rate.
func (f *foreground) prepare(ctx context.Context) error {
	if _, err := f.pgbench(ctx, "--initialize", "--quiet", fmt.Sprintf("--scale=%d", f.scale)); err != nil {
		return err
	}
	if err := f.place.fresh(ctx, f.rows); err != nil {
		return err
	}
	output, err := f.load(ctx, f.maximum)
	if err != nil {
		return err
	}
	found := regexp.MustCompile(`tps = ([0-9.]+) \(without`).FindStringSubmatch(output)
	if found == nil {
		return fmt.Errorf("pgbench tells no rate:\n%s", output)
	}
	most, err := strconv.ParseFloat(found[1], 64)
	f.rate = most / 2
	return err
}

// load runs pgbench's own transactions (TPC-B) for so long.
func (f *foreground) load(ctx context.Context, length time.Duration, more ...string) (output string, err error) {
	const threads = 2
	return f.pgbench(ctx, append([]string{
		fmt.Sprintf("--client=%d", f.clients), fmt.Sprintf("--jobs=%d", threads), fmt.Sprintf("--time=%d", int(length.Seconds())),
	}, more...)...)
}

func (f *foreground) pgbench(ctx context.Context, arguments ...string) (output string, err error) {
	private := f.place.private
	command := exec.CommandContext(ctx, private.Bin("pgbench"), append(arguments, private.DSN(f.place.name, private.Superuser()))...)
	text, err := command.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("pgbench: %w\n%s", err, text)
	}
	return string(text), nil
}

// latency is what pgbench's log tells.
type latency struct {
	transactions int
	p99          float64 // ms
}

// pair is what one pair of measurements has given.
type pair struct {
	without, with latency
	batches, rows int
}

// pair measures without the update and with it, or the other way round.
func (f *foreground) pair(ctx context.Context, backwards bool) (measured pair, err error) {
	steps := []func() error{
		func() error {
			measured.without, err = f.measure(ctx)
			return err
		},
		func() error { return f.beside(ctx, &measured) },
	}
	if backwards {
		slices.Reverse(steps)
	}
	for _, step := range steps {
		if err := f.place.fresh(ctx, f.rows); err != nil {
			return measured, err
		}
		if err := step(); err != nil {
			return measured, err
		}
	}
	return measured, nil
}

// beside measures while the update runs, over and over if it is done sooner.
func (f *foreground) beside(ctx context.Context, measured *pair) error {
	updating, stop := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- f.fillOn(updating, measured) }()
	var err error
	measured.with, err = f.measure(ctx)
	stop()
	if updated := <-ended; !errors.Is(updated, context.Canceled) {
		err = errors.Join(err, updated)
	}
	return err
}

func (f *foreground) fillOn(ctx context.Context, measured *pair) error {
	for {
		err := fillByUpdater(ctx, f.place, f.pacing, func(report background.Report) {
			measured.batches++
			measured.rows += report.Items
		})
		if err != nil {
			return err
		}
		if err := f.place.execute(ctx, enqueueSQL); err != nil {
			return err
		}
	}
}

// measure runs pgbench at its rate, and reads its log.
func (f *foreground) measure(ctx context.Context) (latency, error) {
	folder, err := os.MkdirTemp(f.folder, "log-")
	if err != nil {
		return latency{}, err
	}
	defer func() { _ = os.RemoveAll(folder) }() // it goes with the benchmark's at the latest
	if _, err := f.load(ctx, f.length, fmt.Sprintf("--rate=%f", f.rate), "--log", "--log-prefix="+filepath.Join(folder, "log")); err != nil {
		return latency{}, err
	}
	files, err := filepath.Glob(filepath.Join(folder, "log*"))
	if err != nil {
		return latency{}, err
	}
	var times []float64
	for _, file := range files {
		if times, err = readTimes(file, times); err != nil {
			return latency{}, err
		}
	}
	if len(times) == 0 {
		return latency{}, errors.New("pgbench has logged no transaction")
	}
	slices.Sort(times)
	return latency{transactions: len(times), p99: times[(len(times)*99+99)/100-1]}, nil
}

// readTimes appends the times of the transactions of a log, in ms. With a rate they begin when a transaction is due, so that
// waiting for those before it counts (https://www.postgresql.org/docs/current/pgbench.html, "Per-Transaction Logging").
func readTimes(path string, times []float64) ([]float64, error) {
	const timeField, microseconds = 2, 1000
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) <= timeField {
			return nil, fmt.Errorf("%s: what is %q?", path, lines.Text())
		}
		value, err := strconv.ParseFloat(fields[timeField], 64)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		times = append(times, value/microseconds)
	}
	return times, lines.Err()
}
