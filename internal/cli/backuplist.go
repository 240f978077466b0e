package cli

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/server"
)

// ListedBackup is a backup, as "synapse backup list --json" prints it.
type ListedBackup struct {
	ID         string    `json:"id"`
	Created    time.Time `json:"created"`
	ServerName string    `json:"server_name"`
	Rows       int64     `json:"rows"`
	MediaFiles int64     `json:"media_files"`
	MediaBytes int64     `json:"media_bytes"`
	// Packs and StoredBytes are of a packed repository; without a key, nothing more is known.
	Packs       int   `json:"packs,omitempty"`
	StoredBytes int64 `json:"stored_bytes,omitempty"`
	// Problem is why its manifest cannot be read.
	Problem string `json:"problem,omitempty"`
}

type backupListFlags struct {
	location

	id         string
	deep, json bool
	metrics    metricsFlag
}

// VerifiedBackup is what "synapse backup verify --json" prints.
type VerifiedBackup struct {
	*backup.Verified

	// Drill is the restore that was done and thrown away, with --deep.
	Drill *backup.Restored `json:"drill,omitempty"`
}

// errDamaged is the end of commands that have printed what is damaged.
var errDamaged = errors.New("a backup is damaged; make a new one, and look after the disk")

func (e *environment) backupList() *cobra.Command {
	flags := &backupListFlags{}
	command := &cobra.Command{
		Use:   "list --repo REPO",
		Short: "List the backups of a repository",
		Long:  "List the backups of a repository, the oldest first. Only manifests are read; synapse backup verify reads everything.\n\nExit status: 0, or 5 when there is no repository or a manifest cannot be read.",
		Args:  noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "repo"); err != nil {
				return err
			}
			return e.runBackupList(command.Context(), flags)
		},
	}
	flags.where(command, repoToRead)
	flags.opening(command)
	command.Flags().BoolVar(&flags.json, "json", false, "print the list as JSON")
	return command
}

// opening are the flags of commands that read.
func (f *backupListFlags) opening(command *cobra.Command) {
	f.keys(command)
	f.room(command, "put what has to be read meanwhile")
	f.services(command)
}

func (e *environment) runBackupList(ctx context.Context, flags *backupListFlags) (err error) {
	opened, err := e.openBackups(ctx, &flags.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	ids, err := opened.ids(ctx)
	if err != nil {
		return &jobError{err}
	}
	all := []*ListedBackup{}
	damaged := false
	for _, id := range ids {
		one, err := opened.list(ctx, id)
		if refused, isRefused := errors.AsType[*backup.RefusedError](err); isRefused {
			return &jobError{refused}
		}
		if err != nil {
			one, damaged = &ListedBackup{ID: id, Problem: err.Error()}, true // it is told with the others
		}
		all = append(all, one)
	}
	if err := e.printBackups(all, flags.json); err != nil {
		return err
	}
	if damaged {
		return &jobError{errDamaged}
	}
	return nil
}

// listed is what a manifest says.
func listed(manifest *backup.Manifest) *ListedBackup {
	one := &ListedBackup{ID: manifest.ID, Created: manifest.Created, ServerName: manifest.ServerName, MediaFiles: manifest.Media.Files, MediaBytes: manifest.Media.Bytes}
	for _, database := range manifest.Databases {
		for _, table := range database.Tables {
			one.Rows += table.Rows
		}
	}
	return one
}

func (e *environment) printBackups(all []*ListedBackup, asJSON bool) error {
	if asJSON {
		return e.printJSON(all)
	}
	w := &reportWriter{writer: e.stdout}
	for _, one := range all {
		if one.Problem != "" {
			w.line("%s  %s", one.ID, one.Problem)
			continue
		}
		if one.ServerName == "" {
			w.line("%s  %s  encrypted, %s packs, %s", one.ID, one.Created.Format(time.RFC3339), number(int64(one.Packs)), bytesText(one.StoredBytes))
			continue
		}
		w.line("%s  %s  %s  %s rows, %s media, %s", one.ID, one.Created.Format(time.RFC3339), one.ServerName, number(one.Rows), number(one.MediaFiles), bytesText(one.MediaBytes))
	}
	if len(all) == 0 {
		w.line("no backup")
	}
	return w.err
}

func (e *environment) backupShow() *cobra.Command {
	flags := &backupListFlags{}
	command := &cobra.Command{
		Use:   "show --repo REPO [--backup ID]",
		Short: "Say what a backup holds",
		Long:  "Say what a backup holds, from its manifest.\n\nExit status: 0, or 5 when there is no such backup or its manifest cannot be read.",
		Args:  noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "repo"); err != nil {
				return err
			}
			return e.runBackupShow(command.Context(), flags)
		},
	}
	flags.where(command, repoToRead)
	command.Flags().StringVar(&flags.id, "backup", "", "the `ID` of the backup; the newest without it")
	flags.opening(command)
	command.Flags().BoolVar(&flags.json, "json", false, "print the manifest as JSON")
	return command
}

func (e *environment) runBackupShow(ctx context.Context, flags *backupListFlags) (err error) {
	opened, err := e.openBackups(ctx, &flags.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	manifest, err := opened.manifest(ctx, flags.id)
	if err != nil {
		return &jobError{err}
	}
	if flags.json {
		return e.printJSON(manifest)
	}
	return e.writeManifest(e.stdout, manifest)
}

func (e *environment) backupVerify() *cobra.Command {
	flags := &backupListFlags{}
	command := &cobra.Command{
		Use:   "verify --repo REPO [--backup ID] [--deep]",
		Short: "Read a whole backup and compare it with its checksums",
		Long: "Read everything that a backup consists of, media included, compare it with its checksums, and have pg_restore list\n" +
			"what each dump holds. When all is whole that is noted in the repository, for synapse backup prune.\n" +
			"With --deep the databases are also restored, into a private server and a temporary folder that are removed, and\n" +
			"their rows counted: a drill.\n\nExit status: 0 when all is as it was written, 5 when something is damaged or cannot be read,\n130 and 143 when stopped by SIGINT, SIGTERM.",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "repo"); err != nil {
				return err
			}
			ctx := command.Context()
			return flags.metrics.around(ctx, "verify", flags.repo, func() error { return e.runBackupVerify(ctx, flags) })
		},
	}
	flags.where(command, repoToRead)
	command.Flags().StringVar(&flags.id, "backup", "", "the `ID` of the backup; the newest without it")
	flags.opening(command)
	command.Flags().BoolVar(&flags.deep, "deep", false, "also restore the databases, into a private server that is removed, and count their rows")
	flags.metrics.add(command)
	command.Flags().BoolVar(&flags.json, "json", false, "print what was found as JSON")
	return command
}

func (e *environment) runBackupVerify(ctx context.Context, flags *backupListFlags) (err error) {
	opened, err := e.openBackups(ctx, &flags.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	program, err := restoreProgram(ctx, opened, flags.id)
	if err != nil {
		return &jobError{err}
	}
	display := e.showBackup()
	report := &VerifiedBackup{}
	report.Verified, err = opened.verify(ctx, flags.id, backup.VerifyOptions{PgRestore: program, Progress: display.update})
	if err == nil && flags.deep && len(report.Damaged) == 0 {
		report.Drill, err = e.drill(ctx, opened, backup.RestoreOptions{Backup: report.ID, PgRestore: program, Progress: display.update, Log: e.logger()})
	}
	display.stop()
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	flags.metrics.verified(report.Verified)
	if err := e.printVerified(report, flags.json); err != nil {
		return err
	}
	if len(report.Damaged) > 0 {
		return &jobError{errDamaged}
	}
	return nil
}

// restoreProgram is pg_restore, where a backup needs it. Without a key that is not known, and nothing is read of dumps.
func restoreProgram(ctx context.Context, of backups, id string) (program string, err error) {
	manifest, err := of.manifest(ctx, id)
	if refused, isRefused := errors.AsType[*backup.RefusedError](err); isRefused && refused.Problems[0].ID == backup.IdentityMissing {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	for _, database := range manifest.Databases {
		if database.Engine == string(engine.Postgres) {
			return server.FindPostgresProgram("pg_restore")
		}
	}
	return "", nil
}

func (e *environment) printVerified(report *VerifiedBackup, asJSON bool) error {
	if asJSON {
		return e.printJSON(report)
	}
	w := &reportWriter{writer: e.stdout}
	for _, damage := range report.Damaged {
		w.line("Damaged  %s", damage)
	}
	if report.More > 0 {
		w.line("         and %s more", number(report.More))
	}
	verdict := "is as it was written"
	if len(report.Damaged) > 0 {
		verdict = "is damaged"
	}
	if report.Packs > 0 {
		w.line("Backup   %s %s: %s packs, %s were read, and %s files in them compared", report.ID, verdict, number(report.Packs), bytesText(report.Bytes), number(report.Files))
	} else {
		w.line("Backup   %s %s: %s files, %s were read", report.ID, verdict, number(report.Files), bytesText(report.Bytes))
	}
	if report.Drill != nil {
		for _, database := range report.Drill.Databases {
			w.line("Restored %s: %s rows of %d tables, as many as were backed up; thrown away", database.Label, number(database.Rows), database.Tables)
		}
	}
	return w.err
}
