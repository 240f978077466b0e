package cli

import (
	"context"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/port"
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

// PanicOnScreen panics at SIGUSR1 where a port is shown on the whole terminal, as a port would that has a bug.
func PanicOnScreen() {
	env := &environment{stdout: os.Stdout, stderr: os.Stderr}
	received := make(chan os.Signal, 1)
	signal.Notify(received, syscall.SIGUSR1)
	options := &port.Options{Progress: port.NewProgress(), Log: env.logger()}
	_, stop := env.showPort(context.Background(), options, true)
	defer stop()
	<-received
	panic("PanicOnScreen")
}
