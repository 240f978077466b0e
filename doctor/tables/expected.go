package tables

import (
	"context"
	"errors"
	"fmt"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver/upstream"
	"github.com/synapsedb/synapse/schema"
)

// expected is what a database should be. Background updates make a difference: what one that is pending will make need not be
// there, and is nothing foreign when it is.
type expected struct {
	must *shape
	may  *shape
	// only are pending updates of the database that the set does not enqueue on the engine that was made.
	only []string
}

// expect makes the tables of the subject's set in a private place: SQLite's in memory, PostgreSQL's in a scratch schema.
func expect(ctx context.Context, subject *finding.Subject, on engine.Kind, pending []schema.Update) (wanted *expected, err error) {
	work := func(session engine.Session) error {
		wanted, err = create(ctx, session, subject, pending)
		return err
	}
	if on == engine.Postgres {
		return wanted, withScratch(ctx, subject.Session, work)
	}
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: ":memory:"}, nil)
	if err != nil {
		return nil, err
	}
	err = work(session)
	return wanted, errors.Join(err, session.Close())
}

// create makes all tables, and finishes the background updates that the subject has finished.
func create(ctx context.Context, session engine.Session, subject *finding.Subject, pending []schema.Update) (*expected, error) {
	if _, err := schema.Prepare(ctx, session, subject.Set, options(subject)); err != nil {
		return nil, fmt.Errorf("make the tables of the schema set to compare with: %w", err)
	}
	if subject.Set.Name() != upstream.SetName { // the updates of other sets are their programs'
		made, err := describe(ctx, session)
		return &expected{must: made, may: made}, err
	}
	postponed, only, err := postpone(ctx, session, pending)
	if err != nil {
		return nil, err
	}
	if err := finish(ctx, session); err != nil {
		return nil, err
	}
	must, err := describe(ctx, session)
	if err != nil || len(postponed) == 0 {
		return &expected{must: must, may: must, only: only}, err
	}
	if err := enqueue(ctx, session, postponed); err != nil {
		return nil, err
	}
	may, err := describe(ctx, session)
	return &expected{must: must, may: may, only: only}, err
}

const dropUpdateSQL = `DELETE FROM background_updates WHERE update_name = ?`

// postpone takes the updates out that are pending, and returns those that were there, and the names of those that were not and
// may make tables and indexes: what only a homeserver can run changes rows alone.
func postpone(ctx context.Context, session engine.Session, pending []schema.Update) (postponed []schema.Update, only []string, err error) {
	for _, update := range pending {
		dropped, err := session.Exec(ctx, dropUpdateSQL, update.Name)
		if err != nil {
			return nil, nil, err
		}
		_, rows := upstream.OnlyTheHomeserver(update.Name)
		switch {
		case dropped > 0:
			postponed = append(postponed, update)
		case !rows:
			only = append(only, update.Name)
		}
	}
	return postponed, only, nil
}

const addUpdateSQL = `INSERT INTO background_updates (update_name, progress_json, ordering) VALUES (?, '{}', ?)`

func enqueue(ctx context.Context, session engine.Session, updates []schema.Update) error {
	for _, update := range updates {
		if _, err := session.Exec(ctx, addUpdateSQL, update.Name, update.Ordering); err != nil {
			return err
		}
	}
	return finish(ctx, session)
}

// finish finishes the updates that are known. What the others make is not expected.
func finish(ctx context.Context, session engine.Session) error {
	_, err := upstream.FinishEmpty(ctx, session)
	unknown, isUnknown := errors.AsType[*background.LeftError](err)
	if !isUnknown {
		return err
	}
	for _, left := range unknown.Left {
		if _, err := session.Exec(ctx, dropUpdateSQL, left.Name); err != nil {
			return err
		}
	}
	_, err = upstream.FinishEmpty(ctx, session)
	return err
}
