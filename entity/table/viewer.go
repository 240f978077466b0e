package table

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/synapsedb/synapse"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// Viewer reads the entities of all applications, beside programs that run.
type Viewer struct {
	session engine.Session
}

// OpenViewer opens a database without a lock and without changing anything. Its tables have to be there, and a file of SQLite too. The errors are
// those of schema.Prepare, with NoUpgrade, and of the engines. The logger may be nil.
func OpenViewer(ctx context.Context, database synapse.Database, log *slog.Logger) (*Viewer, error) {
	set, err := Set()
	if err != nil {
		return nil, err
	}
	database = database.ReadOnly()
	database.SQLite.MustExist = true
	session, err := database.OpenSession(ctx, log)
	if err != nil {
		return nil, err
	}
	if _, err := schema.Prepare(ctx, session, set, schema.Options{NoUpgrade: true, Log: log}); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return &Viewer{session: session}, nil
}

// Name is the database in words. It holds no secret.
func (v *Viewer) Name() string { return v.session.Name() }

// Engine is the product behind it.
func (v *Viewer) Engine() engine.Kind { return v.session.Engine() }

// Close ends the session.
func (v *Viewer) Close() error { return v.session.Close() }

// Known is an application that the database knows.
type Known struct {
	Application

	// Holder is the host and the process that opened it last, Started when that was, and Epoch how often it was opened.
	Holder  string
	Started time.Time
	Epoch   int64
	// Entities counts its rows, Removed those of them that the program does not define any more, Damaged those that were set aside.
	Entities, Removed, Damaged int64
}

const applicationsSQL = `SELECT a.application, a.name, a.holder, a.started, a.epoch,
	(SELECT count(*) FROM entities AS e WHERE e.application = a.application),
	(SELECT count(*) FROM entities AS e WHERE e.application = a.application AND e.removed IS NOT NULL),
	(SELECT count(*) FROM damaged_entities AS d WHERE d.application = a.application)
FROM applications AS a ORDER BY a.application`

// Applications lists them by id.
func (v *Viewer) Applications(ctx context.Context) (all []Known, err error) {
	err = v.each(ctx, "the applications", applicationsSQL, nil, func(scan func(...any) error) error {
		var one Known
		var started int64
		err := scan(&one.ID, &one.Name, &one.Holder, &started, &one.Epoch, &one.Entities, &one.Removed, &one.Damaged)
		one.Started = moment(started)
		all = append(all, one)
		return err
	})
	return all, err
}

const (
	viewSQL        = `SELECT application, id, state, attributes, locals, definition, last_changed, last_written, removed FROM entities`
	viewDamagedSQL = `SELECT application, id, state, attributes, locals, definition, last_changed, last_written, found, problem FROM damaged_entities`
)

// Entities gives take every entity of an application, or of all for "", sorted by application and id. An error of take ends the reading.
func (v *Viewer) Entities(ctx context.Context, application string, take func(application string, row Row) error) error {
	query, values := ofApplication(viewSQL, application)
	return v.each(ctx, "the entities", query+` ORDER BY application, id`, values, func(scan func(...any) error) error {
		var of string
		row, err := scanRow(scan, &of)
		if err != nil {
			return err
		}
		return take(of, row)
	})
}

// Damaged gives take every row that was set aside, of an application or of all for "", sorted by application, id and time.
func (v *Viewer) Damaged(ctx context.Context, application string, take func(application string, damaged Damaged) error) error {
	query, values := ofApplication(viewDamagedSQL, application)
	return v.each(ctx, "the damaged entities", query+` ORDER BY application, id, found`, values, func(scan func(...any) error) error {
		var of string
		damaged, err := scanDamaged(scan, &of)
		if err != nil {
			return err
		}
		return take(of, damaged)
	})
}

// ofApplication narrows a query, unless all are asked for.
func ofApplication(query, application string) (narrowed string, values []any) {
	if application == "" {
		return query, nil
	}
	return query + ` WHERE application = ?`, []any{application}
}

func (v *Viewer) each(ctx context.Context, what, query string, values []any, take func(scan func(...any) error) error) error {
	if err := engine.Each(ctx, v.session, query, values, take); err != nil {
		return fmt.Errorf("read %s of %s: %w", what, v.Name(), err)
	}
	return nil
}
