package synapse

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/schema"
)

// Config says what Open opens.
type Config struct {
	// Databases are the physical databases. Each logical one of the set has to be in exactly one of them; with one
	// physical database all are there.
	Databases []Database
	// Set is the schema that the code expects.
	Set *schema.Set
	// Options are those of schema.Prepare; what they say of Databases is not used.
	Options schema.Options
	// Log may be nil.
	Log *slog.Logger
}

// Databases are the open logical databases.
type Databases struct {
	physical []engine.Database
	logical  map[string]engine.Database
}

// Open prepares every physical database for the set (it creates, upgrades or refuses, see schema.Prepare) and opens them.
// All are looked at before the first one is changed. The errors are those of the engines, of schema.Prepare, and
// *LogicalError.
func Open(ctx context.Context, config Config) (*Databases, error) {
	if config.Log == nil {
		config.Log = slog.New(slog.DiscardHandler)
	}
	if err := config.assign(); err != nil {
		return nil, err
	}
	opened := &Databases{logical: map[string]engine.Database{}}
	if err := opened.open(ctx, &config); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return opened, nil
}

// Logical is the physical database that holds a logical one, or nil when the set has none of this name.
func (d *Databases) Logical(name string) engine.Database { return d.logical[name] }

// Close closes all of them.
func (d *Databases) Close() error {
	var errs []error
	for _, database := range d.physical {
		errs = append(errs, database.Close())
	}
	return errors.Join(errs...)
}

// LogicalError says that a logical database has no place, or several.
type LogicalError struct {
	Name   string
	Labels []string // of the physical databases that are to hold it
}

// Error says what to do.
func (e *LogicalError) Error() string {
	if len(e.Labels) == 0 {
		return fmt.Sprintf("no physical database holds the logical database %q; add it to the Logical of one", e.Name)
	}
	return fmt.Sprintf("the logical database %q is in several physical ones (%q); leave it in one", e.Name, e.Labels)
}

// assign gives each physical database its logical ones.
func (c *Config) assign() error {
	c.Databases = slices.Clone(c.Databases)
	holders := map[string][]string{}
	for i := range c.Databases {
		database := &c.Databases[i]
		if database.Logical == nil {
			database.Logical = c.Set.Databases()
		}
		for _, name := range database.Logical {
			holders[name] = append(holders[name], database.Label)
		}
	}
	for _, name := range c.Set.Databases() {
		if len(holders[name]) != 1 {
			return &LogicalError{Name: name, Labels: holders[name]}
		}
	}
	return nil
}

// place is a physical database on its way to be opened.
type place struct {
	database Database
	session  engine.Session
	options  schema.Options
	ready    bool // nothing has to be done to it
	// opened is set early for memory, which ends with its last connection. A server and a file are opened only when they
	// are prepared, since what is connected would be in the way of other processes.
	opened engine.Database
}

func (d *Databases) open(ctx context.Context, config *Config) error {
	places := make([]*place, 0, len(config.Databases))
	defer func() {
		for _, found := range places {
			_ = found.session.Close() // closed already where all went well
		}
	}()
	for _, database := range config.Databases {
		found, err := d.reach(ctx, database, config)
		if err != nil {
			return err
		}
		places = append(places, found)
	}
	for _, found := range places {
		if err := found.look(ctx, config.Set); err != nil {
			return err
		}
	}
	for _, found := range places {
		if err := d.take(ctx, found, config); err != nil {
			return err
		}
	}
	return nil
}

// reach opens a session.
func (d *Databases) reach(ctx context.Context, database Database, config *Config) (*place, error) {
	found := &place{database: database, options: config.Options}
	found.options.Databases = database.Logical
	if found.options.Log == nil {
		found.options.Log = config.Log
	}
	if database.Engine != engine.SQLite || !database.SQLite.InMemory() {
		session, err := database.OpenSession(ctx, config.Log)
		found.session = session
		return found, err
	}
	memory, err := sqlite.Open(ctx, database.SQLite, config.Log)
	if err != nil {
		return nil, err
	}
	found.opened = memory.Database()
	d.physical = append(d.physical, found.opened)
	found.session, err = memory.Session(ctx)
	return found, err
}

// look refuses what schema.Prepare would refuse before it changes anything. Background updates that have to be done first
// are no refusal where somebody is told to do them.
func (p *place) look(ctx context.Context, set *schema.Set) error {
	plan, err := schema.MakePlan(ctx, p.session, set, p.options)
	if pending, is := errors.AsType[*schema.PendingError](err); is && p.options.OnPending != nil && len(pending.SetAside) == 0 {
		return nil
	}
	p.ready = err == nil && plan.Nothing()
	return err
}

// take prepares a database and opens it for work.
func (d *Databases) take(ctx context.Context, found *place, config *Config) error {
	var err error
	if !found.ready {
		_, err = schema.Prepare(ctx, found.session, config.Set, found.options)
	}
	if err = errors.Join(err, found.session.Close()); err != nil {
		return err
	}
	if found.opened == nil {
		if found.opened, err = found.database.Open(ctx, config.Log); err != nil {
			return err
		}
		d.physical = append(d.physical, found.opened)
	}
	for _, name := range found.database.Logical {
		d.logical[name] = found.opened
	}
	return nil
}
