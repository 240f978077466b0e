package cli

import (
	"io"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/schema"
)

// MainWith is Main with more handlers of background updates.
func MainWith(register func(*background.Registry), args []string, stdout, stderr io.Writer) int {
	env := &environment{stdout: stdout, stderr: stderr}
	env.handlers = func(owner schema.Owner, config homeserver.Config) *background.Registry {
		registry := handlers(owner, config)
		register(registry)
		return registry
	}
	return env.main(args)
}
