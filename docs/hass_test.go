package docs_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/synapsedb/synapse/entity"
	"github.com/synapsedb/synapse/hass"
	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/metrics"
	"github.com/synapsedb/synapse/hass/mqtt"
)

func TestHassPageNamesSettingsAndStatus(t *testing.T) {
	t.Parallel()
	page := read(t, "hass.md")
	for _, of := range []reflect.Type{reflect.TypeFor[hass.Config](), reflect.TypeFor[hass.Status](), reflect.TypeFor[mqtt.Status]()} {
		for field := range of.Fields() {
			if !strings.Contains(page, "`"+field.Name+"`") {
				t.Errorf("docs/hass.md does not name %s.%s", of, field.Name)
			}
		}
	}
}

func TestHassPageNamesEveryMetric(t *testing.T) {
	t.Parallel()
	page := read(t, "hass.md")
	store, err := entity.Open(t.Context(), entity.Config{Application: "porch", URL: ":memory:", IgnoreEnvironment: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close(t.Context())
	link, err := hass.Connect(t.Context(), store, hass.Config{Broker: mqtt.Config{URL: "mqtt://127.0.0.1:1"}})
	if err != nil {
		t.Fatal(err)
	}
	defer link.Close(t.Context())
	registry := prometheus.NewRegistry()
	registry.MustRegister(metrics.NewCollector(link))
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if !strings.Contains(page, "`"+family.GetName()+"`") {
			t.Errorf("docs/hass.md does not name %s", family.GetName())
		}
	}
}

func TestHassPageShowsTheMessageOfTheLamp(t *testing.T) {
	t.Parallel()
	payload, err := component.DevicePayload(
		component.Head{Application: "porch", Device: component.Device{Name: "porch"}, Origin: component.Origin{Name: "porch"}},
		[]component.Entry{{Place: component.Place{Application: "porch", Entity: "lamp", Name: "Lamp"}, Component: component.Switch{}}})
	if err != nil {
		t.Fatal(err)
	}
	var readable bytes.Buffer
	if err := json.Indent(&readable, payload, "", "  "); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(read(t, "hass.md"), "`homeassistant/device/synapse_porch/config`\n\n```json\n"+readable.String()+"\n```\n") {
		t.Errorf("docs/hass.md does not show:\n%s", readable.String())
	}
}
