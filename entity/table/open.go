package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

const (
	// lockKind is what the application's lock is for.
	lockKind = "entity"
	// lockPatience is how long a process that is just ending is waited for. Who holds the lock is told after a second.
	lockPatience = 3 * time.Second
	// busyTimeout is SQLite's: whoever writes tries again by itself.
	busyTimeout = 200 * time.Millisecond
)

// Open prepares the database (creates its tables, or upgrades them) and takes the lock of the application, which ends with Close or the process.
// A process that has it is waited for some seconds, and is then a *RunningError; a server takes about a minute to notice that a host is gone. A database of SQLite that is opened with mode=ro is
// neither prepared nor locked, and cannot be written to. The other errors are *IDError and those of schema.Prepare and of the engines. The
// logger may be nil.
func Open(ctx context.Context, database synapse.Database, application Application, log *slog.Logger) (*Table, error) {
	if err := CheckID(application.ID); err != nil {
		return nil, fmt.Errorf("open an application: %w", err)
	}
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	application.Name = short(application.Name)
	table := &Table{database: database, application: application, log: log}
	table.database.SQLite.Durable, table.database.SQLite.BusyTimeout = true, busyTimeout
	table.readOnly = database.Engine == engine.SQLite && database.SQLite.OnlyReads()
	if err := table.open(ctx); err != nil {
		return nil, errors.Join(err, table.Close())
	}
	if !table.readOnly {
		table.keep()
	}
	return table, nil
}

func (t *Table) open(ctx context.Context) (err error) {
	if t.session, err = t.database.OpenSession(ctx, t.log); err != nil {
		return err
	}
	t.name = t.session.Name()
	if err := t.prepare(ctx, schema.Options{NoUpgrade: t.readOnly, Log: t.log}); err != nil || t.readOnly {
		return err
	}
	if err := t.configure(ctx); err != nil {
		return err
	}
	if err := t.lock(ctx); err != nil {
		return err
	}
	return t.begin(ctx)
}

func (t *Table) prepare(ctx context.Context, options schema.Options) error {
	set, err := Set()
	if err != nil {
		return err
	}
	_, err = schema.Prepare(ctx, t.session, set, options)
	return err
}

// lock takes the application's lock on the session, with which it ends. Who may have it is looked up before: the end of the
// patience may find the connection in the middle of a question, and that ends it.
func (t *Table) lock(ctx context.Context) error {
	last, err := t.record(ctx, t.session)
	if err != nil {
		return err
	}
	holder := "another process"
	patient, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	_, err = t.session.LockNamed(patient, lockKind, t.application.ID, func(found string) { holder = found })
	switch {
	case err == nil:
		return nil
	case ctx.Err() == nil && errors.Is(err, context.DeadlineExceeded):
		if found, err := t.record(ctx, t.session); err == nil { // the connection is gone when the wait ended in the middle of a question
			last = found
		}
		return &RunningError{Application: t.application.ID, Database: t.name, Holder: holder, Record: last.holder, Since: last.started}
	}
	return fmt.Errorf("take the lock of the application %s: %w", t.application.ID, err)
}

// opening is what is written down of who opened an application last; none has the epoch 0.
type opening struct {
	holder  string
	epoch   int64
	started time.Time
}

const recordSQL = `SELECT holder, epoch, started FROM applications WHERE application = ?`

func (t *Table) record(ctx context.Context, from engine.Querier) (found opening, err error) {
	var started int64
	err = from.QueryRow(ctx, recordSQL, t.application.ID).Scan(&found.holder, &found.epoch, &started)
	if errors.Is(err, sql.ErrNoRows) {
		return opening{}, nil
	}
	if err != nil {
		return opening{}, fmt.Errorf("look who opened the application %s last: %w", t.application.ID, err)
	}
	found.started = moment(started)
	return found, nil
}

const (
	insertApplicationSQL = `INSERT INTO applications (epoch, name, holder, started, application) VALUES (?, ?, ?, ?, ?)`
	updateApplicationSQL = `UPDATE applications SET epoch = ?, name = ?, holder = ?, started = ? WHERE application = ?`
)

// begin counts this opening, by which a process that had lost its lock will know.
func (t *Table) begin(ctx context.Context) error {
	return t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		last, err := t.record(ctx, tx)
		if err != nil {
			return err
		}
		t.epoch = last.epoch + 1
		values := []any{t.epoch, t.application.Name, holder(), micros(time.Now()), t.application.ID}
		known, err := tx.Exec(ctx, updateApplicationSQL, values...)
		if err == nil && known == 0 {
			_, err = tx.Exec(ctx, insertApplicationSQL, values...)
		}
		if err != nil {
			return fmt.Errorf("write down who opens the application %s: %w", t.application.ID, err)
		}
		return nil
	})
}

// holder describes this process.
func holder() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown host"
	}
	return short(fmt.Sprintf("%s, process %d (%s)", host, os.Getpid(), filepath.Base(os.Args[0])))
}

// short makes any text one that fits.
func short(text string) string {
	letters := []rune(strings.ReplaceAll(strings.ToValidUTF8(text, "?"), "\x00", ""))
	return string(letters[:min(len(letters), maxID)])
}
