package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/engine/sqlite"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/server"
)

// limit loads the rows as fast as PostgreSQL's own tools can.
type limit struct {
	settings settings
	postgres *server.Postgres
	schema   *catalog.Schema
	tables   []exported // the largest first
	cpu      float64    // seconds of processor time that psql used in the present load
}

// exported is a table's rows in a text file.
type exported struct {
	table *catalog.Table
	file  string
	bytes int64
}

func connect(ctx context.Context, postgres *server.Postgres, database string) (*pgx.Conn, error) {
	return pgx.Connect(ctx, postgres.DSN(database, role))
}

// export ports once, and writes every table of the result to a text file; the search index with its text.
func (l *limit) export(ctx context.Context) error {
	if _, err := portOnce(ctx, l.settings, l.postgres, true); err != nil {
		return err
	}
	conn, err := connect(ctx, l.postgres, "port")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	if l.schema, err = catalog.Load(ctx, conn, "public"); err != nil {
		return err
	}
	for _, table := range l.schema.Tables {
		file := filepath.Join(l.settings.folder, table.Name+".copy")
		if err := l.exportTable(ctx, conn, table, file); err != nil {
			return err
		}
		info, err := os.Stat(file)
		if err != nil {
			return err
		}
		if info.Size() > 0 {
			l.tables = append(l.tables, exported{table, file, info.Size()})
		}
	}
	slices.SortFunc(l.tables, func(a, b exported) int { return cmp.Compare(b.bytes, a.bytes) })
	return nil
}

func (l *limit) exportTable(ctx context.Context, conn *pgx.Conn, table *catalog.Table, file string) error {
	if table.Name == homeserver.EventSearchTable {
		return l.exportSearch(ctx, file)
	}
	output, err := os.Create(file)
	if err != nil {
		return err
	}
	defer func() { _ = output.Close() }() // what is missing makes the load fail
	_, err = conn.PgConn().CopyTo(ctx, output, "COPY "+postgres.QuoteIdentifier(table.Name)+" TO STDOUT")
	return err
}

const searchQuery = `SELECT c0, c1, c2, c3, c4, origin_server_ts, stream_ordering FROM (
    SELECT c.c0, c.c1, c.c2, c.c3, c.c4, e.origin_server_ts, e.stream_ordering, row_number() OVER (PARTITION BY c.c0 ORDER BY c.id) AS copy
    FROM event_search_content AS c CROSS JOIN events AS e ON e.event_id = c.c0 AND e.room_id = c.c1
) WHERE copy = 1`

// exportSearch writes the texts of the search index: event_id, room_id, sender, key, value, and the event's times.
func (l *limit) exportSearch(ctx context.Context, file string) error {
	snapshot, err := sqlite.OpenSnapshot(ctx, l.settings.source, 1, slog.New(slog.DiscardHandler))
	if err != nil {
		return err
	}
	defer func() { _ = snapshot.Close() }() // only read
	rows, err := snapshot.Reader(0).Query(ctx, searchQuery)
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	var text []byte
	escape := strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\r", `\r`, "\t", `\t`, "\x00", " ")
	for {
		more, err := rows.Next()
		if err != nil {
			return err
		}
		if !more {
			return os.WriteFile(file, text, 0o600)
		}
		for column := range 7 {
			if column > 0 {
				text = append(text, '\t')
			}
			switch rows.Type(column) {
			case sqlite.Null:
				text = append(text, `\N`...)
			case sqlite.Integer:
				text = fmt.Append(text, rows.Int64(column))
			default:
				text = append(text, escape.Replace(string(rows.Append(column, nil)))...)
			}
		}
		text = append(text, '\n')
	}
}

// load loads everything into a fresh database and returns what it took.
func (l *limit) load(ctx context.Context) (result, error) {
	if err := prepare(ctx, l.postgres, "lim"); err != nil {
		return result{}, err
	}
	if err := l.strip(ctx); err != nil {
		return result{}, err
	}
	if err := checkpoint(ctx, l.postgres); err != nil {
		return result{}, err
	}
	l.cpu = 0
	before, begun := serverCPU(l.postgres), time.Now()
	for _, statements := range [][][]string{l.copies(), l.indexes(), l.constraints(), l.foreignKeys(), l.analyze()} {
		if err := l.both(ctx, statements); err != nil {
			return result{}, err
		}
	}
	seconds := time.Since(begun).Seconds()
	if err := settled(ctx, l.postgres, "lim"); err != nil {
		return result{}, err
	}
	return result{seconds: seconds, cpu: serverCPU(l.postgres) - before + l.cpu}, nil
}

// strip takes indexes, foreign keys, triggers and seed rows away.
func (l *limit) strip(ctx context.Context) error {
	conn, err := connect(ctx, l.postgres, "lim")
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	var script strings.Builder
	for _, key := range l.schema.ForeignKeys {
		fmt.Fprintf(&script, "ALTER TABLE %s DROP CONSTRAINT %s;\n", quote(key.Table), quote(key.Name))
	}
	for _, table := range l.schema.Tables {
		fmt.Fprintf(&script, "TRUNCATE %[1]s;\nALTER TABLE %[1]s DISABLE TRIGGER USER;\n", quote(table.Name))
		for _, index := range table.Indexes {
			if index.Constraint != nil {
				fmt.Fprintf(&script, "ALTER TABLE %s DROP CONSTRAINT %s;\n", quote(table.Name), quote(index.Constraint.Name))
			} else {
				fmt.Fprintf(&script, "DROP INDEX %s;\n", quote(index.Name))
			}
		}
	}
	_, err = conn.Exec(ctx, script.String())
	return err
}

func quote(name string) string { return postgres.QuoteIdentifier(name) }

// halves divides weighed statements so that two psql are done at about the same time.
type halves struct {
	statements [2][]string
	weights    [2]int64
}

func (h *halves) add(weight int64, statement string) {
	side := 0
	if h.weights[1] < h.weights[0] {
		side = 1
	}
	h.statements[side] = append(h.statements[side], statement)
	h.weights[side] += weight
}

func (l *limit) copies() [][]string {
	var h halves
	for _, table := range l.tables {
		if table.table.Name != homeserver.EventSearchTable {
			h.add(table.bytes, fmt.Sprintf(`\copy %s from '%s'`, quote(table.table.Name), table.file))
			continue
		}
		// to_tsvector takes about as long as copying four times as many bytes
		h.add(table.bytes*5, fmt.Sprintf(`CREATE TEMP TABLE stage (event_id text, room_id text, sender text, key text, value text, ots bigint, so bigint);
\copy stage from '%s'
INSERT INTO event_search (event_id, room_id, sender, key, vector, origin_server_ts, stream_ordering)
SELECT event_id, room_id, sender, key, to_tsvector('english', value), ots, so FROM stage;`, table.file))
	}
	return h.statements[:]
}

func (l *limit) indexes() [][]string {
	var h halves
	for _, table := range l.tables {
		for _, index := range table.table.Indexes {
			h.add(table.bytes, index.Definition+";")
		}
	}
	for _, table := range l.schema.Tables {
		if !slices.ContainsFunc(l.tables, func(e exported) bool { return e.table == table }) {
			for _, index := range table.Indexes {
				h.add(0, index.Definition+";")
			}
		}
	}
	return h.statements[:]
}

func (l *limit) constraints() [][]string {
	var statements []string
	for _, table := range l.schema.Tables {
		for _, index := range table.Indexes {
			if index.Constraint == nil {
				continue
			}
			kind := "UNIQUE"
			if index.Constraint.Primary {
				kind = "PRIMARY KEY"
			}
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s USING INDEX %s;",
				quote(table.Name), quote(index.Constraint.Name), kind, quote(index.Name)))
		}
	}
	return [][]string{statements}
}

func (l *limit) foreignKeys() [][]string {
	var statements []string
	for _, key := range l.schema.ForeignKeys {
		statements = append(statements, fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s;", quote(key.Table), quote(key.Name), key.Definition))
	}
	return [][]string{statements}
}

func (l *limit) analyze() [][]string {
	var h halves
	for _, table := range l.tables {
		h.add(table.bytes, "ANALYZE "+quote(table.table.Name)+";")
	}
	return h.statements[:]
}

// both runs lists of statements, each by a psql of its own, at the same time. The settings are those of the port.
func (l *limit) both(ctx context.Context, lists [][]string) error {
	errs, used := make([]error, len(lists)), make([]float64, len(lists))
	var group sync.WaitGroup
	for i, statements := range lists {
		group.Go(func() {
			script := "SET synchronous_commit = off;\nSET maintenance_work_mem = '128MB';\n" + strings.Join(statements, "\n") + "\n"
			command := exec.CommandContext(ctx, l.postgres.Bin("psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1",
				"-d", l.postgres.DSN("lim", role), "-f", "-")
			command.Stdin = strings.NewReader(script)
			if output, err := command.CombinedOutput(); err != nil {
				errs[i] = fmt.Errorf("psql: %w\n%s", err, output)
				return
			}
			used[i] = command.ProcessState.UserTime().Seconds() + command.ProcessState.SystemTime().Seconds()
		})
	}
	group.Wait()
	for _, seconds := range used {
		l.cpu += seconds
	}
	return errors.Join(errs...)
}
