package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"slices"

	"github.com/synapsedb/synapse/background"
)

// Prefix is where the API of background updates begins, as with the Python homeserver.
const Prefix = "/_synapse/admin/v1/background_updates/"

// Config says what is served.
type Config struct {
	// Databases are the updaters of all physical databases, one at least. A database's name is its updater's.
	Databases []*background.Updater
	// Main is the one that runs what StartJob has enqueued; it may be nil if there is one database only.
	Main *background.Updater
	// StartJob enqueues the updates of a job, all or none. body is the whole request, a JSON object. An *UnknownJobError, a
	// *ParameterError and a *QueuedError are the caller's to correct and shown to him, others are logged. No two calls
	// overlap. With nil every job is unknown.
	StartJob func(ctx context.Context, job string, body json.RawMessage) error
	// Token is asked for as "Authorization: Bearer …". Without one, only requests are answered that name a loopback address
	// as their host and that no page of another site has made: it is for a server that listens on such an address.
	Token string
	// Metrics are served at /metrics; may be nil. They belong to one handler.
	Metrics *Metrics
	// ServerName is a label of the metric of the status, as with the Python homeserver; may be empty.
	ServerName string
	// Log may be nil. It is told of what was changed, and of errors that are not the caller's.
	Log *slog.Logger
}

// service is what the handlers share.
type service struct {
	config Config
	// starting holds one value while a job is being started.
	starting chan struct{}
}

// New checks the configuration and makes the handler.
func New(config Config) (http.Handler, error) {
	if err := config.complete(); err != nil {
		return nil, err
	}
	s := &service{config: config, starting: make(chan struct{}, 1)}
	guarded := routes{
		Prefix + "enabled":   {http.MethodGet: s.answer(s.enabled), http.MethodPost: s.answer(s.enable)},
		Prefix + "status":    {http.MethodGet: s.answer(s.status)},
		Prefix + "start_job": {http.MethodPost: s.answer(s.startJob)},
	}
	if config.Metrics != nil {
		if err := config.Metrics.watch(config.Databases, config.ServerName); err != nil {
			return nil, err
		}
		guarded["/metrics"] = methods{http.MethodGet: config.Metrics.handler(config.Log)}
	}
	return withHeaders(serve(s.guard(guarded))), nil
}

func (c *Config) complete() error {
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	if len(c.Databases) == 0 || slices.Contains(c.Databases, nil) {
		return errors.New("the admin API needs the updaters of the databases")
	}
	c.Databases = slices.Clone(c.Databases)
	known := map[string]bool{}
	for _, updater := range c.Databases {
		name := updater.Status().Database
		if known[name] {
			return fmt.Errorf("the admin API was given two databases of the name %s", name)
		}
		known[name] = true
	}
	return c.completeMain()
}

func (c *Config) completeMain() error {
	if c.Main == nil && len(c.Databases) == 1 {
		c.Main = c.Databases[0]
	}
	if c.Main == nil && c.StartJob != nil {
		return errors.New("the admin API needs to know which of the databases runs the jobs: set Main")
	}
	if c.Main != nil && !slices.Contains(c.Databases, c.Main) {
		return errors.New("the admin API was given a Main that is none of the databases")
	}
	return nil
}
