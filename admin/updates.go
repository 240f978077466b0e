package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"github.com/synapsedb/synapse/background"
)

// enabledAnswer is what both methods of enabled answer.
type enabledAnswer struct {
	Enabled bool `json:"enabled"`
}

// statusAnswer has a field for each database that works on an update.
type statusAnswer struct {
	Enabled        bool                     `json:"enabled"`
	CurrentUpdates map[string]currentUpdate `json:"current_updates"`
}

// currentUpdate is what one updater has done of the update that it works on.
type currentUpdate struct {
	Name            string  `json:"name"`
	TotalItemCount  int64   `json:"total_item_count"`
	TotalDurationMS float64 `json:"total_duration_ms"`
	// AverageItemsPerMS is null before the first item.
	AverageItemsPerMS *float64 `json:"average_items_per_ms"`
}

// answer makes a handler of a function that returns what is answered as JSON.
func (s *service) answer(work func(w http.ResponseWriter, request *http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		value, err := work(w, request)
		if err == nil {
			writeJSON(w, http.StatusOK, value)
			return
		}
		refused := refusalOf(err)
		if refused == nil {
			s.config.Log.ErrorContext(request.Context(), "a request to the admin API has failed", "path", request.URL.Path, "error", err)
			refused = &refusal{http.StatusInternalServerError, codeUnknown, "internal error; the log says more"}
		}
		refused.write(w)
	})
}

func (s *service) areEnabled() bool {
	return !slices.ContainsFunc(s.config.Databases, func(updater *background.Updater) bool { return !updater.Enabled() })
}

func (s *service) enabled(http.ResponseWriter, *http.Request) (any, error) {
	return enabledAnswer{s.areEnabled()}, nil
}

// enable holds all databases, or lets all go on.
func (s *service) enable(w http.ResponseWriter, request *http.Request) (any, error) {
	body, err := readObject(w, request)
	if err != nil {
		return nil, err
	}
	enabled := true
	if err := body.read("enabled", "it has to be true or false", &enabled); err != nil {
		return nil, err
	}
	for _, updater := range s.config.Databases {
		updater.SetEnabled(enabled)
		if enabled {
			updater.Wake()
		}
	}
	s.config.Log.InfoContext(request.Context(), "background updates were switched by the admin API", "enabled", enabled, "by", request.RemoteAddr)
	return enabledAnswer{enabled}, nil
}

func (s *service) status(http.ResponseWriter, *http.Request) (any, error) {
	answer := statusAnswer{Enabled: s.areEnabled(), CurrentUpdates: map[string]currentUpdate{}}
	for _, updater := range s.config.Databases {
		status := updater.Status()
		if status.Current == nil {
			continue
		}
		const microseconds = 1000 // in a millisecond
		answer.CurrentUpdates[status.Database] = currentUpdate{
			Name: status.Current.Name, TotalItemCount: status.Current.Items,
			TotalDurationMS:   float64(status.Current.Duration.Microseconds()) / microseconds,
			AverageItemsPerMS: status.Current.ItemsPerMillisecond,
		}
	}
	return answer, nil
}

// startJob enqueues a job and has main's updater look for it.
func (s *service) startJob(w http.ResponseWriter, request *http.Request) (any, error) {
	body, err := readObject(w, request)
	if err != nil {
		return nil, err
	}
	var job string
	if _, present := body.fields["job_name"]; !present {
		return nil, &ParameterError{Name: "job_name"}
	}
	if err := body.read("job_name", "it has to be a string", &job); err != nil {
		return nil, err
	}
	if err := s.enqueue(request.Context(), job, body.text); err != nil {
		return nil, err
	}
	s.config.Main.Wake()
	s.config.Log.InfoContext(request.Context(), "a job was started by the admin API", "job", job, "by", request.RemoteAddr)
	return struct{}{}, nil
}

// enqueue starts one job at a time, so that the same one asked for twice is queued for the second caller.
func (s *service) enqueue(ctx context.Context, job string, body json.RawMessage) error {
	if s.config.StartJob == nil {
		return &UnknownJobError{Job: job}
	}
	select {
	case s.starting <- struct{}{}:
		defer func() { <-s.starting }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return s.config.StartJob(ctx, job, body)
}
