package component

import (
	"regexp"
	"slices"
	"strings"
)

var currencyForm = regexp.MustCompile(`^[A-Z]{3}$`)

// checkUnit looks whether a unit of measurement fits a device class, which is known.
func checkUnit(found *checker, deviceClass, unit string) {
	known := sensorClasses[deviceClass]
	switch {
	case deviceClass == "":
	case known.currency:
		if !currencyForm.MatchString(unit) {
			found.add("unit_of_measurement", quoted(unit)+" is no currency, which the device class monetary needs", `a code of ISO 4217, such as "EUR"`)
		}
	case known.units != nil && !slices.Contains(known.units, oneMicro(unit)):
		found.add("unit_of_measurement", quoted(unit)+" does not fit the device class "+deviceClass, listed(known.units))
	}
}

// oneMicro has one of the two characters for a millionth, which look the same, and are the same to Home Assistant.
func oneMicro(unit string) string { return strings.ReplaceAll(unit, "\u03bc", "\u00b5") }

func listed(units []string) string {
	if len(units) == 1 && units[0] == "" {
		return "none"
	}
	shown := slices.Clone(units)
	for i, unit := range shown {
		if unit == "" {
			shown[i] = "none"
		}
	}
	return strings.Join(shown, ", ")
}
