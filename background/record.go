package background

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/schema"
)

// Pending is a row of background_updates: an update that is not finished.
type Pending struct {
	Name      string          `json:"name"`
	DependsOn string          `json:"depends_on,omitempty"`
	Ordering  int             `json:"ordering"`
	Progress  json.RawMessage `json:"progress"`
	// Failure is set when the update was set aside.
	Failure *Failure `json:"failure,omitempty"`
	// Rate is nil before the first batch, and where it is not recorded, as by upstream.
	Rate *Rate `json:"-"`
}

// Failure is why an update was set aside.
type Failure struct {
	Attempts int       `json:"attempts"`
	Error    string    `json:"error"`
	At       time.Time `json:"at"`
}

const (
	listSQL       = `SELECT update_name, coalesce(depends_on, ''), ordering, progress_json FROM background_updates`
	listErrorsSQL = `SELECT update_name, attempts, error, failed_at FROM background_update_errors`
	// A batch counts only on top of the progress it began with, whoever else believes to be in charge.
	progressSQL = `UPDATE background_updates SET progress_json = ? WHERE update_name = ? AND progress_json = ?`
	doneSQL     = `DELETE FROM background_updates WHERE update_name = ? AND progress_json = ?`

	dropErrorSQL = `DELETE FROM background_update_errors WHERE update_name = ?`
	addErrorSQL  = `INSERT INTO background_update_errors (update_name, attempts, error, failed_at) VALUES (?, ?, ?, ?)`
)

// List reads the unfinished updates in their order: by ordering, then by name. A database without the table has none.
func List(ctx context.Context, session engine.Session) ([]Pending, error) {
	catalog, err := session.Describe(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the catalog of %s: %w", session.Name(), err)
	}
	if catalog.Table(schema.UpdatesTable) == nil {
		return nil, nil
	}
	updates, err := list(ctx, session, catalog.Table(schema.UpdateErrorsTable) != nil)
	if err == nil && catalog.Table(schema.UpdateRatesTable) != nil {
		err = addRates(ctx, session, updates)
	}
	return updates, err
}

// Retry forgets that updates were set aside, so that the next run tries them again; all of them when none is named. It
// returns their names.
func Retry(ctx context.Context, session engine.Session, names ...string) (forgotten []string, err error) {
	pending, err := List(ctx, session)
	if err != nil {
		return nil, err
	}
	for _, update := range pending {
		if update.Failure == nil || len(names) > 0 && !slices.Contains(names, update.Name) {
			continue
		}
		if _, err := session.Exec(ctx, dropErrorSQL, update.Name); err != nil {
			return forgotten, fmt.Errorf("forget the error of %s: %w", update.Name, err)
		}
		forgotten = append(forgotten, update.Name)
	}
	return forgotten, nil
}

func list(ctx context.Context, from engine.Querier, withErrors bool) ([]Pending, error) {
	var all []Pending
	err := engine.Each(ctx, from, listSQL, nil, func(scan func(...any) error) error {
		var one Pending
		var progress string
		err := scan(&one.Name, &one.DependsOn, &one.Ordering, &progress)
		one.Progress = json.RawMessage(progress)
		all = append(all, one)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the background updates: %w", err)
	}
	// Not by the database, whose collation might be another.
	slices.SortFunc(all, func(a, b Pending) int {
		return cmp.Or(cmp.Compare(a.Ordering, b.Ordering), cmp.Compare(a.Name, b.Name))
	})
	if !withErrors {
		return all, nil
	}
	err = engine.Each(ctx, from, listErrorsSQL, nil, func(scan func(...any) error) error {
		var name string
		var failure Failure
		var at int64
		err := scan(&name, &failure.Attempts, &failure.Error, &at)
		failure.At = time.UnixMilli(at).UTC()
		if i := slices.IndexFunc(all, func(p Pending) bool { return p.Name == name }); i >= 0 {
			all[i].Failure = &failure
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read the errors of background updates: %w", err)
	}
	return all, nil
}

// record writes what a batch has achieved, in the transaction of the batch.
func record(ctx context.Context, tx engine.Tx, update *Pending, result Result) error {
	statement, values := doneSQL, []any{update.Name, string(update.Progress)}
	if !result.Done {
		progress, err := encode(update, result)
		if err != nil {
			return err
		}
		statement, values = progressSQL, append([]any{progress}, values...)
	}
	affected, err := tx.Exec(ctx, statement, values...)
	if err != nil {
		return fmt.Errorf("record the progress: %w", err)
	}
	if affected != 1 {
		return &MovedError{Update: update.Name}
	}
	return nil
}

// commitLazily has the commit of a batch not wait for the disk, so that sessions whose commits do need not wait for the
// batch's many pages as well. If the server crashes in the next moment, work and progress are undone together; the commit that ends
// an update waits. (https://www.postgresql.org/docs/current/wal-async-commit.html)
func commitLazily(ctx context.Context, tx engine.Tx, kind engine.Kind) error {
	if kind != engine.Postgres {
		return nil
	}
	_, err := tx.Exec(ctx, "SET LOCAL synchronous_commit = off")
	return err
}

func encode(update *Pending, result Result) (string, error) {
	if result.Progress == nil {
		return string(update.Progress), nil
	}
	encoded, err := json.Marshal(result.Progress)
	if err != nil {
		return "", fmt.Errorf("write the progress as JSON: %w", err)
	}
	return string(encoded), nil
}

// setAside records an error. The table is made only now: in a homeserver's database it is a guest.
func setAside(ctx context.Context, session engine.Session, update string, failure *Failure) error {
	_, err := session.Exec(ctx, schema.CreateUpdateErrors(session.Engine()))
	if err == nil {
		err = session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
			_, dropped := tx.Exec(ctx, dropErrorSQL, update)
			_, added := tx.Exec(ctx, addErrorSQL, update, failure.Attempts, failure.Error, failure.At.UnixMilli())
			return errors.Join(dropped, added)
		})
	}
	if err != nil {
		return fmt.Errorf("record that %s was set aside: %w", update, err)
	}
	return nil
}
