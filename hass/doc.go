// Package hass shows the entities of package entity in Home Assistant, by MQTT discovery, which needs nothing to be installed
// there, and applies the commands that come from there. It never makes a program wait for a broker, and never takes a command that
// the entity's settings do not allow. Begin with New for each entity, and Connect when all are defined; docs/hass.md
// has the topics and payloads.
package hass
