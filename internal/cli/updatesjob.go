package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

const updatesJobHelp = `Enqueue the background updates of a job, in the database of the Python homeserver that
holds main, before all others. The homeserver begins with them after its next start.
The jobs are:

  populate_stats_process_rooms  count the members and events of all rooms anew
  regenerate_directory          make the user directory anew
  event_resign                  sign the server's own events anew that --old-key has
                                signed and that were sent before --before-ts

Nothing is written when one of the updates is pending already.
`

// StartedJob is what "synapse updates start-job --json" prints.
type StartedJob struct {
	Job      string   `json:"job"`
	Label    string   `json:"label"`
	Database string   `json:"database"`
	Updates  []string `json:"updates"`
}

type jobFlags struct {
	updatesFlags
	job upstream.Job
}

func (e *environment) updatesStartJob() *cobra.Command {
	flags := &jobFlags{}
	command := &cobra.Command{
		Use:     "start-job JOB --config FILE…",
		Short:   "Enqueue the updates of one of the homeserver's jobs",
		Long:    updatesJobHelp + updatesExits,
		Example: "  synapse updates start-job regenerate_directory -c /etc/matrix-synapse/homeserver.yaml",
		Args:    cobra.ArbitraryArgs,
	}
	command.RunE = configured(func(ctx context.Context, args []string) error {
		if len(args) != 1 {
			return &usageError{fmt.Errorf("name one job: %s\nsee %s --help", strings.Join(upstream.Jobs(), ", "), command.CommandPath())}
		}
		flags.job.Name = args[0]
		if err := flags.checkJob(command); err != nil {
			return err
		}
		return e.runStartJob(ctx, flags)
	})
	set := command.Flags()
	flags.register(set, "what was enqueued")
	set.StringVar(&flags.job.OldKey, "old-key", "", "for event_resign: the `key` that the events were signed by, such as ed25519:a_old")
	set.Int64Var(&flags.job.BeforeTS, "before-ts", 0, "for event_resign: events sent before this time, in `ms` since 1970")
	return command
}

func (f *jobFlags) checkJob(command *cobra.Command) error {
	if !slices.Contains(upstream.Jobs(), f.job.Name) {
		return &usageError{fmt.Errorf("no job is called %q; there are %s", f.job.Name, strings.Join(upstream.Jobs(), ", "))}
	}
	if f.job.Name == upstream.ResignJob {
		return required(command, "old-key", "before-ts")
	}
	for _, flag := range []string{"old-key", "before-ts"} {
		if command.Flags().Changed(flag) {
			return &usageError{fmt.Errorf("--%s is for %s", flag, upstream.ResignJob)}
		}
	}
	return nil
}

func (e *environment) runStartJob(ctx context.Context, flags *jobFlags) error {
	databases, err := e.lookAtUpdates(ctx, flags.configs)
	if err != nil {
		return err
	}
	if err := checkUpdatable(databases); err != nil {
		return err
	}
	at := slices.IndexFunc(databases, func(database *updatable) bool { return slices.Contains(database.database.Logical, "main") })
	if at < 0 {
		return &jobError{errors.New("no database of the configuration holds main; correct data_stores in the configuration")}
	}
	database := databases[at]
	if database.state.Owner != schema.UpstreamsDatabase {
		return &jobError{fmt.Errorf("%s is no database of the Python homeserver, whose job %s is", database.name, flags.job.Name)}
	}
	result := StartedJob{Job: flags.job.Name, Label: database.database.Label, Database: database.name}
	err = e.open(ctx, database, func(session engine.Session) (err error) {
		result.Updates, err = startJob(ctx, session, flags.job)
		return err
	})
	if err != nil {
		return &jobError{err}
	}
	if flags.json {
		return e.printJSON(result)
	}
	fmt.Fprintf(e.stdout, "%s\n  enqueued: %s\n", database.title(), orNone(result.Updates))
	return nil
}

// startJob enqueues the updates of a job. An error of an earlier time is not this job's.
func startJob(ctx context.Context, session engine.Session, job upstream.Job) (updates []string, err error) {
	if updates, err = upstream.StartJob(ctx, session, job); err != nil {
		return nil, err
	}
	_, err = background.Retry(ctx, session, updates...)
	return updates, err
}
