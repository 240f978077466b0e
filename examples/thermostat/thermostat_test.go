package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/entity/setting"
	"github.com/synapsedb/synapse/hass/mqtt"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
)

// playing is the variable that makes the test binary the program.
const playing = "THERMOSTAT_PLAYING"

func TestMain(m *testing.M) {
	if os.Getenv(playing) != "" {
		main()
		return
	}
	dbtest.Main(m, dbtest.NoLeaks())
}

// newPlace makes an empty database, and gives the variables that name it.
func newPlace(t *testing.T, kind engine.Kind) []string {
	t.Helper()
	switch kind {
	case engine.Postgres:
		return variables("postgresql", dbtest.NewDatabase(t).DSN)
	case engine.MySQL:
		return variables("mysql", dbtest.NewMySQLDatabase(t).URL)
	default:
		return variables("sqlite", filepath.Join(t.TempDir(), "thermostat.db"))
	}
}

func variables(kind, url string) []string {
	return []string{setting.TypeVariable + "=" + kind, setting.URLVariable + "=" + url}
}

// program is the thermostat in a process of its own.
type program struct {
	*exec.Cmd
	ended chan struct{}

	mu      sync.Mutex
	output  bytes.Buffer
	changed chan struct{} // closed at each change of output
}

func (p *program) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	defer func() {
		close(p.changed)
		p.changed = make(chan struct{})
	}()
	return p.output.Write(text)
}

func (p *program) said() (text string, changed chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String(), p.changed
}

func start(t *testing.T, place []string, arguments ...string) *program {
	t.Helper()
	begun := &program{ended: make(chan struct{}), changed: make(chan struct{})}
	begun.Cmd = exec.CommandContext(t.Context(), os.Args[0], append(arguments, "-pace", "1ms")...)
	begun.Env = append(append(os.Environ(), playing+"=1"), place...)
	begun.Stdout, begun.Stderr = begun, begun
	if err := begun.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(begun.ended)
		_ = begun.Wait() // its state is looked at
	}()
	t.Cleanup(func() { begun.end(os.Kill) })
	return begun
}

// await waits for a line, and gives its groups.
func (p *program) await(t *testing.T, line string) []string {
	t.Helper()
	pattern, late := regexp.MustCompile(`(?m)^`+line+`$`), time.After(time.Minute)
	for ended := false; ; {
		text, changed := p.said()
		if found := pattern.FindStringSubmatch(text); found != nil {
			return found[1:]
		}
		if ended {
			t.Fatalf("no line %q in:\n%s", line, text)
		}
		select {
		case <-changed:
		case <-p.ended:
			ended = true
		case <-late:
			ended = true
		}
	}
}

// end sends a signal, and gives how the process ended.
func (p *program) end(sent os.Signal) *os.ProcessState {
	_ = p.Process.Signal(sent) // it may have ended by itself
	<-p.ended
	return p.ProcessState
}

// mustEnd sends a signal at which the program ends well.
func (p *program) mustEnd(t *testing.T, sent os.Signal) {
	t.Helper()
	if state := p.end(sent); !state.Success() {
		text, _ := p.said()
		t.Fatalf("%v: %s", state, text)
	}
}

func TestThermostatGoesOn(t *testing.T) {
	t.Parallel()
	anyengine.Each(t, func(t *testing.T, kind engine.Kind) {
		place := newPlace(t, kind)
		first := start(t, place, "-target", "23.5")
		first.await(t, "minute 0, 17.0 °C, target 20.0 °C")
		first.await(t, "target 23.5 °C, stored")
		first.end(os.Kill)

		second := start(t, place)
		second.await(t, `minute \d+, .* °C, target 23.5 °C`)
		second.await(t, "heating: (true|false)")
		second.mustEnd(t, syscall.SIGTERM)
		minutes := second.await(t, `ends after minute (\d+)`)[0]

		third := start(t, place)
		third.await(t, "minute "+minutes+", .* °C, target 23.5 °C")
		third.mustEnd(t, os.Interrupt)
	})
}

// heard keeps the last message of each topic of a broker.
type heard struct {
	mu   sync.Mutex
	last map[string]string
}

func (h *heard) take(message mqtt.Message) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last[message.Topic] = string(message.Payload)
}

func (h *heard) await(t *testing.T, topic, pattern string) {
	t.Helper()
	form := regexp.MustCompile(pattern)
	dbtest.Await(t, func() bool {
		h.mu.Lock()
		defer h.mu.Unlock()
		return form.MatchString(h.last[topic])
	})
}

func TestThermostatInHomeAssistant(t *testing.T) {
	t.Parallel()
	broker := dbtest.Mosquitto(t).URL()
	seen := &heard{last: map[string]string{}}
	client, err := mqtt.Open(mqtt.Config{URL: broker, Subscribe: []string{"#"}, OnMessage: seen.take})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := client.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	place := newPlace(t, engine.SQLite)
	const base = "synapse/thermostat/"
	first := start(t, place, "-broker", broker)
	seen.await(t, base+"status", "^online$")
	seen.await(t, "homeassistant/device/synapse_thermostat_living_room/config", "living_room-2etarget")
	seen.await(t, base+"living_room-2etarget/state", "^20$")
	seen.await(t, base+"living_room-2etemperature/state", `^1\d(\.\d+)?$`)
	seen.await(t, base+"living_room-2eheating/state", "^ON$")
	set := mqtt.Message{Topic: base + "living_room-2etarget/set", Payload: []byte("25.5"), QoS: 1}
	if err := client.Publish(t.Context(), set); err != nil {
		t.Fatal(err)
	}
	seen.await(t, base+"living_room-2etarget/state", `^25\.5$`)
	first.mustEnd(t, syscall.SIGTERM)
	seen.await(t, base+"status", "^offline$")

	second := start(t, place, "-broker", broker)
	second.await(t, `minute \d+, .* °C, target 25.5 °C`)
	seen.await(t, base+"status", "^online$")
	second.end(os.Kill)
	seen.await(t, base+"status", "^offline$")
}

func TestWrongSettingEndsTheProgramAtOnce(t *testing.T) {
	t.Parallel()
	wrong := start(t, variables("sqlite", "oracle://u:secretword@h/d"))
	wrong.await(t, `open the entities: SYNAPSE_DATABASE_URL \(from the environment\): .*`)
	<-wrong.ended
	text, _ := wrong.said()
	if wrong.ProcessState.ExitCode() != 1 || strings.Contains(text, "secretword") {
		t.Errorf("%v: %s", wrong.ProcessState, text)
	}
}

// newTestHome is how a home is tested without a file: in memory, and whatever the environment says.
func newTestHome(t *testing.T) *home {
	t.Helper()
	store, err := entity.Open(t.Context(), entity.Config{Application: "test", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	made, err := newHome(store)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func TestHeaterIsSwitchedAroundTheTarget(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		temperature float64
		minutes     int // since midnight
		heating     bool
		want        bool
	}{
		"cold":             {19, 12 * 60, false, true},
		"warm":             {21, 12 * 60, true, false},
		"nearly, from on":  {20.1, 12 * 60, true, true},
		"nearly, from off": {19.9, 12 * 60, false, false},
		"cold, at night":   {19, 23 * 60, true, false},
		"colder, at night": {16, 5 * 60, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newTestHome(t)
			err := h.thermostat.Set(t.Context(), thermostat{Target: 20, Heating: test.heating})
			if err == nil {
				err = h.counters.Set(t.Context(), counters{Minutes: test.minutes})
			}
			h.room.temperature = test.temperature
			if err == nil {
				err = h.minute(t.Context())
			}
			if got := h.thermostat.State().Heating; err != nil || got != test.want {
				t.Errorf("heating: %v, %v", got, err)
			}
		})
	}
}

func TestSmallDifferencesAreNoChange(t *testing.T) {
	t.Parallel()
	h := newTestHome(t)
	changes := 0
	h.sensor.OnChange(func(entity.Change[float64, sensorAttributes]) { changes++ })
	for _, temperature := range []float64{17.05, 17.1, 16.95, 17.2, 17.25} {
		h.room.temperature = temperature
		if err := h.report(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if reports := h.sensor.Attributes().Reports; changes != 1 || reports != 5 {
		t.Errorf("%d changes by %d reports", changes, reports)
	}
}
