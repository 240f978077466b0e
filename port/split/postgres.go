package split

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/port/checksum"
)

// workerSettings are those of the sessions that copy. What a crash of the server loses is copied anew; the transaction that
// takes the guard away waits for the disk, and all before it is there then too.
var workerSettings = map[string]string{
	"statement_timeout":                   "0",
	"lock_timeout":                        "30s",
	"idle_in_transaction_session_timeout": "0",
	"synchronous_commit":                  "off",
	"default_transaction_isolation":       "read committed",
	"client_min_messages":                 "warning",
	"maintenance_work_mem":                "128MB",
	"application_name":                    "synapse schema split",
}

// lane is what one worker works with.
type lane struct {
	source *pgx.Conn // in a transaction on the snapshot that all share
	target *pgx.Conn
}

// lanes are all workers.
type lanes struct {
	keeper *pgx.Conn // its transaction has the snapshot
	all    []*lane
	source string // schemas
	target string
}

// part is a range of a table's pages; of the last one the end is open.
type part struct {
	table       string
	columns     string // quoted
	first, last int64  // pages, last not among them; 0 for an open end
	bytes       int64
}

// partPages are how many pages of a table are copied by one COPY.
const partPages = 2048

func (r *run) splitPostgres(ctx context.Context) (err error) {
	r.meter.Enter(PhasePrepare, 0)
	catalog, err := r.from.Describe(ctx)
	if err != nil {
		return err
	}
	if err := r.prepare(ctx, catalog); err != nil {
		return err
	}
	if err := r.setAside(ctx); err != nil {
		return err
	}
	workers, err := r.openLanes(ctx)
	defer func() { err = errors.Join(err, workers.close()) }()
	if err != nil {
		return err
	}
	if err := r.copyRows(ctx, workers, catalog); err != nil {
		return err
	}
	if err := r.buildIndexes(ctx, workers); err != nil {
		return err
	}
	if err := r.analyze(ctx, workers); err != nil {
		return err
	}
	if err := r.setSequences(ctx, workers); err != nil {
		return err
	}
	if err := r.verifyPostgres(ctx, workers, catalog); err != nil {
		return err
	}
	return r.finishPostgres(ctx, workers)
}

// finishPostgres makes sure that no server has come meanwhile, which would go on to write into the source.
func (r *run) finishPostgres(ctx context.Context, workers *lanes) error {
	r.meter.Enter(PhaseFinish, 0)
	if err := workers.close(); err != nil {
		return err
	}
	sessions, err := others(ctx, r.from)
	if err != nil {
		return err
	}
	if len(sessions) > 0 {
		return &MismatchError{Differences: []string{"while it was copied, others have connected to the source: " + sessions[0]}}
	}
	return r.open(ctx)
}

func (r *run) openLanes(ctx context.Context) (*lanes, error) {
	made := &lanes{}
	var err error
	if made.keeper, err = r.options.Source.Postgres.Connect(ctx, workerSettings); err != nil {
		return made, err
	}
	for range r.options.Workers {
		opened := &lane{}
		made.all = append(made.all, opened)
		if opened.source, err = r.options.Source.Postgres.Connect(ctx, workerSettings); err != nil {
			return made, err
		}
		if opened.target, err = r.options.Target.Postgres.Connect(ctx, workerSettings); err != nil {
			return made, err
		}
	}
	const schemaSQL = "SELECT current_schema()"
	return made, errors.Join(
		made.keeper.QueryRow(ctx, schemaSQL).Scan(&made.source),
		made.all[0].target.QueryRow(ctx, schemaSQL).Scan(&made.target))
}

// close ends all sessions; nothing is pending on them.
func (l *lanes) close() error {
	if l == nil {
		return nil
	}
	connections := []*pgx.Conn{l.keeper}
	for _, one := range l.all {
		connections = append(connections, one.source, one.target)
	}
	l.keeper, l.all = nil, nil
	for _, connection := range connections {
		if connection == nil {
			continue
		}
		_ = connection.Close(context.Background())
		<-connection.PgConn().CleanupDone() // what was interrupted has ended then
	}
	return nil
}

// share puts all workers onto one new snapshot of the source.
func (l *lanes) share(ctx context.Context) error {
	const begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
	var snapshot string
	for _, connection := range l.sources() {
		if _, err := connection.Exec(ctx, "ROLLBACK"); err != nil { // a warning when there is no transaction
			return err
		}
	}
	if _, err := l.keeper.Exec(ctx, begin); err != nil {
		return err
	}
	if err := l.keeper.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&snapshot); err != nil {
		return fmt.Errorf("share a snapshot of the source: %w", err)
	}
	for _, one := range l.all {
		if _, err := one.source.Exec(ctx, begin); err != nil {
			return err
		}
		if _, err := one.source.Exec(ctx, "SET TRANSACTION SNAPSHOT "+postgres.QuoteLiteral(snapshot)); err != nil {
			return fmt.Errorf("take part in the snapshot of the source: %w", err)
		}
	}
	return nil
}

func (l *lanes) sources() []*pgx.Conn {
	connections := []*pgx.Conn{l.keeper}
	for _, one := range l.all {
		connections = append(connections, one.source)
	}
	return connections
}

// parts cuts the tables into ranges of pages.
func (r *run) parts(ctx context.Context, on *pgx.Conn, schema string, catalog *engine.Catalog) (parts []part, total int64, err error) {
	const sizes = "SELECT pg_relation_size($1::text::regclass), current_setting('block_size')::bigint"
	for _, table := range r.state.names {
		var bytes, page int64
		if err := on.QueryRow(ctx, sizes, inSchema(schema, table)).Scan(&bytes, &page); err != nil {
			return nil, 0, fmt.Errorf("table %s: %w", table, err)
		}
		columns := quoteAll(columnsOf(catalog, table), postgres.QuoteIdentifier)
		pages := bytes / page
		total += bytes
		for first := int64(0); ; first += partPages {
			if first+partPages >= pages {
				parts = append(parts, part{table: table, columns: columns, first: first, bytes: bytes - first*page})
				break
			}
			parts = append(parts, part{table: table, columns: columns, first: first, last: first + partPages, bytes: partPages * page})
		}
	}
	return parts, total, nil
}

func inSchema(schema, name string) string {
	return postgres.QuoteIdentifier(schema) + "." + postgres.QuoteIdentifier(name)
}

// query gives the rows of a part, in COPY's binary form.
func (p part) query(schema string) string {
	where := ""
	if p.first > 0 || p.last > 0 {
		where = fmt.Sprintf(" WHERE ctid >= '(%d,0)'::tid", p.first)
	}
	if p.last > 0 {
		where += fmt.Sprintf(" AND ctid < '(%d,0)'::tid", p.last)
	}
	return fmt.Sprintf("COPY (SELECT %s FROM %s%s) TO STDOUT (FORMAT binary)", p.columns, inSchema(schema, p.table), where)
}

// spread has the workers do all parts.
func (l *lanes) spread(ctx context.Context, parts []part, work func(context.Context, *lane, part) error) error {
	queue := make(chan part, len(parts))
	for _, one := range parts {
		queue <- one
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for _, worker := range l.all {
		group.Go(func() error {
			for one := range queue {
				if err := work(ctx, worker, one); err != nil {
					return fmt.Errorf("table %s: %w", one.table, err)
				}
			}
			return nil
		})
	}
	return group.Wait()
}

func (r *run) copyRows(ctx context.Context, workers *lanes, catalog *engine.Catalog) error {
	if err := workers.share(ctx); err != nil {
		return err
	}
	parts, total, err := r.parts(ctx, workers.keeper, workers.source, catalog)
	if err != nil {
		return err
	}
	r.meter.Enter(PhaseCopy, total)
	err = workers.spread(ctx, parts, func(ctx context.Context, on *lane, one part) error {
		if err := on.copy(ctx, one, workers); err != nil {
			return err
		}
		r.meter.Add(one.bytes)
		return nil
	})
	if err != nil {
		return fmt.Errorf("copy: %w", err)
	}
	return nil
}

func (r *run) analyze(ctx context.Context, workers *lanes) error {
	for _, table := range r.state.names {
		if _, err := workers.all[0].target.Exec(ctx, "ANALYZE "+inSchema(workers.target, table)); err != nil {
			return fmt.Errorf("analyze table %s: %w", table, err)
		}
	}
	return nil
}

// copy passes a part's rows on as they come.
func (l *lane) copy(ctx context.Context, one part, schemas *lanes) error {
	reader, writer := io.Pipe()
	var out int64
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		tag, err := l.source.PgConn().CopyTo(ctx, writer, one.query(schemas.source))
		out = tag.RowsAffected()
		_ = writer.CloseWithError(err) // a pipe's never fails; nil is the end
		return err
	})
	var in int64
	group.Go(func() error {
		query := fmt.Sprintf("COPY %s (%s) FROM STDIN (FORMAT binary)", inSchema(schemas.target, one.table), one.columns)
		tag, err := l.target.PgConn().CopyFrom(ctx, reader, query)
		in = tag.RowsAffected()
		_ = reader.CloseWithError(errors.Join(err, io.ErrClosedPipe))
		return err
	})
	if err := group.Wait(); err != nil {
		return err
	}
	if in != out {
		return fmt.Errorf("%d rows were read and %d written", out, in)
	}
	return nil
}

// verifyPostgres reads both sides again, the source as it is now.
func (r *run) verifyPostgres(ctx context.Context, workers *lanes, catalog *engine.Catalog) error {
	if err := workers.share(ctx); err != nil {
		return err
	}
	source, sourceBytes, err := r.parts(ctx, workers.keeper, workers.source, catalog)
	if err != nil {
		return err
	}
	target, targetBytes, err := r.parts(ctx, workers.all[0].target, workers.target, catalog)
	if err != nil {
		return err
	}
	r.meter.Enter(PhaseVerify, sourceBytes+targetBytes)
	sums := newSums(r.state.names)
	for _, side := range []struct {
		parts  []part
		schema string
		sums   *tableSums
		conn   func(*lane) *pgx.Conn
	}{
		{source, workers.source, &sums.source, func(l *lane) *pgx.Conn { return l.source }},
		{target, workers.target, &sums.target, func(l *lane) *pgx.Conn { return l.target }},
	} {
		err := workers.spread(ctx, side.parts, func(ctx context.Context, on *lane, one part) error {
			sum, err := sumOf(ctx, side.conn(on), one.query(side.schema))
			side.sums.add(one.table, sum)
			r.meter.Add(one.bytes)
			return err
		})
		if err != nil {
			return fmt.Errorf("verify: %w", err)
		}
	}
	behind, err := r.verifySequences(ctx, workers)
	if err != nil {
		return err
	}
	return r.compare(sums, behind)
}

func sumOf(ctx context.Context, on *pgx.Conn, query string) (checksum.Sum, error) {
	var sum checksum.Sum
	splitter := &copybinary.Splitter{Row: func(fields []byte) error {
		sum.AddRow(fields)
		return nil
	}}
	_, err := on.PgConn().CopyTo(ctx, splitter, query)
	if err == nil && !splitter.Complete() {
		err = errors.New("the server ended its COPY early")
	}
	return sum, err
}
