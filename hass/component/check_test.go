package component_test

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/hass/component"
)

func TestExamplesAreRight(t *testing.T) {
	t.Parallel()
	for name, example := range examples {
		if err := component.Check(name, example); err != nil {
			t.Error(err)
		}
	}
}

// with is a sensor of a device class and a unit.
func with(deviceClass, unit string) component.Sensor {
	return component.Sensor{Common: component.Common{DeviceClass: deviceClass}, UnitOfMeasurement: unit}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		component component.Component
		want      []string // the keys
	}{
		{component.Switch{Common: component.Common{Icon: "lamp"}}, []string{"icon"}},
		{component.Switch{Common: component.Common{Icon: "mdi:"}}, []string{"icon"}},
		{component.Switch{Common: component.Common{Icon: "mdi:Lamp"}}, []string{"icon"}},
		{component.Switch{Common: component.Common{DeviceClass: "motion"}}, []string{"device_class"}},
		{component.Lock{Common: component.Common{DeviceClass: "door"}}, []string{"device_class"}},
		{component.Button{Common: component.Common{DeviceClass: "press"}}, []string{"device_class"}},
		{component.Switch{Common: component.Common{EntityCategory: "setting"}}, []string{"entity_category"}},
		{component.Sensor{Common: component.Common{EntityCategory: component.Config}}, []string{"entity_category"}},
		{component.BinarySensor{Common: component.Common{EntityCategory: component.Config}}, []string{"entity_category"}},
		{component.Scene{Common: component.Common{ObjectID: "Evening"}}, []string{"default_entity_id"}},
		{component.Scene{Common: component.Common{ObjectID: "a__b"}}, []string{"default_entity_id"}},
		{component.Scene{Common: component.Common{QoS: 3}}, []string{"qos"}},
		{component.Scene{Common: component.Common{Name: "a", NamedAsDevice: true}}, []string{"name"}},
		{component.Scene{Common: component.Common{Device: &component.Device{ID: "hub"}}}, []string{"device.name"}},
		{component.Scene{Common: component.Common{Device: &component.Device{Via: "hub"}}}, []string{"device.via_device"}},
		{component.Scene{Common: component.Common{Device: &component.Device{ID: "hub", Name: "Hub", Via: "hub"}}}, []string{"device.via_device"}},
		{component.Scene{Common: component.Common{Device: &component.Device{ConfigurationURL: "192.0.2.1"}}}, []string{"device.configuration_url"}},
		{component.BinarySensor{OffDelay: 1500 * time.Millisecond}, []string{"off_delay"}},
		{component.BinarySensor{ExpireAfter: -time.Second}, []string{"expire_after"}},

		{with("temperature", ""), []string{"unit_of_measurement"}},
		{with("temperature", "C"), []string{"unit_of_measurement"}},
		{with("battery", "V"), []string{"unit_of_measurement"}},
		{with("ph", "%"), []string{"unit_of_measurement"}},
		{with("timestamp", "s"), []string{"unit_of_measurement"}},
		{with("monetary", "€"), []string{"unit_of_measurement"}},
		{with("warmth", "°C"), []string{"device_class"}},
		{component.Sensor{StateClass: "average"}, []string{"state_class"}},
		{component.Sensor{Common: component.Common{DeviceClass: "energy"}, UnitOfMeasurement: "kWh", StateClass: component.Measurement}, []string{"state_class"}},
		{component.Sensor{Common: component.Common{DeviceClass: "temperature"}, UnitOfMeasurement: "K", StateClass: component.Total}, []string{"state_class"}},
		{component.Sensor{Common: component.Common{DeviceClass: "date"}, StateClass: component.Measurement}, []string{"state_class"}},
		{component.Sensor{UnitOfMeasurement: "m", StateClass: component.MeasurementAngle}, []string{"unit_of_measurement"}},
		{component.Sensor{Options: []string{"a"}, StateClass: component.Measurement}, []string{"state_class"}},
		{component.Sensor{Options: []string{"a"}, UnitOfMeasurement: "m"}, []string{"unit_of_measurement"}},
		{component.Sensor{Common: component.Common{DeviceClass: "enum"}, Options: []string{"a"}, UnitOfMeasurement: "m"}, []string{"unit_of_measurement"}},
		{component.Sensor{Common: component.Common{DeviceClass: "date"}, Options: []string{"a"}}, []string{"options"}},
		{component.Sensor{Common: component.Common{DeviceClass: "enum"}}, []string{"options"}},
		{component.Sensor{Options: []string{}}, []string{"options"}},
		{component.Sensor{Options: []string{"None"}}, []string{"options"}},
		{component.Sensor{SuggestedDisplayPrecision: new(-1)}, []string{"suggested_display_precision"}},
		{component.Sensor{Options: []string{"a"}, SuggestedDisplayPrecision: new(1)}, []string{"suggested_display_precision"}},
		{component.Sensor{LastReset: true}, []string{"last_reset_value_template"}},
		{component.Sensor{LastReset: true, StateClass: component.TotalIncreasing}, []string{"last_reset_value_template"}},
		{component.Sensor{ExpireAfter: time.Millisecond}, []string{"expire_after"}},

		{component.Number{Min: 5, Max: 5}, []string{"max"}},
		{component.Number{Min: 5, Max: 1}, []string{"max"}},
		{component.Number{Min: math.NaN(), Max: 1}, []string{"min"}},
		{component.Number{Min: 0, Max: math.Inf(1)}, []string{"max"}},
		{component.Number{Step: -1}, []string{"step"}},
		{component.Number{Step: 0.0001}, []string{"step"}},
		{component.Number{Step: math.NaN()}, []string{"step"}},
		{component.Number{Mode: "knob"}, []string{"mode"}},
		{component.Number{Common: component.Common{DeviceClass: "enum"}}, []string{"device_class"}},
		{component.Number{Common: component.Common{DeviceClass: "timestamp"}}, []string{"device_class"}},
		{component.Number{Common: component.Common{DeviceClass: "humidity"}, UnitOfMeasurement: "g"}, []string{"unit_of_measurement"}},

		{component.Select{}, []string{"options"}},
		{component.Select{Options: []string{"a", ""}}, []string{"options"}},
		{component.Select{Options: []string{"a", "a"}}, []string{"options"}},
		{component.Select{Options: []string{"none"}}, []string{"options"}},
		{component.Select{Options: []string{strings.Repeat("a", 256)}}, []string{"options"}},

		{component.Text{Min: -1}, []string{"min"}},
		{component.Text{Max: 256}, []string{"max"}},
		{component.Text{Min: 9, Max: 8}, []string{"max"}},
		{component.Text{Mode: "secret"}, []string{"mode"}},
		{component.Text{Pattern: "("}, []string{"pattern"}},
		{component.Lock{CodeFormat: "["}, []string{"code_format"}},

		{component.Light{SupportedColorModes: []string{"bright"}}, []string{"supported_color_modes"}},
		{component.Light{SupportedColorModes: []string{"rgb", "rgb"}}, []string{"supported_color_modes"}},
		{component.Light{SupportedColorModes: []string{"rgb", "brightness"}}, []string{"supported_color_modes"}},
		{component.Light{SupportedColorModes: []string{"onoff", "hs"}}, []string{"supported_color_modes"}},
		{component.Light{SupportedColorModes: []string{"white", "color_temp"}}, []string{"supported_color_modes"}},
		{component.Light{SupportedColorModes: []string{"color_temp"}, MinKelvin: 7000}, []string{"min_kelvin"}},
		{component.Light{MinKelvin: 2000}, []string{"min_kelvin"}},
		{component.Light{EffectList: []string{"a", "a"}}, []string{"effect_list"}},

		{component.Number{Common: component.Common{Icon: "x", QoS: -1}, Step: -1, Mode: "knob"}, []string{"icon", "qos", "step", "mode"}},
	} {
		err := component.Check("the.id", test.component)
		var keys []string
		for _, found := range each(err) {
			wrong, typed := errors.AsType[*component.ConfigurationError](found)
			if !typed || wrong.Entity != "the.id" || wrong.Platform != test.component.Platform() || wrong.Problem == "" || wrong.Allowed == "" {
				t.Errorf("%#v: %v", test.component, found)
				continue
			}
			keys = append(keys, wrong.Key)
		}
		if diff := cmp.Diff(test.want, keys); diff != "" {
			t.Errorf("%#v: %v (-want +got):\n%s", test.component, err, diff)
		}
	}
}

// each gives the errors of a joined one.
func each(err error) []error {
	if joined, is := err.(interface{ Unwrap() []error }); is {
		return joined.Unwrap()
	}
	if err == nil {
		return nil
	}
	return []error{err}
}

func TestWhatFits(t *testing.T) {
	t.Parallel()
	for _, right := range []component.Component{
		with("power_factor", ""), with("power_factor", "%"), with("aqi", ""), with("pm25", "µg/m³"), with("pm25", "\u03bcg/m³"), with("monetary", "EUR"), with("", "cups"),
		component.Sensor{Common: component.Common{DeviceClass: "wind_direction"}, StateClass: component.MeasurementAngle, UnitOfMeasurement: "°"},
		component.Sensor{Common: component.Common{DeviceClass: "distance"}, StateClass: component.TotalIncreasing, UnitOfMeasurement: "km"},
		component.Sensor{Common: component.Common{DeviceClass: "enum"}, Options: []string{"none"}},
		component.Sensor{StateClass: component.Measurement},
		component.Number{Min: -10}, component.Number{Max: 10}, component.Number{Step: 0.001},
		component.Number{Common: component.Common{DeviceClass: "monetary"}, UnitOfMeasurement: "CHF"},
		component.Text{}, component.Text{Max: 255, Min: 255},
		component.Light{SupportedColorModes: []string{"brightness"}}, component.Light{SupportedColorModes: []string{"white", "hs", "color_temp"}},
	} {
		if err := right.Check(); err != nil {
			t.Errorf("%#v: %v", right, err)
		}
	}
}

// Each class takes one of its own units, and those that are no numbers are none of a number.
func TestDeviceClassesOfSensors(t *testing.T) {
	t.Parallel()
	sensors, numbers := component.DeviceClasses("sensor"), component.DeviceClasses("number")
	var only []string
	for _, class := range sensors {
		unit := ""
		if units := component.Units(class); len(units) > 0 {
			unit = units[0]
		} else if class == "monetary" {
			unit = "EUR"
		}
		sensor := with(class, unit)
		if class == "enum" {
			sensor.Options = []string{"a"}
		}
		if err := sensor.Check(); err != nil {
			t.Error(err)
		}
		if !slices.Contains(numbers, class) {
			only = append(only, class)
		}
	}
	if diff := cmp.Diff([]string{"date", "enum", "timestamp"}, only); diff != "" {
		t.Errorf("classes that are not numbers (-want +got):\n%s", diff)
	}
}

func TestErrorNamesEverything(t *testing.T) {
	t.Parallel()
	got := component.Check("porch.t", with("temperature", "C")).Error()
	want := `the sensor of the entity "porch.t": unit_of_measurement: "C" does not fit the device class temperature; allowed: °C, °F, K`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestPayloadsAreOfWhatIsRightOnly(t *testing.T) {
	t.Parallel()
	right := component.Entry{Place: place("x"), Component: component.Switch{}}
	elsewhere, wrongIcon, wrongTopic := right, right, right
	elsewhere.Place.Application = "other"
	wrongIcon.Place.Icon = "lamp"
	wrongTopic.Place.Availability = []component.Availability{{Topic: "#"}}
	for name, test := range map[string]struct {
		head    component.Head
		entries []component.Entry
	}{
		"component":    {entries: []component.Entry{{Place: place("x"), Component: component.Select{}}}},
		"icon":         {entries: []component.Entry{wrongIcon}},
		"topic":        {entries: []component.Entry{wrongTopic}},
		"application":  {entries: []component.Entry{elsewhere}},
		"twice":        {entries: []component.Entry{right, {Place: place("x"), Component: component.Sensor{}}}},
		"device":       {head: component.Head{Device: component.Device{ID: "x"}}},
		"availability": {head: component.Head{AvailabilityMode: "most"}, entries: []component.Entry{right}},
	} {
		test.head.Application = "my_app"
		if _, err := component.DevicePayload(test.head, test.entries); err == nil {
			t.Errorf("%s: no error of the device's message", name)
		}
		if len(test.entries) != 1 {
			continue
		}
		if _, err := component.SinglePayload(test.head, test.entries[0]); err == nil {
			t.Errorf("%s: no error of the single message", name)
		}
	}
}
