package cli

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/pflag"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// schemaFlags say which databases are meant, and by which schema set.
type schemaFlags struct {
	configs   []string
	schemaDir string
	set       string
}

func (f *schemaFlags) register(command *pflag.FlagSet) {
	command.StringArrayVarP(&f.configs, "config", "c", nil,
		"homeserver.yaml, a `file` or a directory of .yaml files; may be repeated, a later one wins")
	command.StringVar(&f.schemaDir, "schema-dir", "",
		"`folder` synapse/storage/schema of the installed homeserver (looked for in the usual places of Debian, pip and Docker)")
	command.StringVar(&f.set, "set", "",
		"schema set for a database that is empty: the homeserver's own, or the one that comes with this program (`upstream|homeserver`)")
}

// physical is a database that a command works on, with a session that is open.
type physical struct {
	label   string
	session engine.Session
	set     *schema.Set // nil when upstream's files were not found
	source  string      // where the set comes from
	options schema.Options
}

// closeAll ends the sessions. Nothing is pending on them.
func closeAll(databases []*physical) error {
	var errs []error
	for _, database := range databases {
		errs = append(errs, database.session.Close())
	}
	return errors.Join(errs...)
}

// openDatabases opens a session to every configured database, and finds the schema set of each.
func (e *environment) openDatabases(ctx context.Context, flags *schemaFlags, readOnly bool) (databases []*physical, err error) {
	if flags.set != "" && flags.set != upstream.SetName && flags.set != homeserver.SetName {
		return nil, &usageError{fmt.Errorf("--set is %q; it can be %s or %s", flags.set, upstream.SetName, homeserver.SetName)}
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return nil, err
	}
	finder := &setFinder{flags: flags}
	for _, configured := range loaded.Databases {
		database := synapse.FromConfig(configured)
		if readOnly {
			database = database.ReadOnly()
		}
		found, err := e.openDatabase(ctx, database, finder)
		if err != nil {
			return nil, errors.Join(&jobError{err}, closeAll(databases))
		}
		found.options.Config = homeserver.Config{
			ServerName:        loaded.ServerName,
			AllowUnsafeLocale: configured.Postgres != nil && configured.Postgres.AllowUnsafeLocale,
		}
		databases = append(databases, found)
	}
	return databases, nil
}

func (e *environment) openDatabase(ctx context.Context, database synapse.Database, finder *setFinder) (*physical, error) {
	log := e.logger()
	session, err := database.OpenSession(ctx, log)
	if err != nil {
		return nil, err
	}
	found := &physical{
		label: database.Label, session: session,
		options: schema.Options{Databases: database.Logical, Log: log},
	}
	state, err := schema.ReadState(ctx, session)
	if err == nil {
		found.set, found.source, err = finder.find(session.Name(), state.Owner)
	}
	if err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return found, nil
}

// title names the database and what is kept there.
func (p *physical) title() string {
	held := "common tables only"
	if len(p.options.Databases) > 0 {
		held = strings.Join(p.options.Databases, ", ")
	}
	return fmt.Sprintf("%s (%s): %s %s", p.label, held, p.session.Engine(), p.session.Name())
}

// setFinder finds the schema set that a database belongs to, and reads upstream's files once.
type setFinder struct {
	flags    *schemaFlags
	upstream *schema.Set
	source   string
}

// find gives no set when upstream's files are needed and were not found.
func (f *setFinder) find(database string, owner schema.Owner) (*schema.Set, string, error) {
	switch {
	case owner == schema.UpstreamsDatabase, owner == schema.Nobody && f.flags.set != homeserver.SetName:
		return f.findUpstream(database, owner)
	case owner == schema.Unknown && (f.flags.set == upstream.SetName || f.flags.schemaDir != ""):
		return f.findUpstream(database, owner)
	}
	set, err := homeserver.Set()
	return set, "this program", err
}

// upstreamSet reads upstream's schema files from a folder, or from one of the usual places; nil when there are none.
func upstreamSet(directory string) (*schema.Set, error) {
	if directory == "" {
		found, _, ok := upstream.Find()
		if !ok {
			return nil, nil //nolint:nilnil // nothing was asked for, and nothing is there
		}
		directory = found
	}
	return upstream.Open(directory)
}

func (f *setFinder) findUpstream(database string, owner schema.Owner) (*schema.Set, string, error) {
	if f.upstream != nil {
		return f.upstream, f.source, nil
	}
	directory := f.flags.schemaDir
	if directory == "" {
		found, tried, ok := upstream.Find()
		switch {
		case ok:
			directory = found
		case owner == schema.Nobody:
			return nil, "", fmt.Errorf("%s is empty, and the homeserver's schema files were found in none of the usual places (%s); "+
				"name them by --schema-dir, or take the schema of this program by --set homeserver", database, strings.Join(tried, ", "))
		default:
			return nil, "", nil
		}
	}
	set, err := upstream.Open(directory)
	f.upstream, f.source = set, directory
	return set, directory, err
}

// loadConfig reads the configuration and shows what it has to say.
func (e *environment) loadConfig(paths []string) (*config.Config, error) {
	loaded, err := config.Load(paths...)
	if err != nil {
		return nil, err
	}
	for _, note := range loaded.Notes {
		fmt.Fprintln(e.stderr, "note:", note)
	}
	for _, warning := range loaded.Warnings {
		fmt.Fprintln(e.stderr, "warning:", warning)
	}
	return loaded, nil
}
