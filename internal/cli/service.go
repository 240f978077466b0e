package cli

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/admin"
	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// service is what "synapse start" runs once the databases are prepared.
type service struct {
	log      *slog.Logger
	updaters []*background.Updater
	handler  http.Handler
}

// How long requests may take to send their header, and to be answered when the service stops.
const (
	headerTimeout = 10 * time.Second
	answerTimeout = 5 * time.Second
)

func (e *environment) newService(loaded *config.Config, databases []*physical, token string, sessionsKnown bool) (*service, error) {
	s := &service{log: e.startLogger()}
	settings := admin.Config{Token: token, Metrics: admin.NewMetrics(), ServerName: loaded.ServerName, Log: s.log}
	for _, database := range databases {
		updater, err := e.newUpdater(loaded, database, settings.Metrics, s.log, sessionsKnown)
		if err != nil {
			return nil, err
		}
		s.updaters = append(s.updaters, updater)
		if slices.Contains(database.database.Logical, "main") {
			settings.Main = updater
			settings.StartJob = jobStarter(database, s.log)
		}
	}
	settings.Databases = s.updaters
	handler, err := admin.New(settings)
	s.handler = handler
	return s, err
}

func (e *environment) newUpdater(loaded *config.Config, database *physical, metrics *admin.Metrics, log *slog.Logger, sessionsKnown bool) (*background.Updater, error) {
	label := database.database.Label
	return background.New(background.Config{
		Name: label, Logical: database.database.Logical, SessionsKnown: sessionsKnown, OnBatch: metrics.Observe(label), Log: log,
		Wait:     true, // for another one of this program
		Registry: e.handlers(database.owner(), homeserver.Config{ServerName: loaded.ServerName}),
		Pacing:   pacing(loaded.BackgroundUpdates),
		Open: func(ctx context.Context) (engine.Session, error) {
			return database.database.OpenSession(ctx, log)
		},
	})
}

// jobStarter enqueues upstream's jobs; there are none for other databases.
func jobStarter(database *physical, log *slog.Logger) func(ctx context.Context, job string, body json.RawMessage) error {
	if database.owner() != schema.UpstreamsDatabase {
		return nil
	}
	return func(ctx context.Context, name string, body json.RawMessage) (err error) {
		job, err := jobOf(name, body)
		if err != nil {
			return err
		}
		session, err := database.database.OpenSession(ctx, log)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, session.Close()) }()
		_, err = startJob(ctx, session, job)
		if queued, isQueued := errors.AsType[*upstream.QueuedError](err); isQueued {
			return &admin.QueuedError{Job: queued.Job, Pending: queued.Pending}
		}
		return err
	}
}

// jobOf reads the parameters of a job from a request, whose names are upstream's.
func jobOf(name string, body json.RawMessage) (upstream.Job, error) {
	job := upstream.Job{Name: name}
	if !slices.Contains(upstream.Jobs(), name) {
		return job, &admin.UnknownJobError{Job: name}
	}
	if name != upstream.ResignJob {
		return job, nil
	}
	var parameters map[string]json.RawMessage
	if err := json.Unmarshal(body, &parameters); err != nil {
		return job, err
	}
	return job, errors.Join(
		parameter(parameters, "old_key", "a string", &job.OldKey), parameter(parameters, "before_ts", "an integer", &job.BeforeTS))
}

func parameter(from map[string]json.RawMessage, name, kind string, into any) error {
	value, present := from[name]
	if !present {
		return &admin.ParameterError{Name: name}
	}
	if err := json.Unmarshal(value, into); err != nil || string(value) == "null" {
		return &admin.ParameterError{Name: name, Problem: "it has to be " + kind}
	}
	return nil
}

// run works until ctx ends because of a signal, which is no error, or until something else stops it.
func (s *service) run(ctx context.Context, listener net.Listener) error {
	group, working := errgroup.WithContext(ctx)
	server := &http.Server{
		Handler: s.handler, ReadHeaderTimeout: headerTimeout,
		ErrorLog: slog.NewLogLogger(s.log.Handler(), slog.LevelWarn),
	}
	group.Go(func() error { return unlessClosed(server.Serve(listener)) })
	for _, updater := range s.updaters {
		group.Go(func() error { return updater.Serve(working) })
	}
	group.Go(func() error {
		<-working.Done()
		answering, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
		defer cancel()
		return server.Shutdown(answering)
	})
	err := group.Wait()
	if stopped, isStopped := errors.AsType[*signalError](context.Cause(ctx)); isStopped {
		s.log.InfoContext(context.WithoutCancel(ctx), "stopping", "signal", stopped.signal.String())
		return unlessStopped(err, stopped)
	}
	return err
}

func unlessClosed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func unlessStopped(err error, stopped *signalError) error {
	if errors.Is(err, error(stopped)) {
		return nil
	}
	return err
}
