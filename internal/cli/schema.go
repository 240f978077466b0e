package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
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
		"schema set: the installed homeserver's, or the one that comes with this program (`upstream|homeserver`; default: what the database says, upstream for an empty one)")
}

// physical is a database that a command works on, with a session that is open. The session only looks, until reopen.
type physical struct {
	database synapse.Database
	missing  bool // there is no such file yet
	session  engine.Session
	set      *schema.Set // nil when upstream's files were not found
	source   string      // where the set comes from
	options  schema.Options
}

// closeAll ends the sessions. Nothing is pending on them.
func closeAll(databases []*physical) error {
	var errs []error
	for _, database := range databases {
		errs = append(errs, database.session.Close())
	}
	return errors.Join(errs...)
}

func (f *schemaFlags) check() error {
	switch {
	case f.set != "" && f.set != upstream.SetName && f.set != homeserver.SetName:
		return &usageError{fmt.Errorf("--set is %q; it can be %s or %s", f.set, upstream.SetName, homeserver.SetName)}
	case f.set == homeserver.SetName && f.schemaDir != "":
		return &usageError{errors.New("--set homeserver is the schema of this program, and --schema-dir another; give one of them")}
	}
	return nil
}

// openDatabases opens a session to every configured database, to look at it, and finds the schema set of each. Where an
// SQLite file is missing, an empty database takes its place if missing is allowed.
func (e *environment) openDatabases(ctx context.Context, flags *schemaFlags, missing bool) (databases []*physical, err error) {
	if err := flags.check(); err != nil {
		return nil, err
	}
	loaded, err := e.loadConfig(flags.configs)
	if err != nil {
		return nil, err
	}
	return e.openLoaded(ctx, loaded, &setFinder{flags: flags}, missing)
}

// openLoaded is openDatabases for a configuration that was read.
func (e *environment) openLoaded(ctx context.Context, loaded *config.Config, finder *setFinder, missing bool) (databases []*physical, err error) {
	for _, configured := range loaded.Databases {
		found, err := e.openDatabase(ctx, synapse.FromConfig(configured), finder, missing)
		if err != nil {
			return nil, errors.Join(err, closeAll(databases))
		}
		found.options.Config = homeserver.Config{
			ServerName:        loaded.ServerName,
			AllowUnsafeLocale: configured.Postgres != nil && configured.Postgres.AllowUnsafeLocale,
		}
		databases = append(databases, found)
	}
	return databases, nil
}

func (e *environment) openDatabase(ctx context.Context, database synapse.Database, finder *setFinder, missing bool) (*physical, error) {
	log := e.logger()
	found := &physical{database: database, options: schema.Options{Databases: database.Logical, Log: log}}
	found.missing = missing && database.Engine == engine.SQLite && isMissing(database.SQLite.Database)
	err := found.open(ctx)
	if err != nil {
		return nil, &jobError{err}
	}
	state, err := schema.ReadState(ctx, found.session)
	if err != nil {
		return nil, errors.Join(&jobError{err}, found.session.Close())
	}
	if found.set, found.source, err = finder.find(found.session.Name(), state.Owner); err != nil {
		return nil, errors.Join(err, found.session.Close())
	}
	return found, nil
}

func isMissing(path string) bool {
	_, err := os.Stat(path)
	return path != config.InMemory && errors.Is(err, fs.ErrNotExist)
}

// open opens a session by which nothing is changed.
func (p *physical) open(ctx context.Context) (err error) {
	if !p.missing {
		p.session, err = p.database.ReadOnly().OpenSession(ctx, p.options.Log)
		return err
	}
	empty := p.database
	empty.SQLite.Database = config.InMemory
	session, err := empty.OpenSession(ctx, p.options.Log)
	p.session = &missingFile{Session: session, path: p.database.SQLite.Database}
	return err
}

// reopen ends the session that looked, and opens one that may write.
func (p *physical) reopen(ctx context.Context) error {
	if err := p.session.Close(); err != nil {
		return err
	}
	session, err := p.database.OpenSession(ctx, p.options.Log)
	if err != nil {
		return err
	}
	p.session, p.missing = session, false
	return nil
}

// missingFile stands for a database in a file that an upgrade would make.
type missingFile struct {
	engine.Session
	path string
}

func (m *missingFile) Name() string { return m.path }

// title names the database and what is kept there.
func (p *physical) title() string {
	text := title(p.database, p.session.Name())
	if p.missing {
		text += ", which is not there yet"
	}
	return text
}

func title(database synapse.Database, name string) string {
	held := "common tables only"
	if len(database.Logical) > 0 {
		held = strings.Join(database.Logical, ", ")
	}
	return fmt.Sprintf("%s (%s): %s %s", database.Label, held, database.Engine, name)
}

// setFinder finds the schema set that a database belongs to, and reads upstream's files once.
type setFinder struct {
	flags    *schemaFlags
	ours     bool // an empty database is for the schema of this program, unless another is asked for
	upstream *schema.Set
	source   string
}

// find gives no set when a database is the Python homeserver's, and its files were not found.
func (f *setFinder) find(database string, owner schema.Owner) (*schema.Set, string, error) {
	switch f.wanted(owner) {
	case upstream.SetName:
		return f.findUpstream(database, owner)
	default:
		set, err := homeserver.Set()
		return set, "this program", err
	}
}

// wanted is the set that is asked for or, when none is, the one that the database belongs to. Where these differ, package
// schema refuses the database and says whose it is.
func (f *setFinder) wanted(owner schema.Owner) string {
	switch {
	case f.flags.set != "":
		return f.flags.set
	case f.flags.schemaDir != "", owner == schema.UpstreamsDatabase, owner == schema.Nobody && !f.ours:
		return upstream.SetName
	}
	return homeserver.SetName
}

func (f *setFinder) findUpstream(database string, owner schema.Owner) (*schema.Set, string, error) {
	if f.upstream != nil {
		return f.upstream, f.source, nil
	}
	directory := f.flags.schemaDir
	if directory == "" {
		found, tried, ok := upstream.Find()
		switch {
		case !ok && owner == schema.UpstreamsDatabase:
			return nil, "", nil
		case !ok:
			return nil, "", &filesError{database: database, owner: owner, tried: tried}
		}
		directory = found
	}
	set, err := upstream.Open(directory)
	f.upstream, f.source = set, directory
	return set, directory, err
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

// filesError says that the schema files of the installed homeserver are needed and were not found.
type filesError struct {
	database string
	owner    schema.Owner
	tried    []string
}

func (e *filesError) Error() string {
	about, hint := "--set upstream was given for "+e.database, ""
	if e.owner == schema.UpstreamsDatabase {
		about = e.database + " is a database of the Python homeserver"
	}
	if e.owner == schema.Nobody {
		about, hint = e.database+" is empty", ", or take the schema of this program by --set homeserver"
	}
	text := about + ", and the schema files of the installed homeserver were found in none of the usual places; " +
		"name its folder synapse/storage/schema by --schema-dir" + hint
	if len(e.tried) > 0 {
		text += "\nlooked for:\n  " + strings.Join(e.tried, "\n  ")
	}
	return text
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
