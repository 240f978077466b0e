package upstream

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// The jobs that an operator of the Python homeserver can ask for at any time. They are background updates of the database
// that holds main, before all others there.
const (
	StatsJob     = "populate_stats_process_rooms" // counts the members and events of rooms anew
	DirectoryJob = "regenerate_directory"         // makes the user directory anew
	ResignJob    = "event_resign"                 // signs the server's own events anew
)

// Jobs are the names of all jobs.
func Jobs() []string { return []string{ResignJob, StatsJob, DirectoryJob} }

// Job is one of the jobs, and what it wants to know.
type Job struct {
	Name string
	// OldKey is, for ResignJob, the key that the events were signed by, such as "ed25519:a_old".
	OldKey string
	// BeforeTS is, for ResignJob, the time in ms since 1970 before which they were sent.
	BeforeTS int64
}

// QueuedError says that a job was asked for before and is not done. Nothing was written.
type QueuedError struct {
	Job     string
	Pending string // an update of it
}

// Error names both.
func (e *QueuedError) Error() string {
	return fmt.Sprintf("%s is to be done already: its background update %s is pending", e.Job, e.Pending)
}

const (
	startJobSQL   = `INSERT INTO background_updates (update_name, progress_json, depends_on) VALUES (?, ?, ?)`
	jobPendingSQL = `SELECT count(*) FROM background_updates WHERE update_name = ?`
)

// StartJob enqueues the background updates of a job, all or none, and returns their names in their order. The error is a
// *QueuedError when one of them is pending, and an *engine.ValueError when there is no such job.
func StartJob(ctx context.Context, session engine.Session, job Job) (updates []string, err error) {
	updates, progress, err := job.updates()
	if err != nil {
		return nil, err
	}
	return updates, session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		for _, update := range updates {
			var pending int
			if err := tx.QueryRow(ctx, jobPendingSQL, update).Scan(&pending); err != nil {
				return fmt.Errorf("look whether %s is pending: %w", update, err)
			}
			if pending > 0 {
				return &QueuedError{Job: job.Name, Pending: update}
			}
		}
		before := ""
		for _, update := range updates {
			if _, err := tx.Exec(ctx, startJobSQL, update, progress, before); err != nil {
				return fmt.Errorf("enqueue %s: %w", update, err)
			}
			before = update
		}
		return nil
	})
}

// updates are those of a job, each to be done after the one before it, and what they begin with.
func (j Job) updates() (names []string, progress string, err error) {
	switch j.Name {
	case ResignJob:
		encoded, err := json.Marshal(map[string]any{"old_key": j.OldKey, "before_ts": j.BeforeTS})
		return []string{ResignJob}, string(encoded), err
	case StatsJob:
		return []string{StatsJob}, "{}", nil
	case DirectoryJob:
		const prefix = "populate_user_directory_"
		return []string{prefix + "createtables", prefix + "process_rooms", prefix + "process_users", prefix + "cleanup"}, "{}", nil
	}
	jobs := Jobs()
	slices.Sort(jobs)
	return nil, "", &engine.ValueError{Key: "job", Problem: "no such job is known", Allowed: strings.Join(jobs, ", ")}
}
