package split

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/phases"
	"github.com/synapsedb/synapse/schema"
)

// The logical databases of a homeserver.
const (
	mainDatabase  = "main"
	stateDatabase = "state"
)

// Database is a physical database.
type Database struct {
	// Label is its name in messages.
	Label string
	// Postgres is how to connect; nil for SQLite.
	Postgres *postgres.Config
	// SQLitePath is the absolute path of a SQLite file.
	SQLitePath string
	// Logical are the logical databases that are kept there.
	Logical []string
}

func (d Database) engine() engine.Kind {
	if d.Postgres != nil {
		return engine.Postgres
	}
	return engine.SQLite
}

// open opens a session. On one that only looks not even the journal mode of a file is changed.
func (d Database) open(ctx context.Context, look bool, log *slog.Logger) (engine.Session, error) {
	if d.Postgres != nil {
		return d.Postgres.OpenSession(ctx, log)
	}
	config := sqlite.Config{Database: d.SQLitePath}
	if look {
		config = config.ReadOnly()
	}
	return sqlite.OpenSession(ctx, config, log)
}

// options are those by which package schema looks at the database.
func (d Database) options(serverName string, log *slog.Logger) schema.Options {
	unsafe := d.Postgres != nil && d.Postgres.AllowUnsafeLocale
	return schema.Options{
		Databases: d.Logical, Log: log,
		Config: homeserver.Config{ServerName: serverName, AllowUnsafeLocale: unsafe},
	}
}

// Options say what is split, and how.
type Options struct {
	// Source holds main and state.
	Source Database
	// Target is an empty PostgreSQL database, or a SQLite file that is not there yet. Its Logical is not looked at.
	Target Database
	// Set is the schema of both: the homeserver's of this program, or upstream's.
	Set *schema.Set
	// ServerName is the homeserver's, which the source has to be of; empty to compare nothing.
	ServerName string
	// Workers is how many copy at once from PostgreSQL, each with a connection to both sides; 0 means 2.
	Workers int
	// Check only looks for what would hinder.
	Check bool
	// Progress is called when a phase begins and as it goes on, from several goroutines, one at a time. May be nil.
	Progress func(Progress)
	// Log may be nil.
	Log *slog.Logger
}

// Phase is what a split is at.
type Phase string

// The phases, in their order.
const (
	PhaseCheck   Phase = "check"
	PhasePrepare Phase = "prepare"
	PhaseCopy    Phase = "copy"
	PhaseIndexes Phase = "indexes" // on PostgreSQL
	PhaseVerify  Phase = "verify"
	PhaseFinish  Phase = "finish"
)

// Progress is how far a phase is. Done and Total are bytes on PostgreSQL and rows on SQLite; indexes in their phase.
type Progress = phases.State[Phase]

// run is one split.
type run struct {
	options Options
	report  *Report
	state   *tables
	from    engine.Session
	to      engine.Session
	unlock  []func() error
	meter   *phases.Meter[Phase]
	number  int64 // tells this run from others
}

// Run copies the logical database state into a database of its own, compares both sides, and makes the copy usable. The
// source stays as it is. The server has to be stopped until its configuration names both databases. A split that was
// interrupted or killed is begun anew by the next one. The report is there in any case. Errors a caller can test for:
// *RefusedError (nothing was written, or only what the next split removes) and *MismatchError.
func Run(ctx context.Context, options Options) (report *Report, err error) {
	if options.Log == nil {
		options.Log = slog.New(slog.DiscardHandler)
	}
	if options.Workers <= 0 {
		options.Workers = 2
	}
	begun := time.Now()
	r := &run{options: options, report: newReport(options), meter: &phases.Meter[Phase]{Show: options.Progress}, number: rand.Int64()}
	defer func() {
		err = errors.Join(err, r.close())
		r.report.end(err, options.Check, time.Since(begun))
	}()
	return r.report, r.run(ctx)
}

func (r *run) run(ctx context.Context) error {
	r.meter.Enter(PhaseCheck, 0)
	if err := r.check(ctx); err != nil || r.options.Check {
		return err
	}
	if r.options.Source.engine() == engine.Postgres {
		return r.splitPostgres(ctx)
	}
	return r.splitSQLite(ctx)
}

// close ends the sessions; the locks end with them.
func (r *run) close() error {
	var errs []error
	for _, unlock := range slices.Backward(r.unlock) {
		errs = append(errs, unlock())
	}
	r.unlock = nil
	return errors.Join(append(errs, r.closeSource(), r.closeTarget())...)
}

func (r *run) closeSource() error {
	if r.from == nil {
		return nil
	}
	defer func() { r.from = nil }()
	return r.from.Close()
}

func (r *run) closeTarget() error {
	if r.to == nil {
		return nil
	}
	defer func() { r.to = nil }()
	return r.to.Close()
}

// lock takes a lock of a session, and refuses when another process keeps it.
func (r *run) lock(ctx context.Context, id ProblemID, take locker) error {
	unlock, err := lockSoon(ctx, take)
	if held, isHeld := errors.AsType[*heldError](err); isHeld {
		return &RefusedError{Problems: []Problem{{ID: id, What: held.Error(), Hint: "wait until it ends, or stop it"}}}
	}
	if err == nil {
		r.unlock = append(r.unlock, unlock)
	}
	return err
}

// locker is a method of engine.Session that takes a lock.
type locker func(ctx context.Context, waiting func(holder string)) (unlock func() error, err error)

// lockPatience is how long a lock is waited for once its holder is known: the server notices a little late that a process
// was killed.
const lockPatience = 3 * time.Second

// heldError says who holds a lock.
type heldError struct{ holder string }

func (e *heldError) Error() string {
	return "another process changes or splits the database: " + e.holder
}

func lockSoon(ctx context.Context, take locker) (func() error, error) {
	limited, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	unlock, err := take(limited, func(holder string) {
		time.AfterFunc(lockPatience, func() { cancel(&heldError{holder}) })
	})
	if held, isHeld := errors.AsType[*heldError](context.Cause(limited)); isHeld && err != nil {
		return nil, held
	}
	if err != nil {
		return nil, fmt.Errorf("take the lock: %w", err)
	}
	return unlock, nil
}

// othersPatience is how long sessions that are about to end may take: those of a split that was killed.
const othersPatience = 3 * time.Second

// others lists who else is connected, after those have gone who are about to.
func others(ctx context.Context, session engine.Session) ([]string, error) {
	for begun := time.Now(); ; {
		sessions, err := session.OtherSessions(ctx)
		if err != nil || len(sessions) == 0 || time.Since(begun) > othersPatience {
			return sessions, err
		}
		if err := engine.Wait(ctx, 50*time.Millisecond); err != nil {
			return nil, err
		}
	}
}
