package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
)

func main() {
	target := flag.Float64("target", 0, "set the target, in °C; 0 leaves it as it is")
	pace := flag.Duration("pace", time.Second, "how long a simulated minute takes")
	broker := flag.String("broker", "", "show it in Home Assistant by this MQTT broker, such as mqtt://127.0.0.1:1883; without one it is as if there were no Home Assistant")
	flag.Parse()
	ctx, end := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Stdout, wishes{target: *target, pace: *pace, broker: *broker})
	end()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// closing is how long the end may take that writes what is not written yet.
const closing = 10 * time.Second

// wishes are what the command line says.
type wishes struct {
	target float64
	pace   time.Duration
	broker string
}

// closer is a store, or a link with Home Assistant.
type closer interface {
	Close(ctx context.Context) error
}

// closeInTime closes one, also when the context has ended.
func closeInTime(ctx context.Context, opened closer) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closing)
	defer cancel()
	return opened.Close(ctx)
}

// run keeps the home until the context ends.
func run(ctx context.Context, output io.Writer, given wishes) (err error) {
	log := slog.New(slog.NewTextHandler(output, &slog.HandlerOptions{Level: slog.LevelWarn}))
	store, err := entity.Open(ctx, entity.Config{Name: "thermostat", Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, closeInTime(ctx, store)) }()
	kept, err := newHome(store)
	if err != nil {
		return err
	}
	if given.broker != "" {
		var shown *hass.Link
		if shown, err = kept.connect(ctx, store, given.broker, log); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, closeInTime(ctx, shown)) }()
	}
	if err := store.Ready(); err != nil {
		return err
	}
	kept.introduce(output, store)
	kept.announce(output)
	if given.target != 0 {
		if err := kept.store(ctx, output, store, given.target); err != nil {
			return err
		}
	}
	return kept.live(ctx, output, given.pace)
}

// store sets the target, and says so when the database has it: somebody may rely on that.
func (h *home) store(ctx context.Context, output io.Writer, store *entity.Store, target float64) error {
	if err := h.aim(ctx, target); err != nil {
		return err
	}
	if err := store.Flush(ctx); err != nil {
		return err
	}
	fmt.Fprintf(output, "target %.1f °C, stored\n", target)
	return nil
}

// live lets minutes pass.
func (h *home) live(ctx context.Context, output io.Writer, pace time.Duration) error {
	ticks := time.NewTicker(pace)
	defer ticks.Stop()
	for {
		select {
		case <-ctx.Done():
			fmt.Fprintf(output, "ends after minute %d\n", h.counters.Get().Minutes)
			return nil
		case <-ticks.C:
		}
		if err := h.minute(ctx); err != nil {
			return err
		}
	}
}

// introduce says what the program begins with.
func (h *home) introduce(output io.Writer, store *entity.Store) {
	restored := h.thermostat.Restored()
	since := "for the first time"
	if restored.Found {
		since = "as it was when it last changed, at " + restored.LastChanged.Local().Format(time.DateTime)
	}
	fmt.Fprintf(output, "thermostat, in %s: begins %s\n", store.Status().Database, since)
	fmt.Fprintf(output, "minute %d, %.1f °C, target %.1f °C\n", h.counters.Get().Minutes, h.sensor.State(), h.thermostat.State().Target)
}

// announce says what changes. What is no significant change is not told.
func (h *home) announce(output io.Writer) {
	h.sensor.OnChange(func(change entity.Change[float64, sensorAttributes]) {
		fmt.Fprintf(output, "%.1f °C\n", change.After.State)
	})
	h.thermostat.OnChange(func(change entity.Change[thermostat, noAttributes]) {
		if change.Before.State.Heating != change.After.State.Heating {
			fmt.Fprintf(output, "heating: %t\n", change.After.State.Heating)
		}
	})
}
