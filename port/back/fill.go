package back

import (
	"context"
	"errors"
	"fmt"
	"slices"

	lite "zombiezen.com/go/sqlite"

	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// prepare makes the tables, as the homeserver would make them in a new database.
func (r *run) prepare(ctx context.Context, shop *workshop) error {
	r.options.Progress.enter(PhasePrepare, 0)
	session, err := sqlite.OpenSession(ctx, sqlite.Config{Database: shop.path()}, r.options.Log)
	if err != nil {
		return err
	}
	return errors.Join(prepareEmpty(ctx, session, r.options.Set, nil, r.options.Log), session.Close())
}

// fill copies the rows and makes the file complete.
func (r *run) fill(ctx context.Context, shop *workshop) (err error) {
	w, err := openWriter(ctx, shop.path())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, w.conn.Close()) }()
	r.options.Progress.enter(PhaseCopy, r.plan.guessed())
	filled := map[string]bool{}
	for _, table := range r.plan.tables {
		filled[table.name] = true
	}
	if err := w.setAside(filled); err != nil {
		return err
	}
	for _, table := range r.plan.tables {
		if err := r.copyTable(ctx, w, table); err != nil {
			return fmt.Errorf("copy table %s: %w", table.name, err)
		}
		r.report.Rows += table.rows
	}
	r.options.Progress.enter(PhaseIndexes, 0)
	for _, step := range []func(*writer) error{r.setSequences, r.enqueue, func(w *writer) error { return w.restore(r.options.Progress) }} {
		if err := step(w); err != nil {
			return err
		}
	}
	r.options.Progress.enter(PhaseExamine, 0)
	return w.examine()
}

// setSequences has AUTOINCREMENT go on where the source's identity column would.
func (r *run) setSequences(w *writer) error {
	for _, table := range r.plan.tables {
		i := slices.IndexFunc(table.source.schema.Sequences, func(s *catalog.Sequence) bool { return s.Table == table.from.Name })
		if !table.counts || i < 0 {
			continue
		}
		sequence := table.source.schema.Sequences[i]
		last := sequence.Next() - 1
		err := w.each("SELECT seq FROM sqlite_sequence WHERE name = ?", func(row *lite.Stmt) { last = max(last, row.ColumnInt64(0)) }, table.name)
		if err != nil {
			return err
		}
		if last < sequence.Minimum {
			continue // none was ever handed out
		}
		if err := w.run("DELETE FROM sqlite_sequence WHERE name = ?", table.name); err != nil {
			return err
		}
		if err := w.run("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", table.name, last); err != nil {
			return err
		}
		r.report.Sequences = append(r.report.Sequences, SequenceReport{table.name, last})
	}
	return nil
}

// enqueue has the homeserver build what is not copied.
func (r *run) enqueue(w *writer) error {
	if err := r.enqueueSearch(w); err != nil {
		return fmt.Errorf("have the search index filled: %w", err)
	}
	if err := r.enqueueDirectory(w); err != nil {
		return fmt.Errorf("have the user directory built: %w", err)
	}
	return nil
}

// Upstream's update that fills the search index of SQLite, as its delta 73/10 enqueues it where there are events: from the
// greatest stream ordering down to the least. It is upstream's own spelling of JSON.
const (
	searchUpdate   = "event_search"
	searchOrdering = 7310
	searchRangeSQL = `SELECT min(stream_ordering), max(stream_ordering) + 1, count(stream_ordering) FROM events`
)

func (r *run) enqueueSearch(w *writer) error {
	progress := ""
	err := w.each(searchRangeSQL, func(row *lite.Stmt) {
		if row.ColumnInt64(2) > 0 {
			progress = fmt.Sprintf(`{"target_min_stream_id_inclusive": %d, "max_stream_id_exclusive": %d}`, row.ColumnInt64(0), row.ColumnInt64(1))
		}
	})
	if err != nil || progress == "" {
		return err
	}
	return r.enqueueOne(w, homeserver.BackgroundUpdate{Name: searchUpdate, ProgressJSON: progress, Ordering: searchOrdering})
}

// enqueueDirectory does what a move to PostgreSQL does: upstream leaves its user directory empty for ever when the position is NULL
// and no update is waiting.
func (r *run) enqueueDirectory(w *writer) error {
	found := false
	err := w.each("SELECT 1 FROM sqlite_schema WHERE name = ?", func(*lite.Stmt) { found = true }, homeserver.DirectoryPositionTable)
	if err != nil || !found {
		return err
	}
	position := sqlite.QuoteIdentifier(homeserver.DirectoryPositionTable)
	for _, statement := range []string{"DELETE FROM " + position, "INSERT INTO " + position + " (stream_id) VALUES (NULL)"} {
		if err := w.run(statement); err != nil {
			return err
		}
	}
	for _, update := range homeserver.DirectoryUpdates() {
		if err := r.enqueueOne(w, update); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) enqueueOne(w *writer, update homeserver.BackgroundUpdate) error {
	var dependsOn any
	if update.DependsOn != "" {
		dependsOn = update.DependsOn
	}
	r.report.Enqueued = append(r.report.Enqueued, update.Name)
	return w.run("INSERT INTO "+sqlite.QuoteIdentifier(homeserver.BackgroundUpdatesTable)+
		" (update_name, progress_json, depends_on, ordering) VALUES (?, ?, ?, ?)", update.Name, update.ProgressJSON, dependsOn, update.Ordering)
}
