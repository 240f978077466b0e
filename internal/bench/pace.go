package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/synapsedb/synapse/background"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/server"
)

// paceSettings are those of the benchmark of the updater's own speed.
type paceSettings struct {
	rows   int
	rounds int
	ranges []int // the rows of a range of each loop
}

func usualPace() paceSettings {
	return paceSettings{rows: 1_000_000, rounds: 5, ranges: []int{1_000, 10_000, 100_000}}
}

func quickPace() paceSettings {
	return paceSettings{rows: 5_000, rounds: 1, ranges: []int{100, 1_000}}
}

// filled is the table that is filled: 1 is added to n, once for each row.
const (
	filledSQL       = `CREATE TABLE filled (id BIGINT NOT NULL PRIMARY KEY, n BIGINT NOT NULL, note TEXT NOT NULL)`
	updatesTableSQL = `CREATE TABLE background_updates (update_name TEXT NOT NULL UNIQUE, progress_json TEXT NOT NULL,
		depends_on TEXT, ordering INTEGER NOT NULL DEFAULT 0)`
	enqueueSQL = `INSERT INTO background_updates (update_name, progress_json) VALUES ('fill', '{}')`
	wrongSQL   = `SELECT count(*) FROM filled WHERE n <> 1`
)

// place is a database of one engine in which the table is made anew before each measurement.
type place interface {
	// fresh makes the table, with nothing left to be done to it.
	fresh(ctx context.Context, rows int) error
	// loop fills the table by hand, as fast as the driver can: one statement, and so one commit, for each range.
	loop(ctx context.Context, rows, together int) error
	open(ctx context.Context) (engine.Session, error)
}

// comparePace has the updater and the loops fill the table in turn, and prints their speed on each engine.
func comparePace(ctx context.Context, s paceSettings, folder string, private *server.Postgres, output io.Writer) error {
	onPostgres, err := newPostgresPlace(ctx, private, "pace")
	if err != nil {
		return err
	}
	for _, one := range []struct {
		kind  engine.Kind
		place place
	}{{engine.Postgres, onPostgres}, {engine.SQLite, &sqlitePlace{folder: folder}}} {
		if err := comparePaceOn(ctx, s, one.kind, one.place, output); err != nil {
			return fmt.Errorf("on %s: %w", one.kind, err)
		}
	}
	return nil
}

func comparePaceOn(ctx context.Context, s paceSettings, kind engine.Kind, at place, output io.Writer) error {
	fmt.Fprintf(output, "%s: rows/s of a fill of %d rows, by loops with ranges of so many rows, and by the updater without pauses\n", kind, s.rows)
	ways := []func() error{func() error { return fillByUpdater(ctx, at, background.Pacing{NoSleep: true}, nil) }}
	titles := []string{"updater"}
	for _, together := range s.ranges {
		ways = append(ways, func() error { return at.loop(ctx, s.rows, together) })
		titles = append(titles, strconv.Itoa(together))
	}
	speeds := make([][]float64, len(ways))
	fmt.Fprintf(output, "round %s\n", columns(titles, "%10s"))
	for round := range s.rounds {
		for i := range ways {
			way := (i + round) % len(ways) // none is always the first
			speed, err := speedOf(ctx, at, s.rows, ways[way])
			if err != nil {
				return fmt.Errorf("fill by %s: %w", titles[way], err)
			}
			speeds[way] = append(speeds[way], speed)
		}
		fmt.Fprintf(output, "%5d %s\n", round+1, columns(speeds, "%10.0f"))
	}
	best := 1
	for way := range speeds[1:] {
		if median(speeds[way+1]) > median(speeds[best]) {
			best = way + 1
		}
	}
	fmt.Fprintf(output, "%s: medians: the best loop is that of %s rows, %.0f rows/s; the updater reaches %.0f, ratio %.2f (aim: 0.70 at least)\n",
		kind, titles[best], median(speeds[best]), median(speeds[0]), median(speeds[0])/median(speeds[best]))
	return nil
}

// columns writes the last of each list, or each text.
func columns[T string | []float64](values []T, format string) string {
	var text strings.Builder
	for _, value := range values {
		switch one := any(value).(type) {
		case string:
			fmt.Fprintf(&text, format, one)
		case []float64:
			fmt.Fprintf(&text, format, one[len(one)-1])
		}
	}
	return text.String()
}

// speedOf measures one way of filling a fresh table, and checks what it did.
func speedOf(ctx context.Context, at place, rows int, fill func() error) (rowsPerSecond float64, err error) {
	if err := at.fresh(ctx, rows); err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := fill(); err != nil {
		return 0, err
	}
	seconds := time.Since(begun).Seconds()
	session, err := at.open(ctx)
	if err != nil {
		return 0, err
	}
	var wrong int
	err = errors.Join(session.QueryRow(ctx, wrongSQL).Scan(&wrong), session.Close())
	if err == nil && wrong != 0 {
		err = fmt.Errorf("%d of %d rows are not filled once", wrong, rows)
	}
	return float64(rows) / seconds, err
}

// fillByUpdater runs the update until it has come to its end.
func fillByUpdater(ctx context.Context, at place, pacing background.Pacing, onBatch func(background.Report)) error {
	registry := background.NewRegistry()
	registry.Register("fill", background.FillColumn{Table: "filled", Keys: []string{"id"}, Set: "n = n + 1"}.Run)
	updater, err := background.New(background.Config{
		Open: at.open, Registry: registry, Pacing: pacing, SessionsKnown: true, OnBatch: onBatch,
	})
	if err != nil {
		return err
	}
	return updater.Run(ctx)
}

// ranges calls fill for one range of ids after the other.
func ranges(rows, together int, fill func(after, until int) error) error {
	for after := 0; after < rows; after += together {
		if err := fill(after, after+together); err != nil {
			return err
		}
	}
	return nil
}

type postgresPlace struct {
	config  *postgres.Config
	private *server.Postgres
	name    string
}

// newPostgresPlace makes a database.
func newPostgresPlace(ctx context.Context, private *server.Postgres, name string) (*postgresPlace, error) {
	if err := private.CreateDatabase(ctx, server.DatabaseOptions{Name: name}); err != nil {
		return nil, err
	}
	config, _, err := postgres.ParseArgs(map[string]any{
		"host": private.SocketDir(), "port": private.Port(), "user": private.Superuser(), "dbname": name,
	})
	return &postgresPlace{config: config, private: private, name: name}, err
}

func (p *postgresPlace) open(ctx context.Context) (engine.Session, error) {
	return p.config.OpenSession(ctx, nil)
}

func (p *postgresPlace) fresh(ctx context.Context, rows int) error {
	return p.execute(ctx,
		"DROP TABLE IF EXISTS filled, background_updates", filledSQL, updatesTableSQL, enqueueSQL,
		fmt.Sprintf("INSERT INTO filled SELECT i, 0, 'a note of some length' FROM generate_series(1, %d) AS i", rows),
		"VACUUM ANALYZE filled", "CHECKPOINT")
}

func (p *postgresPlace) execute(ctx context.Context, statements ...string) (err error) {
	session, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, session.Close()) }()
	for _, statement := range statements {
		if err := session.ExecAlone(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

func (p *postgresPlace) loop(ctx context.Context, rows, together int) (err error) {
	connection, err := p.private.Connect(ctx, p.name) // which prepares statements
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, connection.Close(ctx)) }()
	return ranges(rows, together, func(after, until int) error {
		_, err := connection.Exec(ctx, "UPDATE filled SET n = n + 1 WHERE id > $1 AND id <= $2", after, until)
		return err
	})
}
