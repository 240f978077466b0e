package component_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/component"
)

// golden compares a message with a file of testdata; SYNAPSE_TEST_GOLDEN=write writes it anew. It gives the message as JSON has it.
func golden(t *testing.T, name string, payload []byte) map[string]any {
	t.Helper()
	var readable bytes.Buffer
	if err := json.Indent(&readable, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	readable.WriteByte('\n')
	path := filepath.Join("testdata", name)
	if os.Getenv("SYNAPSE_TEST_GOLDEN") == "write" {
		if err := os.WriteFile(path, readable.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), readable.String()); diff != "" {
		t.Errorf("%s (-file +now):\n%s", path, diff)
	}
	var message map[string]any
	if err := json.Unmarshal(want, &message); err != nil {
		t.Fatal(err)
	}
	return message
}

func report(t *testing.T, wrong []string) {
	t.Helper()
	slices.Sort(wrong)
	for _, line := range wrong {
		t.Error(line)
	}
}

func TestMessagesAreDocumented(t *testing.T) {
	t.Parallel()
	for name, example := range examples {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			entry := component.Entry{Place: place(name), Component: example}
			device, err := component.DevicePayload(head(example), []component.Entry{entry})
			if err != nil {
				t.Fatal(err)
			}
			report(t, undocumentedMessage("", golden(t, name+".device.json", device)))
			single, err := component.SinglePayload(head(example), entry)
			if err != nil {
				t.Fatal(err)
			}
			report(t, undocumentedMessage(example.Platform(), golden(t, name+".single.json", single)))
		})
	}
}

func TestNoGoldenFileIsLeftOver(t *testing.T) {
	t.Parallel()
	var got []string
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		got = append(got, filepath.Base(file))
	}
	want := []string{"own-availability.device.json", "removed.device.json"}
	for name := range examples {
		want = append(want, name+".device.json", name+".single.json")
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("golden files (-wanted +there):\n%s", diff)
	}
}

func TestRemovedComponentsHaveTheirPlatformOnly(t *testing.T) {
	t.Parallel()
	kept := component.Entry{Place: place("switch"), Component: component.Switch{}}
	payload, err := component.DevicePayload(head(kept.Component), []component.Entry{kept},
		component.Gone{Platform: "sensor", Entity: "porch.old"}, component.Gone{Platform: "light", Entity: "porch.switch"})
	if err != nil {
		t.Fatal(err)
	}
	report(t, undocumentedMessage("", golden(t, "removed.device.json", payload)))
}

func TestComponentThatIsBackIsNotRemoved(t *testing.T) {
	t.Parallel()
	kept := component.Entry{Place: place("switch"), Component: component.Switch{}}
	with, err := component.DevicePayload(head(kept.Component), []component.Entry{kept}, component.Gone{Platform: "switch", Entity: "porch.switch"})
	if err != nil {
		t.Fatal(err)
	}
	without, err := component.DevicePayload(head(kept.Component), []component.Entry{kept})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(without), string(with)); diff != "" {
		t.Error(diff)
	}
}

func TestEntityMayHaveItsOwnAvailability(t *testing.T) {
	t.Parallel()
	entry := component.Entry{Place: place("switch"), Component: component.Switch{}}
	entry.Place.Availability = []component.Availability{{Topic: "synapse/my_app/status"}, {Topic: "plug/status", Available: "1", NotAvailable: "0"}}
	entry.Place.AvailabilityMode = component.AvailableWhenAny
	payload, err := component.DevicePayload(head(entry.Component), []component.Entry{entry})
	if err != nil {
		t.Fatal(err)
	}
	report(t, undocumentedMessage("", golden(t, "own-availability.device.json", payload)))
}

func TestEveryPlatformHasExamples(t *testing.T) {
	t.Parallel()
	got := map[string]bool{}
	for _, example := range examples {
		got[example.Platform()] = true
	}
	if diff := cmp.Diff(slices.Sorted(maps.Keys(platformKeys)), slices.Sorted(maps.Keys(got))); diff != "" {
		t.Errorf("platforms (-documented +examples):\n%s", diff)
	}
}

// A field that is in no golden file, or that changes nothing there, would be one that does nothing.
func TestEveryFieldIsInAGoldenFile(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{}
	for _, example := range examples {
		for _, field := range fields(reflect.TypeOf(example)) {
			name := example.Platform() + "." + field.Name
			if shared := reflect.TypeFor[component.Common](); len(field.Index) > 1 && field.Index[0] == 0 && shared != nil {
				name = "Common." + field.Name
			}
			if _, seen := missing[name]; !seen {
				missing[name] = true
			}
			if told(t, example) != told(t, without(example, field)) {
				missing[name] = false
			}
		}
	}
	for name, is := range missing {
		if is {
			t.Errorf("%s is in no golden file", name)
		}
	}
}

// fields are those of a domain and of Common.
func fields(of reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(of), func(field reflect.StructField) bool { return field.Anonymous })
}

func without(example component.Component, field reflect.StructField) component.Component {
	changed := reflect.New(reflect.TypeOf(example)).Elem()
	changed.Set(reflect.ValueOf(example))
	changed.FieldByIndex(field.Index).SetZero()
	return changed.Interface().(component.Component)
}

// told is all that the messages of an example say, without its checks.
func told(t *testing.T, example component.Component) string {
	t.Helper()
	device := ""
	if of := example.Shared().Device; of != nil {
		device = of.ID
	}
	made, err := json.Marshal([]any{device, example.Discovery(place("x"))})
	if err != nil {
		t.Fatal(err)
	}
	return string(made)
}

func TestEveryFieldOfADeviceIsInAGoldenFile(t *testing.T) {
	t.Parallel()
	for _, field := range fields(reflect.TypeFor[component.Device]()) {
		changed := porch
		reflect.ValueOf(&changed).Elem().FieldByIndex(field.Index).SetZero()
		if field.Name == "ID" {
			changed.Via = ""
		}
		if field.Name == "Name" {
			continue // it has to be there
		}
		with, err := component.DevicePayload(component.Head{Application: "a", Device: porch}, nil)
		if err != nil {
			t.Fatal(err)
		}
		without, err := component.DevicePayload(component.Head{Application: "a", Device: changed}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Equal(with, without) {
			t.Errorf("Device.%s does nothing", field.Name)
		}
	}
}

func TestDeviceIsReachedByTheApplicationsOwnUnlessThatIsUnknown(t *testing.T) {
	t.Parallel()
	head := component.Head{Application: "a", Device: component.Device{ID: "plug", Name: "Plug"}}
	for without, want := range map[bool]any{false: "synapse_a", true: nil} {
		head.WithoutVia = without
		payload, err := component.DevicePayload(head, nil)
		if err != nil {
			t.Fatal(err)
		}
		var message struct {
			Device map[string]any `json:"device"`
		}
		if err := json.Unmarshal(payload, &message); err != nil {
			t.Fatal(err)
		}
		if got := message.Device["via_device"]; got != want {
			t.Errorf("WithoutVia %t: %v", without, got)
		}
	}
}

func TestMessagesThatNameNoComponent(t *testing.T) {
	t.Parallel()
	if got := component.RemovalPayload(); len(got) > 0 {
		t.Errorf("%q removes nothing", got)
	}
	if diff := cmp.Diff(`{"migrate_discovery":true}`, string(component.MigrationPayload())); diff != "" {
		t.Error(diff)
	}
}
