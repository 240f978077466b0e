package cli

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
)

const backupPruneHelp = `Remove old backups, and media that no backup holds any more.

A backup is kept that one of the --keep numbers keeps. The newest backup that synapse backup
verify has found whole is always kept; without one, the newest. When a manifest cannot be read,
nothing is removed.

Exit status:
  0    removed, or said with --dry-run what would be
  2    wrong flags: at least one --keep number is needed
  5    refused, or stopped on the way: the backups that are listed are whole
  130, 143  stopped by SIGINT, SIGTERM`

type pruneFlags struct {
	location

	policy       backup.Policy
	dryRun, json bool
	metrics      metricsFlag
}

func (e *environment) backupPrune() *cobra.Command {
	flags := &pruneFlags{}
	command := &cobra.Command{
		Use:     "prune --repo REPO --keep-last N…",
		Short:   "Remove old backups",
		Long:    backupPruneHelp,
		Example: "  synapse backup prune --repo /backup/synapse --keep-daily 7 --keep-weekly 5 --keep-monthly 12",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "repo"); err != nil {
				return err
			}
			ctx, work := command.Context(), func() error { return e.runBackupPrune(command.Context(), flags) }
			if flags.dryRun {
				return work()
			}
			return flags.metrics.around(ctx, "prune", flags.repo, work)
		},
	}
	set := command.Flags()
	flags.where(command, repoToKeep)
	set.IntVar(&flags.policy.Last, "keep-last", 0, "keep the newest `n` backups")
	set.IntVar(&flags.policy.Daily, "keep-daily", 0, "keep the newest backup of each of the last `n` days that have one, in UTC")
	set.IntVar(&flags.policy.Weekly, "keep-weekly", 0, "keep the newest backup of each of the last `n` weeks that have one")
	set.IntVar(&flags.policy.Monthly, "keep-monthly", 0, "keep the newest backup of each of the last `n` months that have one")
	set.BoolVar(&flags.dryRun, "dry-run", false, "only say what would be removed")
	flags.services(command)
	flags.metrics.add(command)
	set.BoolVar(&flags.json, "json", false, "print what was removed as JSON")
	return command
}

func (e *environment) runBackupPrune(ctx context.Context, flags *pruneFlags) (err error) {
	p := flags.policy
	if p.Empty() || min(p.Last, p.Daily, p.Weekly, p.Monthly) < 0 {
		return &usageError{errors.New("say how many backups are kept: --keep-last, --keep-daily, --keep-weekly or --keep-monthly, each 0 or more")}
	}
	if flags.repo == streamRepo {
		return &usageError{errors.New("--repo: nothing can be removed from standard input")}
	}
	opened, err := e.openBackups(ctx, &flags.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	display := e.showBackup()
	report, err := opened.prune(ctx, backup.PruneOptions{Policy: p, DryRun: flags.dryRun, Progress: display.update})
	display.stop()
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	flags.metrics.pruned(report)
	if flags.json {
		return e.printJSON(report)
	}
	removed := "Removed"
	if flags.dryRun {
		removed = "Would go"
	}
	w := &reportWriter{writer: e.stdout}
	w.line("Kept     %d: %s", len(report.Kept), strings.Join(report.Kept, ", "))
	w.line("%-8s %d: %s", removed, len(report.Removed), strings.Join(report.Removed, ", "))
	if report.Packs > 0 {
		w.line("         and %s packs that no backup has, %s", number(report.Packs), bytesText(report.PackBytes))
	} else {
		w.line("         and %s media that no backup holds, %s", number(report.MediaFiles), bytesText(report.MediaBytes))
	}
	return w.err
}
