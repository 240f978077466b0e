package demo

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"zombiezen.com/go/sqlite"

	database "github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
)

// fill generates into a file that exists and is empty.
func fill(ctx context.Context, path string, options Options) (*Report, error) {
	if err := createSchema(ctx, path); err != nil {
		return nil, err
	}
	var report *Report
	var loose looseSchema
	for _, step := range []func(w *writer){
		func(w *writer) { loose = w.loosen(options.BadValues) },
		func(w *writer) { report = generate(ctx, w, options) },
		func(w *writer) { w.restoreKeys(loose) },
		func(w *writer) { w.buildIndexes(loose) },
	} {
		if err := write(ctx, path, step); err != nil {
			return nil, err
		}
	}
	return report, setJournal(ctx, path, options.WAL)
}

func createSchema(ctx context.Context, path string) error {
	address := url.URL{Scheme: "file", OmitHost: true, Path: path}
	session, err := database.OpenSession(ctx, database.Config{Database: address.String(), MustExist: true}, nil)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	err = homeserver.Create(ctx, session)
	if err == nil {
		_, err = session.Exec(ctx, "PRAGMA journal_mode = DELETE") // what is filled in writes each page once
	}
	return errors.Join(err, session.Close())
}

// generate inserts everything.
func generate(ctx context.Context, w *writer, options Options) *Report {
	g := newGenerator(w, options)
	g.people()
	g.timeline(ctx)
	if !options.Plain {
		g.difficulties()
	}
	if options.BadValues {
		g.badValues()
	}
	g.closing()
	return &Report{Events: g.events, Rows: w.rows, BadValues: g.bad}
}

// setJournal leaves the database in the journal mode it is to have. A database in
// WAL mode keeps no -wal file once it is closed.
func setJournal(ctx context.Context, path string, wal bool) error {
	conn, err := sqlite.OpenConn(path, sqlite.OpenReadWrite)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	conn.SetInterrupt(ctx.Done())
	w := newWriter(conn)
	w.script("PRAGMA journal_mode = " + map[bool]string{true: "WAL", false: "DELETE"}[wal])
	w.queue.close()
	return errors.Join(w.err, conn.Close())
}
