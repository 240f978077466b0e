package relocale

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/phases"
)

// Options say what is moved, and how.
type Options struct {
	// Database is the homeserver's.
	Database *postgres.Config
	// As is who does it, on the same server; nil is the homeserver's role. It needs the rights that docs/relocale.md lists.
	As *postgres.Config
	// To is the name of the new database.
	To string
	// Jobs is how many tables are worked on at a time; 0 is 2.
	Jobs int
	// Check only looks for what hinders.
	Check bool
	// PgDump and PgRestore are the paths of these programs.
	PgDump, PgRestore string
	// Folder is where the dump is kept meanwhile; empty is the system's folder for temporary files.
	Folder string
	// Confirm is called when nothing hinders, before the first write; false ends it with ErrDeclined. May be nil.
	Confirm func(*Report) bool
	// Progress is called from several goroutines, one at a time; may be nil.
	Progress func(Progress)
	// Log may be nil.
	Log *slog.Logger
}

// ErrDeclined says that Confirm did not agree.
var ErrDeclined = errors.New("nothing was done: it was not agreed to")

const defaultJobs = 2

func (o Options) withDefaults() Options {
	if o.As == nil {
		o.As = o.Database
	}
	if o.Jobs == 0 {
		o.Jobs = defaultJobs
	}
	if o.Folder == "" {
		o.Folder = os.TempDir()
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}

// run is one move.
type run struct {
	options Options
	report  *Report
	meter   phases.Meter[Phase]
	control *pgx.Conn // in a database that is not moved
	source  *database
	readers []*pgx.Conn // of the source, opened before it is closed to others
	made    *made       // what has to be removed when it fails
	chance  string      // 16 hexadecimal digits that no other run has
	dumps   int         // how many were begun
}

func newRun(options Options) *run {
	options = options.withDefaults()
	chance := make([]byte, 8)
	_, _ = rand.Read(chance) // it never fails
	return &run{options: options, report: newReport(options), meter: phases.Meter[Phase]{Show: options.Progress}, chance: hex.EncodeToString(chance)}
}

// dumpName is what the sessions of this run's present pg_dump are called. Those of one before it are taken for a killed run's.
func (r *run) dumpName() string { return dumpApplication + r.chance + "-" + strconv.Itoa(r.dumps) }

// Run moves the database. It refuses with *RefusedError before the first write. When it fails later, or ctx ends, what it made is
// removed and the old database accepts connections again; when it is killed, the next Run or Undo does that.
func Run(ctx context.Context, options Options) (*Report, error) {
	begun := time.Now()
	r := newRun(options)
	err := r.all(ctx)
	r.close()
	r.report.end(err, r.options.Check, time.Since(begun))
	return r.report, err
}

func (r *run) all(ctx context.Context) error {
	r.meter.Enter(PhaseCheck, 0)
	if err := r.begin(ctx); err != nil {
		return err
	}
	if err := r.clearLeftovers(ctx); err != nil {
		return err
	}
	if err := r.preflight(ctx); err != nil {
		return err
	}
	if r.options.Check {
		return nil
	}
	if r.options.Confirm != nil && !r.options.Confirm(r.report) {
		return ErrDeclined
	}
	err := r.move(ctx)
	if err != nil {
		err = errors.Join(err, r.undo(ctx))
	}
	return err
}

// begin connects beside the database, and makes sure that nobody else moves it.
func (r *run) begin(ctx context.Context) (err error) {
	if r.control, err = connectBeside(ctx, r.options.As); err != nil {
		return err
	}
	if r.source, err = readDatabase(ctx, r.control, r.options.Database.Database()); err != nil {
		return err
	}
	if r.source == nil {
		return engine.Refuse(SourceMissing, fmt.Sprintf("there is no database %q on the server", r.options.Database.Database()), "look at the configuration")
	}
	r.report.describe(r.source)
	return r.lock(ctx)
}

// move is everything that writes.
func (r *run) move(ctx context.Context) error {
	r.meter.Enter(PhaseDump, 0)
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"create the new database", r.create},
		{"rehearse the end", r.rehearse},
		{"open sessions on the old database", r.openReaders},
		{"close the old database", r.closeDoor},
		{"dump the old database", r.dump},
		{"restore into the new database", r.restore},
		{"analyze the new database", r.analyze},
		{"compare both databases", r.verify},
		{"give the new database its name", r.finish},
	} {
		r.options.Log.Info(step.name, "database", r.source.name)
		if err := step.do(ctx); err != nil {
			return stepError(ctx, step.name, err)
		}
	}
	return nil
}

// stepError says where it ended; of what was told to end, why.
func stepError(ctx context.Context, step string, err error) error {
	if _, told := errors.AsType[*RefusedError](err); told {
		return err
	}
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w (%v)", cause, err) //nolint:errorlint // what a program said when it was ended is only told
	}
	return fmt.Errorf("%s: %w", step, err)
}

// close ends all sessions; nothing is pending on them.
func (r *run) close() {
	for _, reader := range r.readers {
		closeNow(reader)
	}
	if r.control != nil {
		closeNow(r.control)
	}
	r.readers, r.control = nil, nil
}

func closeNow(connection *pgx.Conn) {
	_ = connection.Close(context.Background()) // nothing is pending on it
	<-connection.PgConn().CleanupDone()
}
