package component_test

import (
	"time"

	"github.com/synapsedb/synapse/hass/component"
)

// examples have each field of each domain set in at least one of them. Their names are those of the golden files.
var examples = map[string]component.Component{
	"binary_sensor": component.BinarySensor{
		Common:   component.Common{DeviceClass: "motion", Device: &porch, NamedAsDevice: true},
		OffDelay: 30 * time.Second, ExpireAfter: time.Hour, ForceUpdate: true,
	},
	"button":   component.Button{Common: everything("button", "restart")},
	"date":     component.Date{Common: component.Common{Name: "Holiday", EntityCategory: component.Config}, Optimistic: true},
	"datetime": component.DateTime{Common: component.Common{Name: "Alarm"}, Optimistic: true},
	"light":    component.Light{Common: component.Common{Name: "Lamp", Device: &porch}},
	"light-color": component.Light{
		SupportedColorModes: []string{component.ColorModeTemperature, component.ColorModeRGB, component.ColorModeWhite}, MinKelvin: 2200, MaxKelvin: 6500,
		EffectList: []string{"rainbow", "off"}, Optimistic: true,
	},
	"lock":   component.Lock{Common: component.Common{Device: &porch}, Openable: true, CodeFormat: `^\d{4}$`, Optimistic: true},
	"number": component.Number{Common: everything("number", "temperature"), Min: 5, Max: 30, Step: 0.5, Mode: component.NumberSlider, UnitOfMeasurement: "°C", Optimistic: true},
	// Without a range of its own.
	"number-plain": component.Number{},
	"scene":        component.Scene{Common: component.Common{Name: "Evening", Icon: "mdi:weather-night"}},
	"select":       component.Select{Common: component.Common{Name: "Mode"}, Options: []string{"heat", "cool", "off"}, Optimistic: true},
	"sensor": component.Sensor{
		Common: component.Common{
			Name: "Temperature", ObjectID: "porch_temperature", DeviceClass: "temperature", EntityCategory: component.Diagnostic, EnabledByDefault: new(false), QoS: 1,
			Icon: "mdi:thermometer", EntityPicture: "https://example.org/t.png", Device: &porch,
		},
		StateClass: component.Measurement, UnitOfMeasurement: "°C", SuggestedDisplayPrecision: new(1), ExpireAfter: time.Minute, ForceUpdate: true,
	},
	"sensor-enum":      component.Sensor{Options: []string{"idle", "heating"}},
	"sensor-timestamp": component.Sensor{Common: component.Common{DeviceClass: "timestamp"}},
	"sensor-total": component.Sensor{
		Common: component.Common{DeviceClass: "energy"}, StateClass: component.Total, UnitOfMeasurement: "kWh", LastReset: true,
	},
	"switch": component.Switch{Common: everything("switch", "outlet"), Optimistic: true},
	"text":   component.Text{Common: component.Common{Name: "Code"}, Min: 4, Max: 8, Mode: component.TextPassword, Pattern: `^[0-9]+$`},
	"time":   component.Time{Common: component.Common{Name: "Wake up"}, Optimistic: true},
}

var porch = component.Device{
	ID: "porch", Name: "Porch", Manufacturer: "Example", Model: "Lantern", ModelID: "L-1", SWVersion: "1.2", HWVersion: "A", SerialNumber: "0815", SuggestedArea: "Garden",
	ConfigurationURL: "http://192.0.2.1/", Via: "gateway",
}

// everything has all settings that domains have in common, but those that exclude each other.
func everything(platform, deviceClass string) component.Common {
	return component.Common{
		Name: "The " + platform, ObjectID: "the_" + platform, Icon: "mdi:lamp", EntityPicture: "/local/picture.png", DeviceClass: deviceClass,
		EntityCategory: component.Config, EnabledByDefault: new(true), Device: &porch, QoS: 2,
	}
}

// place is where an example is.
func place(name string) component.Place {
	return component.Place{Application: "my_app", Entity: "porch." + name, Name: "Definition's", Icon: "mdi:home"}
}

// head is the beginning of an example's messages.
func head(of component.Component) component.Head {
	made := component.Head{
		Application: "my_app", Device: component.Device{Name: "My application"},
		Origin: component.Origin{Name: "my_app", SWVersion: "0.1", SupportURL: "https://example.org"},
	}
	if device := of.Shared().Device; device != nil {
		made.Device = *device
		made.Availability = []component.Availability{
			{Topic: component.StatusTopic("my_app")}, {Topic: "gateway/status", Available: "up", NotAvailable: "down"},
		}
		made.AvailabilityMode = component.AvailableWhenAll
	}
	return made
}
