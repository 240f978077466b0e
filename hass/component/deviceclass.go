package component

import (
	"maps"
	"slices"
)

// DeviceClasses lists the device classes of a domain, sorted; none where it has none.
func DeviceClasses(platform string) []string {
	switch platform {
	case "sensor":
		return slices.Sorted(maps.Keys(sensorClasses))
	case "number":
		return slices.DeleteFunc(slices.Sorted(maps.Keys(sensorClasses)), func(class string) bool { return !sensorClasses[class].numeric() })
	}
	return slices.Clone(plainClasses[platform])
}

// hasClass is whether DeviceClasses has a class.
func hasClass(platform, name string) bool {
	found, known := sensorClasses[name]
	switch platform {
	case "sensor":
		return known
	case "number":
		return known && found.numeric()
	}
	return slices.Contains(plainClasses[platform], name)
}

// Units lists the units of measurement that a device class of sensors and numbers takes. An empty one stands for none at all. Unknown classes and "monetary", whose units are
// currencies, have no list.
func Units(deviceClass string) []string { return slices.Clone(sensorClasses[deviceClass].units) }

// plainClasses are the device classes of other domains than sensor and number, as of the pages of binary_sensor, button and switch:
// https://www.home-assistant.io/integrations/binary_sensor/#device-class and the like.
var plainClasses = map[string][]string{
	"binary_sensor": {
		"battery", "battery_charging", "carbon_monoxide", "cold", "connectivity", "door", "garage_door", "gas", "heat", "light", "lock", "moisture", "motion", "moving",
		"occupancy", "opening", "plug", "power", "presence", "problem", "running", "safety", "smoke", "sound", "tamper", "update", "vibration", "window",
	},
	"button": {"identify", "restart", "update"},
	"switch": {"outlet", "switch"},
}

// class is what a device class of sensors takes.
type class struct {
	units []string
	// states are the classes of state; nil for what is no number.
	states []string
	// currency says that the unit is one of ISO 4217.
	currency bool
}

func (c class) numeric() bool { return c.states != nil }

// Classes of state, which have Home Assistant keep statistics of a sensor.
const (
	Measurement      = "measurement"
	MeasurementAngle = "measurement_angle" // degrees, of which the mean goes round the circle
	Total            = "total"             // an amount that goes up and down
	TotalIncreasing  = "total_increasing"  // an amount that only grows, or begins anew at 0
)

var (
	anyState  = []string{Measurement, Total, TotalIncreasing}
	measured  = []string{Measurement}
	amount    = []string{Total, TotalIncreasing}
	angle     = []string{MeasurementAngle}
	sum       = []string{Total}
	allStates = []string{Measurement, MeasurementAngle, Total, TotalIncreasing}

	areas            = []string{"m²", "cm²", "km²", "mm²", "in²", "ft²", "yd²", "mi²", "ac", "ha"}
	concentrations   = []string{"µg/m³", "mg/m³", "ppb", "ppm"}
	particles        = []string{"µg/m³"}
	dataSizes        = []string{"bit", "kbit", "Mbit", "Gbit", "B", "kB", "MB", "GB", "TB", "PB", "EB", "ZB", "YB", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", "ZiB", "YiB"}
	dataRates        = []string{"bit/s", "kbit/s", "Mbit/s", "Gbit/s", "B/s", "kB/s", "MB/s", "GB/s", "KiB/s", "MiB/s", "GiB/s"}
	distances        = []string{"mm", "cm", "m", "km", "in", "ft", "yd", "mi", "nmi"}
	energies         = []string{"J", "kJ", "MJ", "GJ", "mWh", "Wh", "kWh", "MWh", "GWh", "TWh", "cal", "kcal", "Mcal", "Gcal"}
	energyDistances  = []string{"kWh/100km", "Wh/km", "mi/kWh", "km/kWh"}
	flows            = []string{"m³/h", "m³/min", "m³/s", "ft³/min", "L/h", "L/min", "L/s", "mL/s", "gal/d", "gal/h", "gal/min"}
	gases            = []string{"L", "m³", "ft³", "CCF", "MCF"}
	pressures        = []string{"mPa", "Pa", "hPa", "kPa", "bar", "cbar", "mbar", "mmHg", "inHg", "inH₂O", "psi"}
	rains            = []string{"cm", "in", "mm"}
	rainRates        = []string{"in/d", "in/h", "mm/d", "mm/h"}
	speeds           = []string{"Beaufort", "ft/s", "in/s", "km/h", "kn", "m/min", "m/s", "mm/s", "mph", "in/d", "in/h", "mm/d", "mm/h"}
	temperatures     = []string{"°C", "°F", "K"}
	volumes          = []string{"L", "mL", "gal", "fl. oz.", "m³", "ft³", "CCF", "MCF"}
	waters           = []string{"L", "gal", "m³", "ft³", "CCF", "MCF"}
	weights          = []string{"kg", "g", "mg", "µg", "oz", "lb", "st"}
	windSpeeds       = []string{"Beaufort", "ft/s", "in/s", "km/h", "kn", "m/min", "m/s", "mm/s", "mph"}
	conductivities   = []string{"S/cm", "mS/cm", "µS/cm"}
	apparentPowers   = []string{"mVA", "VA", "kVA"}
	reactivePowers   = []string{"mvar", "var", "kvar"}
	reactiveEnergies = []string{"varh", "kvarh"}
	powers           = []string{"mW", "W", "kW", "MW", "GW", "TW", "BTU/h"}
	voltages         = []string{"µV", "mV", "V", "kV", "MV"}
	durations        = []string{"d", "h", "min", "s", "ms", "µs"}
	frequencies      = []string{"mHz", "Hz", "kHz", "MHz", "GHz"}
	none             = []string{""}
)

// sensorClasses are those of https://www.home-assistant.io/integrations/sensor/#device-class, with the units of
// https://developers.home-assistant.io/docs/core/entity/sensor/#available-device-classes and the classes of state that fit.
var sensorClasses = map[string]class{
	"absolute_humidity":                {units: []string{"g/m³", "mg/m³"}, states: measured},
	"apparent_power":                   {units: apparentPowers, states: measured},
	"aqi":                              {units: none, states: measured},
	"area":                             {units: areas, states: measured},
	"atmospheric_pressure":             {units: pressures, states: measured},
	"battery":                          {units: []string{"%"}, states: measured},
	"blood_glucose_concentration":      {units: []string{"mg/dL", "mmol/L"}, states: measured},
	"carbon_dioxide":                   {units: []string{"ppm"}, states: measured},
	"carbon_monoxide":                  {units: concentrations, states: measured},
	"conductivity":                     {units: conductivities, states: measured},
	"current":                          {units: []string{"A", "mA"}, states: measured},
	"data_rate":                        {units: dataRates, states: measured},
	"data_size":                        {units: dataSizes, states: anyState},
	"date":                             {units: none},
	"distance":                         {units: distances, states: anyState},
	"duration":                         {units: durations, states: anyState},
	"energy":                           {units: energies, states: amount},
	"energy_distance":                  {units: energyDistances, states: measured},
	"energy_storage":                   {units: energies, states: measured},
	"enum":                             {units: none},
	"frequency":                        {units: frequencies, states: measured},
	"gas":                              {units: gases, states: amount},
	"humidity":                         {units: []string{"%"}, states: measured},
	"illuminance":                      {units: []string{"lx"}, states: measured},
	"irradiance":                       {units: []string{"W/m²", "BTU/(h⋅ft²)"}, states: measured},
	"moisture":                         {units: []string{"%"}, states: measured},
	"monetary":                         {states: sum, currency: true},
	"nitrogen_dioxide":                 {units: concentrations, states: measured},
	"nitrogen_monoxide":                {units: concentrations, states: measured},
	"nitrous_oxide":                    {units: particles, states: measured},
	"ozone":                            {units: concentrations, states: measured},
	"ph":                               {units: none, states: measured},
	"pm1":                              {units: particles, states: measured},
	"pm10":                             {units: particles, states: measured},
	"pm25":                             {units: particles, states: measured},
	"pm4":                              {units: particles, states: measured},
	"power":                            {units: powers, states: measured},
	"power_factor":                     {units: []string{"", "%"}, states: measured},
	"precipitation":                    {units: rains, states: anyState},
	"precipitation_intensity":          {units: rainRates, states: measured},
	"pressure":                         {units: pressures, states: measured},
	"reactive_energy":                  {units: reactiveEnergies, states: amount},
	"reactive_power":                   {units: reactivePowers, states: measured},
	"signal_strength":                  {units: []string{"dB", "dBm"}, states: measured},
	"sound_pressure":                   {units: []string{"dB", "dBA"}, states: measured},
	"speed":                            {units: speeds, states: measured},
	"sulphur_dioxide":                  {units: concentrations, states: measured},
	"temperature":                      {units: temperatures, states: measured},
	"temperature_delta":                {units: temperatures, states: measured},
	"timestamp":                        {units: none},
	"volatile_organic_compounds":       {units: []string{"µg/m³", "mg/m³"}, states: measured},
	"volatile_organic_compounds_parts": {units: []string{"ppb", "ppm"}, states: measured},
	"voltage":                          {units: voltages, states: measured},
	"volume":                           {units: volumes, states: amount},
	"volume_flow_rate":                 {units: flows, states: measured},
	"volume_storage":                   {units: volumes, states: measured},
	"water":                            {units: waters, states: amount},
	"weight":                           {units: weights, states: measured},
	"wind_direction":                   {units: []string{"°"}, states: angle},
	"wind_speed":                       {units: windSpeeds, states: measured},
}
