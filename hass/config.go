package hass

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/synapsedb/synapse/hass/component"
	"github.com/synapsedb/synapse/hass/mqtt"
)

// Discovery is the kind of message by which Home Assistant learns of entities.
type Discovery string

// The kinds. Changing from one to the other keeps what Home Assistant's user has set.
const (
	// DeviceBased is one message for each device, which Home Assistant understands since 2024.11.
	DeviceBased Discovery = "device"
	// SingleComponent is one message for each entity.
	SingleComponent Discovery = "component"
)

// Removal is what happens to entities that the program no longer defines.
type Removal string

// The ways.
const (
	// Delete removes them from Home Assistant, with what its user has set of them.
	Delete Removal = "delete"
	// Abandon leaves them there, as unavailable once Home Assistant restarts, until the program runs with Delete.
	Abandon Removal = "abandon"
)

// DefaultPrefix is where Home Assistant looks for messages of discovery, unless it is set up otherwise.
const DefaultPrefix = "homeassistant"

// Config says how a store is shown in Home Assistant. Only Broker.URL is needed.
type Config struct {
	// Broker is where to publish. Its Will, Subscribe, OnUp and OnMessage are set by Connect; its Log is this one's where it has none.
	Broker mqtt.Config
	// Prefix is that of discovery; DefaultPrefix when empty.
	Prefix string
	// Device is the application's own. Its ID and Via are empty.
	Device component.Device
	// Origin is the program; its Name is the application's id when empty.
	Origin component.Origin
	// Discovery is DeviceBased when empty.
	Discovery Discovery
	// Removal is Delete when empty.
	Removal Removal
	// Log may be nil.
	Log *slog.Logger
}

func (c Config) complete(application string) (Config, error) {
	c.Prefix = cmp.Or(c.Prefix, DefaultPrefix)
	c.Discovery, c.Removal = cmp.Or(c.Discovery, DeviceBased), cmp.Or(c.Removal, Delete)
	c.Origin.Name = cmp.Or(c.Origin.Name, application)
	c.Device.Name = cmp.Or(c.Device.Name, application)
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if c.Broker.Log == nil {
		c.Broker.Log = c.Log
	}
	c.Broker.ClientID = cmp.Or(c.Broker.ClientID, component.NodeID(application, ""))
	return c, c.problems()
}

func (c Config) problems() error {
	var found []error
	if strings.ContainsAny(c.Prefix, "+#\x00") || strings.HasPrefix(c.Prefix, "/") || strings.HasSuffix(c.Prefix, "/") {
		found = append(found, &ConfigError{"Prefix", `it holds "+", "#" or NUL, or begins or ends with "/"`, "a topic, such as homeassistant"})
	}
	if c.Discovery != DeviceBased && c.Discovery != SingleComponent {
		found = append(found, &ConfigError{"Discovery", fmt.Sprintf("there is no kind %q", c.Discovery), "device, component"})
	}
	if c.Removal != Delete && c.Removal != Abandon {
		found = append(found, &ConfigError{"Removal", fmt.Sprintf("there is no way %q", c.Removal), "delete, abandon"})
	}
	if c.Device.ID != "" || c.Device.Via != "" {
		found = append(found, &ConfigError{"Device", "the application's own has an ID or a Via", "neither"})
	}
	if c.Broker.Will != nil || c.Broker.Subscribe != nil || c.Broker.OnUp != nil || c.Broker.OnMessage != nil {
		found = append(found, &ConfigError{"Broker", "its Will, Subscribe, OnUp or OnMessage is set", "none of them"})
	}
	return errors.Join(found...)
}

// ConfigError says what is wrong with a field of Config.
type ConfigError struct{ Field, Problem, Allowed string }

// Error names the field, what is wrong and what is allowed.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("hass.Config.%s: %s; allowed: %s", e.Field, e.Problem, e.Allowed)
}
