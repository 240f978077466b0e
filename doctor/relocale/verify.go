package relocale

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/engine/postgres/copybinary"
	"github.com/synapsedb/synapse/internal/pgprogram"
	"github.com/synapsedb/synapse/port/checksum"
)

// table is one that holds rows.
type table struct {
	name    string // qualified and quoted
	columns string // quoted; those whose binary form may hold numbers of the catalog as text
	bytes   int64
}

// tablesSQL leaves out columns that are computed from others, which a locale may change. Types that are not the server's own, and names
// of the catalog's things, are compared as text: their binary form may hold numbers that differ between databases.
const tablesSQL = `SELECT format('%I.%I', n.nspname, c.relname), coalesce(string_agg(
    CASE WHEN a.atttypid >= 16384 OR format_type(a.atttypid, NULL) LIKE 'reg%' THEN format('%I::text', a.attname) ELSE quote_ident(a.attname) END,
    ', ' ORDER BY a.attnum), ''), pg_table_size(c.oid)
FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND coalesce(to_jsonb(a)->>'attgenerated', '') = ''
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND c.relispopulated AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
GROUP BY c.oid, n.nspname, c.relname ORDER BY 3 DESC, 1`

// largeObjects is the catalog that holds them, which is compared as a table.
const largeObjects = "pg_catalog.pg_largeobject"

// largeObjectsSQL reads them by pieces of 1 MB, at least one of each, with their owners. The catalog itself may be read by superusers only; 262144 is INV_READ.
const largeObjectsSQL = `SELECT m.oid, pg_get_userbyid(m.lomowner), piece, lo_get(m.oid, piece << 20, 1 << 20) FROM pg_largeobject_metadata AS m,
    generate_series(0, greatest(lo_lseek64(lo_open(m.oid, 262144), 0, 2) - 1, 0) >> 20) AS piece`

// tablesOf lists what holds rows, the large objects last.
func tablesOf(ctx context.Context, on *pgx.Conn) ([]table, error) {
	rows, err := on.Query(ctx, tablesSQL)
	if err != nil {
		return nil, fmt.Errorf("list the tables: %w", err)
	}
	tables, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (t table, err error) {
		return t, row.Scan(&t.name, &t.columns, &t.bytes)
	})
	objects := table{name: largeObjects}
	if err == nil {
		err = on.QueryRow(ctx, "SELECT pg_table_size('"+largeObjects+"')").Scan(&objects.bytes)
	}
	return append(tables, objects), err
}

// query reads all rows.
func (t table) query() string {
	if t.name == largeObjects {
		return largeObjectsSQL
	}
	return fmt.Sprintf("SELECT %s FROM ONLY %s", t.columns, t.name)
}

// side is one of both databases, while they are compared.
type side struct {
	sessions []*pgx.Conn
	tables   []table
	mutex    sync.Mutex
	sums     map[string]checksum.Sum
}

func (s *side) set(name string, sum checksum.Sum) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.sums[name] = sum
}

// verify reads both databases. The old one is read as it is now, which is later than the dump: whatever was written to it meanwhile, in
// spite of all, makes a difference.
func (r *run) verify(ctx context.Context) (err error) {
	target, err := r.openWork(ctx)
	defer func() {
		for _, session := range target {
			closeNow(session)
		}
	}()
	if err != nil {
		return err
	}
	from, to := &side{sessions: r.readers, sums: map[string]checksum.Sum{}}, &side{sessions: target, sums: map[string]checksum.Sum{}}
	if err := r.readSides(ctx, from, to); err != nil {
		return err
	}
	differences := r.compareSums(from, to)
	for _, compare := range []func(context.Context, *pgx.Conn, *pgx.Conn) ([]string, error){r.compareSequences, r.compareDefinitions, r.invalidIndexes} {
		found, err := compare(ctx, from.sessions[0], to.sessions[0])
		if err != nil {
			return err
		}
		differences = append(differences, found...)
	}
	if len(differences) > 0 {
		return &MismatchError{Differences: differences}
	}
	return nil
}

func (r *run) openWork(ctx context.Context) (sessions []*pgx.Conn, err error) {
	config, err := r.work()
	for err == nil && len(sessions) < len(r.readers) {
		var session *pgx.Conn
		if session, err = connect(ctx, config, map[string]string{"default_transaction_read_only": "on"}); err == nil {
			sessions = append(sessions, session)
		}
	}
	return sessions, err
}

// readSides reads one side after the other: both are on one server, whose disk and memory they share.
func (r *run) readSides(ctx context.Context, from, to *side) (err error) {
	var total int64
	for _, one := range []*side{from, to} {
		if one.tables, err = tablesOf(ctx, one.sessions[0]); err != nil {
			return err
		}
		for _, t := range one.tables {
			total += t.bytes
		}
	}
	r.meter.Enter(PhaseVerify, total)
	for _, one := range []*side{from, to} {
		if err := r.readSide(ctx, one); err != nil {
			return err
		}
	}
	return nil
}

// readSide has the sessions read the tables, the largest first.
func (r *run) readSide(ctx context.Context, one *side) error {
	queue := make(chan table, len(one.tables))
	for _, t := range one.tables {
		queue <- t
	}
	close(queue)
	group, ctx := errgroup.WithContext(ctx)
	for _, session := range one.sessions {
		group.Go(func() error {
			for t := range queue {
				sum, err := t.sum(ctx, session)
				if err != nil {
					return fmt.Errorf("read table %s: %w", t.name, err)
				}
				one.set(t.name, sum)
				r.meter.Add(t.bytes)
			}
			return nil
		})
	}
	return group.Wait()
}

// sum adds up all rows.
func (t table) sum(ctx context.Context, on *pgx.Conn) (sum checksum.Sum, err error) {
	splitter := &copybinary.Splitter{Row: func(fields []byte) error {
		sum.AddRow(fields)
		return nil
	}}
	_, err = on.PgConn().CopyTo(ctx, splitter, "COPY ("+t.query()+") TO STDOUT (FORMAT binary)")
	if err == nil && !splitter.Complete() {
		err = errors.New("the server ended its COPY early")
	}
	return sum, err
}

func (r *run) compareSums(from, to *side) (differences []string) {
	slices.SortFunc(from.tables, func(a, b table) int { return strings.Compare(a.name, b.name) })
	for _, t := range from.tables {
		sum, there := to.sums[t.name]
		at := slices.IndexFunc(to.tables, func(other table) bool { return other.name == t.name })
		switch {
		case !there:
			differences = append(differences, "table "+t.name+" is missing in the new one")
		case to.tables[at].columns != t.columns:
			differences = append(differences, fmt.Sprintf("table %s has the columns %s in the old one, and %s in the new one", t.name, t.columns, to.tables[at].columns))
		case t.name == largeObjects && from.sums[t.name] == sum && sum.Rows == 0: // as a homeserver's database has none
		default:
			if difference := r.report.add(t.name, from.sums[t.name], sum); difference != "" {
				differences = append(differences, difference)
			}
		}
		delete(to.sums, t.name)
	}
	for name := range to.sums {
		differences = append(differences, "table "+name+" is in the new one only")
	}
	return differences
}

const sequencesSQL = `SELECT format('%I.%I', n.nspname, c.relname) FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'S' AND c.relpersistence <> 't' ORDER BY 1`

// sequencesOf gives where each sequence stands.
func sequencesOf(ctx context.Context, on *pgx.Conn) (map[string]string, error) {
	rows, err := on.Query(ctx, sequencesSQL)
	if err != nil {
		return nil, err
	}
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		return nil, err
	}
	states := map[string]string{}
	for _, name := range names {
		var state string
		if err := on.QueryRow(ctx, "SELECT format('%s, %s', last_value, is_called) FROM "+name).Scan(&state); err != nil {
			return nil, fmt.Errorf("read the sequence %s: %w", name, err)
		}
		states[name] = state
	}
	return states, nil
}

func (r *run) compareSequences(ctx context.Context, from, to *pgx.Conn) (differences []string, err error) {
	old, err := sequencesOf(ctx, from)
	if err != nil {
		return nil, err
	}
	now, err := sequencesOf(ctx, to)
	if err != nil {
		return nil, err
	}
	r.report.Sequences = len(now)
	for name, state := range old {
		if now[name] != state {
			differences = append(differences, fmt.Sprintf("sequence %s stands at (%s) in the old one, and at (%s) in the new one", name, state, now[name]))
		}
	}
	slices.Sort(differences)
	return differences, nil
}

// mostDifferences is how many lines that differ are shown.
const mostDifferences = 10

// compareDefinitions compares all that is no row, in the words of pg_dump: columns, defaults, indexes, constraints, triggers, owners,
// privileges, comments. Both go through pg_restore, so that both are written alike. Their order says nothing.
func (r *run) compareDefinitions(ctx context.Context, _, _ *pgx.Conn) ([]string, error) {
	old, err := r.definitions(ctx, r.archive())
	if err != nil {
		return nil, err
	}
	config, err := r.work()
	if err != nil {
		return nil, err
	}
	again := filepath.Join(r.made.marker.Folder, "definitions")
	dumping := pgprogram.New(ctx, r.options.PgDump, "--format=directory", "--schema-only", "--no-sync", "--file="+again)
	if err := dumping.On(config, r.dumpName()); err != nil {
		return nil, err
	}
	if err := dumping.Run(); err != nil {
		return nil, err
	}
	now, err := r.definitions(ctx, again)
	if err != nil {
		return nil, err
	}
	r.report.Definitions = len(now)
	return differentLines(old, now), nil
}

// definitions are the lines of SQL that make everything but rows, sorted.
func (r *run) definitions(ctx context.Context, archive string) (lines []string, err error) {
	reading := pgprogram.New(ctx, r.options.PgRestore, "--schema-only", "--format=directory", "--file=-", archive)
	if err := reading.Run(); err != nil {
		return nil, err
	}
	for line := range strings.SplitSeq(reading.Output(), "\n") {
		if line = strings.TrimSpace(line); defines(line) {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return lines, nil
}

// defines reports whether a line says something of the database. The name behind \restrict is made by chance, and a view's rows, which are
// compared as rows, are in a dump that has rows only.
func defines(line string) bool {
	rows := strings.HasPrefix(line, "REFRESH MATERIALIZED VIEW ") || strings.Contains(line, "; Type: MATERIALIZED VIEW DATA; ")
	return line != "" && line != "--" && !strings.HasPrefix(line, `\`) && !rows
}

// differentLines lists what only one of two sorted lists has.
func differentLines(old, now []string) (differences []string) {
	for len(old) > 0 || len(now) > 0 {
		switch {
		case len(now) == 0 || len(old) > 0 && old[0] < now[0]:
			differences, old = append(differences, "only the old one has: "+old[0]), old[1:]
		case len(old) == 0 || now[0] < old[0]:
			differences, now = append(differences, "only the new one has: "+now[0]), now[1:]
		default:
			old, now = old[1:], now[1:]
		}
		if len(differences) == mostDifferences {
			return append(differences, "and more")
		}
	}
	return differences
}

// invalidIndexes looks that every index of the new database can be used.
func (r *run) invalidIndexes(ctx context.Context, _, to *pgx.Conn) (differences []string, err error) {
	const query = "SELECT format('index %s of the new one is not valid', indexrelid::regclass) FROM pg_index WHERE NOT indisvalid AND indexrelid >= 16384 ORDER BY 1"
	rows, err := to.Query(ctx, query)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}
