package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/synapsedb/synapse/backup"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/media"
)

const backupHelp = `Back up a whole homeserver while it runs, and look after the backups.

A backup holds the configuration with every file that it refers to, the signing key, the
databases, and the media that nobody else has. It appears in the repository whole or not at
all. Files of media that are in the repository are not read or stored again.`

func (e *environment) backup() *cobra.Command {
	command := &cobra.Command{
		Use:   "backup",
		Short: "Back up a whole homeserver while it runs",
		Long:  backupHelp,
		Args:  noArguments,
		RunE:  func(command *cobra.Command, _ []string) error { return command.Help() },
	}
	command.AddCommand(e.backupCreate(), e.backupList(), e.backupShow(), e.backupVerify(), e.backupPrune())
	return command
}

const backupCreateHelp = `Back up a homeserver, as its configuration describes it, while it runs.

Of PostgreSQL pg_dump reads one consistent snapshot; SQLite is copied by its online backup.
Media are copied after the database, so that every file is there that a row names. One-time
keys of end-to-end encryption are left out, since giving one a second time makes messages
unreadable. The repository is a folder, which is made when it is not there, s3://BUCKET/PREFIX,
or -: then the backup goes to standard output, and the report to standard error.

With --encrypt or --passphrase-file a new repository is made an encrypted one, whose backups are
in packs, as are all in S3; later backups need the same. The private key need not be on this machine.

What was not included is said at the end, and stands in the manifest.

Exit status:
  0    backed up
  1    the configuration cannot be read
  2    wrong flags, or a database section without name
  3    a configured engine is neither SQLite nor PostgreSQL
  4    the configuration has no database
  5    refused, or stopped on the way: no backup was made, the message says why
  130, 143  stopped by SIGINT, SIGTERM`

type backupFlags struct {
	location

	configs, include, leaveOut []string
	media                      string
	allowMissing, json         bool
	jobs                       int
	metrics                    metricsFlag
}

func (e *environment) backupCreate() *cobra.Command {
	flags := &backupFlags{}
	command := &cobra.Command{
		Use:     "create --config FILE… --repo REPO",
		Short:   "Back up a homeserver while it runs",
		Long:    backupCreateHelp,
		Example: "  synapse backup create -c /etc/matrix-synapse/homeserver.yaml -c /etc/matrix-synapse/conf.d --repo /backup/synapse",
		Args:    noArguments,
		RunE: func(command *cobra.Command, _ []string) error {
			if err := required(command, "config", "repo"); err != nil {
				return err
			}
			ctx := command.Context()
			return flags.metrics.around(ctx, "create", flags.repo, func() error { return e.runBackup(ctx, flags) })
		},
	}
	set := command.Flags()
	set.SortFlags = false
	set.StringArrayVarP(&flags.configs, "config", "c", nil, "homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	flags.where(command, repoToWrite)
	set.StringArrayVar(&flags.include, "include", nil, "take this `file` or folder too, such as the configuration of workers; may be repeated")
	set.BoolVar(&flags.allowMissing, "allow-missing", false, "go on without files that the configuration refers to and that are not there")
	set.StringVar(&flags.media, "media", "local", "which media: local, all, none, or `folders` of the media store, separated by commas")
	set.StringArrayVar(&flags.leaveOut, "exclude-table-data", nil, "leave out the rows of this `table` of PostgreSQL, besides one-time keys and locks; may be repeated")
	set.IntVar(&flags.jobs, "jobs", 2, "how many tables pg_dump works on at a time (`n`)")
	set.StringArrayVar(&flags.encrypt, "encrypt", nil, "encrypt for this `recipient` (age1…), or for those in a file with one in each line; may be repeated, and is needed each time")
	flags.keys(command)
	flags.room(command, "put dumps together")
	set.StringVar(&flags.cache, "cache-dir", "", "keep in this `folder` what the next backup has to know of media, if it is in packs; CACHE_DIRECTORY, or the user's cache without it")
	flags.services(command)
	flags.metrics.add(command)
	set.BoolVar(&flags.json, "json", false, "print the manifest as JSON")
	return command
}

// kinds are nil for those that nobody else has.
func (f *backupFlags) kinds() ([]media.Kind, error) {
	switch f.media {
	case "local":
		return nil, nil
	case "all":
		return media.Kinds(), nil
	case "none":
		return []media.Kind{}, nil
	}
	var kinds []media.Kind
	for name := range strings.SplitSeq(f.media, ",") {
		if !slices.Contains(media.Kinds(), media.Kind(name)) {
			return nil, &usageError{fmt.Errorf("--media is %q; it can be local, all, none, or folders: %v", f.media, media.Kinds())}
		}
		kinds = append(kinds, media.Kind(name))
	}
	return kinds, nil
}

func (e *environment) runBackup(ctx context.Context, flags *backupFlags) (err error) {
	kinds, err := flags.kinds()
	if err != nil {
		return err
	}
	if flags.jobs < 1 {
		return &usageError{errors.New("--jobs has to be 1 or more")}
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return err
	}
	options := backup.CreateOptions{
		Config: loaded, Include: flags.include, AllowMissing: flags.allowMissing, Kinds: kinds, LeaveOut: flags.leaveOut, Jobs: flags.jobs, Log: e.logger(),
	}
	for _, database := range loaded.Databases {
		if database.Engine == engine.Postgres && options.PgDump == "" {
			if options.PgDump, err = pgDump(); err != nil {
				return &jobError{err}
			}
		}
	}
	if err := backup.CheckFiles(options); err != nil { // before a repository is made
		return &jobError{err}
	}
	manifest, err := e.writeBackup(ctx, &flags.location, options)
	if err == nil {
		flags.metrics.created(manifest)
	}
	switch {
	case err != nil:
		return jobOrUsage(stoppedBy(ctx, err))
	case flags.repo == streamRepo:
		return e.saidElsewhere(manifest, flags.json)
	case flags.json:
		return e.printJSON(manifest)
	}
	return e.writeManifest(e.stdout, manifest)
}

// writeBackup makes one where it is wanted.
func (e *environment) writeBackup(ctx context.Context, to *location, options backup.CreateOptions) (manifest *backup.Manifest, err error) {
	keys, err := to.read()
	if err != nil {
		return nil, err
	}
	var made backups
	if to.repo != streamRepo {
		if made, err = e.makeBackups(ctx, to, keys); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, made.Close()) }()
	}
	display := e.showBackup()
	defer display.stop()
	options.Progress = display.update
	if made == nil {
		return e.createStream(ctx, to, keys, options)
	}
	return made.create(ctx, e, options)
}

// saidElsewhere is the report of a backup that went to standard output.
func (e *environment) saidElsewhere(manifest *backup.Manifest, asJSON bool) error {
	if !asJSON {
		return e.writeManifest(e.stderr, manifest)
	}
	aside := *e
	aside.stdout = e.stderr
	return aside.printJSON(manifest)
}

// writeManifest writes for people what a backup holds.
func (e *environment) writeManifest(to io.Writer, manifest *backup.Manifest) error {
	w := &reportWriter{writer: to}
	w.line("Backup   %s of %s, made at %s in %.1f s", manifest.ID, manifest.ServerName, manifest.Created.Format(time.RFC3339), manifest.Seconds)
	for _, key := range manifest.SigningKeys {
		w.line("Key      %s %s", key.ID, key.PublicKey)
	}
	for i := range manifest.Databases {
		w.backedUp(&manifest.Databases[i])
	}
	w.backedUpMedia(&manifest.Media)
	w.line("Files    %d of the configuration", len(manifest.Files))
	for _, file := range manifest.MissingFiles {
		w.line("Missing  %s (%s)", file.Path, file.Key)
	}
	for _, what := range manifest.NotIncluded {
		w.line("Without  %s", what)
	}
	return w.err
}

func (w *reportWriter) backedUp(database *backup.Database) {
	var rows, bytes int64
	var left []string
	for _, table := range database.Tables {
		if table.Left {
			left = append(left, table.Name)
		} else {
			rows += table.Rows
		}
	}
	for _, file := range database.Files {
		bytes += file.Size
	}
	w.line("Database %s (%s, schema version %d): %s rows of %d tables, %s; without the rows of %s", database.Label, database.Engine, database.SchemaVersion,
		number(rows), len(database.Tables)-len(left), bytesText(bytes), engine.List(left))
	if behind := database.BehindMain; behind != nil {
		w.line("         taken %.3f s after main; %s state groups have come meanwhile, to which no event of the backup refers", behind.Seconds, number(behind.StateGroups))
	}
}

func (w *reportWriter) backedUpMedia(m *backup.Media) {
	if len(m.Kinds) == 0 {
		w.line("Media    none, as asked")
		return
	}
	w.line("Media    %s files, %s; new in the repository: %s files, %s", number(m.Files), bytesText(m.Bytes), number(m.NewFiles), bytesText(m.NewBytes))
	for what, count := range map[string]int64{
		"rows name files that are not there": m.Without, "files are not as their rows say": m.Differing, "links and folders were not looked into": m.Closed,
	} {
		if count > 0 {
			w.line("         %s %s", number(count), what)
		}
	}
	for _, example := range m.Examples {
		w.line("         %s", example)
	}
}
