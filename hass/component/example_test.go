package component_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/synapsedb/synapse/hass/component"
)

func Example() {
	temperature := component.Number{
		Common: component.Common{DeviceClass: "temperature"}, Min: 5, Max: 30, Step: 0.5, UnitOfMeasurement: "°C",
	}
	place := component.Place{Application: "thermostat", Entity: "target", Name: "Target", Icon: "mdi:thermostat"}
	head := component.Head{
		Application: "thermostat", Device: component.Device{Name: "Thermostat"}, Origin: component.Origin{Name: "thermostat", SWVersion: "1.0"},
	}
	payload, err := component.DevicePayload(head, []component.Entry{{Place: place, Component: temperature}})
	if err != nil {
		fmt.Println(err)
		return
	}
	var readable bytes.Buffer
	if err := json.Indent(&readable, payload, "", "  "); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(component.DeviceTopic("homeassistant", "thermostat", ""))
	fmt.Println(&readable)
	state, err := temperature.Command([]byte("21.5"), json.RawMessage("20"))
	fmt.Println(string(state), err)
	_, err = temperature.Command([]byte("31"), json.RawMessage("20"))
	fmt.Println(err)

	// Output:
	// homeassistant/device/synapse_thermostat/config
	// {
	//   "availability": [
	//     {
	//       "topic": "synapse/thermostat/status"
	//     }
	//   ],
	//   "components": {
	//     "number_target": {
	//       "command_topic": "synapse/thermostat/target/set",
	//       "device_class": "temperature",
	//       "icon": "mdi:thermostat",
	//       "json_attributes_topic": "synapse/thermostat/target/attributes",
	//       "max": 30,
	//       "min": 5,
	//       "name": "Target",
	//       "platform": "number",
	//       "state_topic": "synapse/thermostat/target/state",
	//       "step": 0.5,
	//       "unique_id": "thermostat_target",
	//       "unit_of_measurement": "°C"
	//     }
	//   },
	//   "device": {
	//     "identifiers": [
	//       "synapse_thermostat"
	//     ],
	//     "name": "Thermostat"
	//   },
	//   "origin": {
	//     "name": "thermostat",
	//     "sw_version": "1.0"
	//   }
	// }
	// 21.5 <nil>
	// a command for a number: 31 is out of range; allowed: a number from 5 to 30
}

func BenchmarkDevicePayloadOf1000(b *testing.B) {
	entries := make([]component.Entry, 1000)
	for i := range entries {
		entries[i] = component.Entry{Place: place(fmt.Sprint(i)), Component: examples["sensor"]}
	}
	for b.Loop() {
		payload, err := component.DevicePayload(head(examples["sensor"]), entries)
		if err != nil {
			b.Fatal(err)
		}
		b.SetBytes(int64(len(payload)))
	}
}

func BenchmarkState(b *testing.B) {
	sensor, state := examples["sensor"], json.RawMessage("21.5")
	for b.Loop() {
		if _, err := sensor.State(state); err != nil {
			b.Fatal(err)
		}
	}
}
