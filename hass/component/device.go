package component

import (
	"net/url"
	"slices"
	"strings"
)

// Device is what Home Assistant puts entities together as.
type Device struct {
	// ID tells the devices of an application apart, and is the same at each start. The application's own has an empty one.
	ID string
	// Name is for people.
	Name                                                             string
	Manufacturer, Model, ModelID, SWVersion, HWVersion, SerialNumber string
	// SuggestedArea counts when Home Assistant first sees the device.
	SuggestedArea string
	// ConfigurationURL is where the device is set up: http, https or homeassistant.
	ConfigurationURL string
	// Via is the ID of the device by which this one is reached. Empty, it is the application's own, which itself has none. The
	// message of that device has to come first.
	Via string
}

// check names the keys as they are found inside "device".
func (d Device) check(found *checker) {
	if d.ID == "" && d.Via != "" {
		found.add("device.via_device", "the application's own device is reached by no other one", "nothing")
	}
	if d.ID != "" && d.Via == d.ID {
		found.add("device.via_device", "the device is reached by itself", "the id of another device")
	}
	if d.ID != "" && d.Name == "" {
		found.add("device.name", "the device "+quoted(d.ID)+" has none", "a text")
	}
	if d.ConfigurationURL == "" {
		return
	}
	address, err := url.Parse(d.ConfigurationURL)
	if err != nil || address.Host == "" || !slices.Contains([]string{"http", "https", "homeassistant"}, address.Scheme) {
		found.add("device.configuration_url", "it is no URL that Home Assistant takes", "http://…, https://…, homeassistant://…")
	}
}

func (d Device) discovery(application string) keys {
	made := keys{"identifiers": []string{NodeID(application, d.ID)}, "name": first(d.Name, application)}
	put(made, "manufacturer", d.Manufacturer)
	put(made, "model", d.Model)
	put(made, "model_id", d.ModelID)
	put(made, "sw_version", d.SWVersion)
	put(made, "hw_version", d.HWVersion)
	put(made, "serial_number", d.SerialNumber)
	put(made, "suggested_area", d.SuggestedArea)
	put(made, "configuration_url", d.ConfigurationURL)
	if d.ID != "" {
		made["via_device"] = NodeID(application, d.Via)
	}
	return made
}

// Origin is the program that publishes: Home Assistant names it in its log.
type Origin struct {
	Name, SWVersion, SupportURL string
}

func (o Origin) discovery() keys {
	made := keys{"name": first(o.Name, "synapse")}
	put(made, "sw_version", o.SWVersion)
	put(made, "support_url", o.SupportURL)
	return made
}

// Availability is a topic that tells whether an entity can be used: "online" or "offline".
type Availability struct {
	Topic string
	// Available and NotAvailable are the payloads, "online" and "offline" when they are empty.
	Available, NotAvailable string
}

// What several topics of availability mean together.
const (
	AvailableWhenAll  = "all"
	AvailableWhenAny  = "any"
	AvailableAsLatest = "latest" // the message that came last counts
)

func putAvailability(into keys, topics []Availability, mode string) {
	if len(topics) == 0 {
		return
	}
	list := make([]keys, len(topics))
	for i, one := range topics {
		list[i] = keys{"topic": one.Topic}
		put(list[i], "payload_available", one.Available)
		put(list[i], "payload_not_available", one.NotAvailable)
	}
	into["availability"] = list
	put(into, "availability_mode", mode)
}

func checkAvailability(found *checker, topics []Availability, mode string) {
	for _, one := range topics {
		if one.Topic == "" || strings.ContainsAny(one.Topic, "+#\x00") {
			found.add("availability.topic", quoted(one.Topic)+" is no topic to which something is published", `a text without "+", "#" and NUL`)
		}
	}
	allowed := []string{AvailableWhenAll, AvailableWhenAny, AvailableAsLatest}
	if mode != "" && !slices.Contains(allowed, mode) {
		found.add("availability_mode", quoted(mode)+" is none", strings.Join(allowed, ", "))
	}
}
