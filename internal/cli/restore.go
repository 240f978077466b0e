package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

const restoreHelp = `Bring a homeserver back from a backup, into an empty place.

With --config, databases and media go to where that configuration says, and the files that
it refers to and that are missing come back to their paths. With --to, everything goes into a
folder (config/, media_store/, SQLite databases), and dumps of PostgreSQL into the databases
that --database names.

Nothing that is there is written over: a database that holds a table, a media store or folder
with a file in it, and other configuration are refused before anything is written. A restore that
was stopped or killed goes on when it is called again. Until its end no homeserver starts on its databases.

One-time keys do not come back, and sequences are moved on, so that no id is given twice. A
missing signing key stops the restore.

Exit status:
  0    restored, and compared with the manifest
  1    the configuration cannot be read
  2    wrong flags, or a database section without name
  3    a configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, damaged, or stopped on the way; the message says why
  130, 143  stopped by SIGINT, SIGTERM`

type restoreFlags struct {
	location

	id, to                   string
	configs, databases, only []string
	newKey, json             bool
	jobs                     int
	margin                   int64
}

func (e *environment) restore() *cobra.Command {
	flags := &restoreFlags{}
	command := &cobra.Command{
		Use:   "restore --repo REPO {--config FILE… | --to DIR [--database LABEL=DSN…]}",
		Short: "Bring a homeserver back from a backup",
		Long:  restoreHelp,
		Example: "  synapse restore --repo /backup/synapse -c /etc/matrix-synapse/homeserver.yaml\n" +
			"  synapse restore --repo /backup/synapse --to /srv/restored --database 'master=host=/run/postgresql user=synapse dbname=restored'",
		Args: noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "repo"); err != nil {
				return err
			}
			return e.runRestore(command.Context(), flags)
		},
	}
	set := command.Flags()
	flags.where(command, repoToRead)
	set.StringVar(&flags.id, "backup", "", "the `ID` of the backup; the newest without it")
	set.StringArrayVarP(&flags.configs, "config", "c", nil, "restore to where this homeserver.yaml says, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	set.StringVar(&flags.to, "to", "", "restore into this `folder`, in place of --config")
	set.StringArrayVar(&flags.databases, "database", nil, "with --to: an empty database of PostgreSQL, as `LABEL=DSN` without a password, which PGPASSWORD or ~/.pgpass gives; may be repeated")
	set.StringSliceVar(&flags.only, "only", nil, "restore only these `parts`: database, media, config")
	set.BoolVar(&flags.newKey, "new-signing-key", false, "make a new signing key in place of the old one, and print the entry that tells the old one to others")
	set.Int64Var(&flags.margin, "sequence-margin", backup.DefaultSequenceMargin, "how far sequences are moved on: more than was taken of any since the backup (`n`)")
	set.IntVar(&flags.jobs, "jobs", 2, "how many tables pg_restore works on at a time (`n`)")
	flags.keys(command)
	flags.room(command, "put what has to be fetched")
	flags.services(command)
	set.BoolVar(&flags.json, "json", false, "print the report as JSON")
	return command
}

func (e *environment) runRestore(ctx context.Context, flags *restoreFlags) (err error) {
	options, err := flags.options(e)
	if err != nil {
		return err
	}
	opened, err := e.openBackups(ctx, &flags.location)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, opened.Close()) }()
	if options.PgRestore, err = restoreProgram(ctx, opened, flags.id); err != nil {
		return &jobError{err}
	}
	display := e.showBackup()
	options.Progress, options.Take = display.update, opened.temporary()
	var report *backup.Restored
	err = opened.use(ctx, backup.FetchOptions{Backup: flags.id, Only: options.Only, Progress: display.update}, true, func(repository *backup.Repository) (err error) {
		report, err = repository.Restore(ctx, *options)
		return err
	})
	display.stop()
	if err != nil {
		return &jobError{stoppedBy(ctx, err)}
	}
	if flags.json {
		return e.printJSON(report)
	}
	return e.writeRestored(report)
}

func (f *restoreFlags) options(e *environment) (*backup.RestoreOptions, error) {
	options := &backup.RestoreOptions{
		Backup: f.id, Folder: f.to, NewSigningKey: f.newKey, SequenceMargin: f.margin, Jobs: f.jobs, Log: e.logger(), Databases: map[string]*postgres.Config{},
	}
	switch {
	case (f.to == "") == (len(f.configs) == 0):
		return nil, &usageError{errors.New("give one of --config and --to\nsee synapse restore --help")}
	case len(f.databases) > 0 && f.to == "":
		return nil, &usageError{errors.New("--database belongs to --to; with --config the databases are those of the configuration")}
	case f.jobs < 1, f.margin < 1:
		return nil, &usageError{errors.New("--jobs and --sequence-margin have to be 1 or more")}
	}
	for _, name := range f.only {
		part := backup.Part(name)
		if !slices.Contains([]backup.Part{backup.PartDatabase, backup.PartMedia, backup.PartConfig}, part) {
			return nil, &usageError{fmt.Errorf("--only is %q; it can be database, media and config", name)}
		}
		options.Only = append(options.Only, part)
	}
	for _, text := range f.databases {
		label, config, err := targetOf(text)
		if err != nil {
			return nil, err
		}
		options.Databases[label] = config
	}
	if f.to != "" {
		return options, nil
	}
	loaded, err := e.loadConfig(f.configs)
	options.Config = loaded
	return options, err
}

// targetOf reads LABEL=DSN. A password in it could be seen by everybody on this machine.
func targetOf(text string) (label string, config *postgres.Config, err error) {
	label, dsn, found := strings.Cut(text, "=")
	if !found || dsn == "" {
		return "", nil, &usageError{errors.New("--database is not LABEL=DSN")}
	}
	empty, _, err := postgres.ParseArgs(map[string]any{})
	if err == nil {
		config, err = empty.As(dsn)
	}
	if err != nil {
		return "", nil, &usageError{fmt.Errorf("--database %s: %w", label, err)}
	}
	return label, config, nil
}

func (e *environment) writeRestored(report *backup.Restored) error {
	w := &reportWriter{writer: e.stdout}
	w.line("Restored %s of %s, as it was at %s, in %.1f s", report.Backup, report.ServerName, report.Created.Format("2006-01-02 15:04:05 MST"), report.Seconds)
	for _, key := range report.SigningKeys {
		w.line("Key      %s %s", key.ID, key.PublicKey)
	}
	for _, database := range report.Databases {
		w.line("Database %s: %s, %s rows of %d tables, as many as were backed up", database.Label, database.Target, number(database.Rows), database.Tables)
		w.line("         empty: %s; sequences moved on: %d", engine.List(database.Emptied), database.Sequences)
	}
	if report.MediaPath != "" {
		w.line("Media    %s: %s files, %s", report.MediaPath, number(report.MediaFiles), bytesText(report.MediaBytes))
	}
	for _, file := range report.Files {
		if !file.Kept {
			w.line("File     %s", file.Target)
		}
	}
	for _, what := range report.NotRestored {
		w.line("Not      %s", what)
	}
	for _, what := range report.NotIncluded {
		w.line("Without  %s", what)
	}
	if report.OldSigningKeys != "" {
		w.line("\nThe signing key is new. Put this into homeserver.yaml, so that other servers can check what the old one has signed:\n\n%s", report.OldSigningKeys)
	}
	for _, note := range report.Notes {
		w.line("Note     %s", note)
	}
	return w.err
}
