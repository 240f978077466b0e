// Package component describes entities to Home Assistant: each of its domains as a type whose fields are the documented keys of MQTT
// discovery, the messages that announce them, and what states and commands are as payloads. It never connects to
// anything and keeps nothing: it knows no network, no store and no clock. Begin with a domain, such as Sensor or Switch,
// then Check, then DevicePayload.
package component
