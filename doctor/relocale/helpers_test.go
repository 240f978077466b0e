package relocale_test

import (
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/homeserver"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
	"github.com/synapsedb/synapse/schema"
)

func TestMain(m *testing.M) {
	dbtest.PlayProcess[moveProcess](processVariable)
	dbtest.Main(m, dbtest.NoLeaks())
}

// unsafe is a locale that every system has and no homeserver wants.
const unsafe = "C.UTF-8"

func unsafeLocale(options *server.DatabaseOptions) { options.Locale = unsafe }

// scene is a homeserver's database with the wrong locale, and what it is to be moved to.
type scene struct {
	t        testing.TB
	server   *server.Postgres
	database *dbtest.Database
	to       string
	folder   string
	super    map[string]any // how a superuser connects
}

func newScene(t testing.TB) *scene {
	t.Helper()
	s := &scene{t: t, server: dbtest.Postgres(t), database: dbtest.NewDatabase(t, unsafeLocale), folder: t.TempDir()}
	s.to = s.database.Name + "_c"
	s.super = superuser(t, s.database.SuperuserDSN)
	t.Cleanup(s.dropMade)
	return s
}

// superuser gives a superuser's arguments.
func superuser(t testing.TB, dsn string) map[string]any {
	t.Helper()
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		t.Fatal(err)
	}
	return map[string]any{"host": config.Host, "port": int(config.Port), "user": config.User, "password": config.Password, "dbname": config.Database}
}

// dropMade drops what was made of the database, so that its owner can be dropped.
func (s *scene) dropMade() {
	ctx := context.Background()
	conn := s.beside(ctx)
	defer func() { _ = conn.Close(ctx) }()
	names := append(s.unfinished(ctx, conn), s.to)
	for _, name := range names {
		if _, err := conn.Exec(ctx, "DROP DATABASE IF EXISTS "+postgres.QuoteIdentifier(name)+" WITH (FORCE)"); err != nil {
			s.t.Error(err)
		}
	}
}

func (s *scene) unfinished(ctx context.Context, conn *pgx.Conn) []string {
	rows, _ := conn.Query(ctx, `SELECT w.datname FROM pg_database AS d JOIN pg_database AS w ON w.datname LIKE 'synapse-relocale-' || d.oid || '-%' WHERE d.datname = $1`, s.database.Name)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		s.t.Error(err)
	}
	return names
}

// beside connects as a superuser to another database.
func (s *scene) beside(ctx context.Context) *pgx.Conn {
	conn, err := s.server.Connect(ctx, "postgres")
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

func parse(t testing.TB, args map[string]any) *postgres.Config {
	t.Helper()
	config, _, err := postgres.ParseArgs(args)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// options move the database as a superuser.
func (s *scene) options() relocale.Options {
	return relocale.Options{
		Database: parse(s.t, s.database.Config), As: parse(s.t, s.super), To: s.to, Folder: s.folder,
		PgDump: s.server.Bin("pg_dump"), PgRestore: s.server.Bin("pg_restore"),
	}
}

// in runs statements in a database as a superuser, one at a time.
func (s *scene) in(name string, statements ...string) {
	s.t.Helper()
	ctx := context.Background()
	conn, err := s.server.Connect(ctx, name)
	if err != nil {
		s.t.Fatal(err)
	}
	for _, statement := range statements {
		if _, err := conn.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
			s.t.Fatalf("%s: %v", statement, err)
		}
	}
	s.end(conn)
}

// end closes a connection, and waits until the server knows.
func (s *scene) end(conn *pgx.Conn) {
	s.t.Helper()
	ctx := context.Background()
	if err := conn.Close(ctx); err != nil {
		s.t.Fatal(err)
	}
}

// text asks for one value, in a database.
func (s *scene) text(name, query string) (value string) {
	s.t.Helper()
	ctx := context.Background()
	conn, err := s.server.Connect(ctx, name)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := conn.QueryRow(ctx, query).Scan(&value); err != nil {
		s.t.Fatalf("%s: %v", query, err)
	}
	s.end(conn)
	return value
}

// fill creates the tables of a homeserver with some rows, as the owner.
func (s *scene) fill() {
	s.t.Helper()
	set, err := homeserver.Set()
	if err != nil {
		s.t.Fatal(err)
	}
	session, err := parse(s.t, s.database.Config).OpenSession(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	config := homeserver.Config{ServerName: "demo.test", AllowUnsafeLocale: true}
	_, err = schema.Prepare(s.t.Context(), session, set, schema.Options{Config: config})
	if err == nil {
		_, err = session.Exec(s.t.Context(), "INSERT INTO state_groups (id, room_id, event_id) SELECT i, '!room' || (i % 7), '$é' || i FROM generate_series(1, 2000) AS i")
	}
	if err := errors.Join(err, session.Close()); err != nil {
		s.t.Fatal(err)
	}
}

// fillSmall makes a few tables of the owner's, which are enough where only the way is looked at.
func (s *scene) fillSmall() {
	s.t.Helper()
	s.in(s.database.Name, "SET ROLE "+postgres.QuoteIdentifier(s.database.Owner), `CREATE SEQUENCE state_group_id_seq;
		CREATE TABLE state_groups (id bigint PRIMARY KEY DEFAULT nextval('state_group_id_seq'), room_id text NOT NULL, event_id text NOT NULL);
		CREATE TABLE state_group_edges (state_group bigint NOT NULL REFERENCES state_groups (id), prev_state_group bigint NOT NULL);
		CREATE UNIQUE INDEX state_groups_event ON state_groups (event_id);
		INSERT INTO state_groups (room_id, event_id) SELECT '!room' || (i % 7), '$é' || i FROM generate_series(1, 5000) AS i;
		INSERT INTO state_group_edges SELECT i, i - 1 FROM generate_series(2, 5000) AS i`)
}

func (s *scene) mustRun(options relocale.Options) *relocale.Report {
	s.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	report, err := relocale.Run(ctx, options)
	if err != nil {
		s.t.Fatal(err)
	}
	return report
}

// refused expects that a move is refused for one reason, or several of one kind.
func (s *scene) refused(options relocale.Options, want relocale.ProblemID) *relocale.RefusedError {
	s.t.Helper()
	report, err := relocale.Run(context.Background(), options)
	refused, isRefused := errors.AsType[*relocale.RefusedError](err)
	if !isRefused || slices.ContainsFunc(refused.Problems, func(p relocale.Problem) bool { return p.ID != want }) {
		s.t.Fatalf("got %v, want a refusal for %s", err, want)
	}
	if report.Result != relocale.Refused || len(report.Problems) == 0 {
		s.t.Errorf("the report is %+v", report)
	}
	return refused
}

// untouched expects that the old database is open, and that nothing is left of an attempt.
func (s *scene) untouched() {
	s.t.Helper()
	ctx := context.Background()
	conn := s.beside(ctx)
	defer s.end(conn)
	if left := s.unfinished(ctx, conn); len(left) > 0 {
		s.t.Errorf("%v were not dropped", left)
	}
	if !s.isOpen() {
		s.t.Error("the old database accepts no connections")
	}
	if s.exists(s.to) {
		s.t.Error("the new database is there")
	}
	s.noFiles()
}

func (s *scene) noFiles() {
	s.t.Helper()
	entries, err := os.ReadDir(s.folder)
	if err != nil || len(entries) > 0 {
		s.t.Errorf("the dump was left: %v, %v", entries, err)
	}
}

func (s *scene) isOpen() bool {
	s.t.Helper()
	return s.text("postgres", "SELECT datallowconn::text FROM pg_database WHERE datname = "+postgres.QuoteLiteral(s.database.Name)) == "true"
}

func (s *scene) exists(name string) bool {
	s.t.Helper()
	return s.text("postgres", "SELECT EXISTS (SELECT FROM pg_database WHERE datname = "+postgres.QuoteLiteral(name)+")::text") == "true"
}

// rowsOf reads all tables of a database as text, by their own order of bytes.
func (s *scene) rowsOf(name string) string {
	s.t.Helper()
	tables := s.text(name, `SELECT coalesce(string_agg(format('%I.%I', nspname, relname), E'\n' ORDER BY nspname COLLATE "C", relname COLLATE "C"), '')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relkind IN ('r', 'm') AND nspname NOT LIKE 'pg\_%' AND nspname <> 'information_schema'`)
	var all strings.Builder
	for table := range strings.SplitSeq(tables, "\n") {
		all.WriteString(table + "\n" + s.text(name, `SELECT coalesce(string_agg(t::text, E'\n' ORDER BY t::text COLLATE "C"), '') FROM `+table+" AS t") + "\n")
	}
	return all.String()
}

// moved expects that the new database has C and all rows, and the old one is closed and has them, too.
func (s *scene) moved(before string) {
	s.t.Helper()
	if got := s.text(s.to, "SELECT datcollate || ' ' || datctype || ' ' || pg_encoding_to_char(encoding) || ' ' || datallowconn FROM pg_database WHERE datname = current_database()"); got != "C C UTF8 true" {
		s.t.Errorf("the new database is %s", got)
	}
	if diff := cmp.Diff(before, s.rowsOf(s.to)); diff != "" {
		s.t.Errorf("rows (-old +new):\n%s", diff)
	}
	if s.isOpen() {
		s.t.Error("the old database accepts connections")
	}
	ctx := context.Background()
	conn := s.beside(ctx)
	defer s.end(conn)
	if left := s.unfinished(ctx, conn); len(left) > 0 {
		s.t.Errorf("%v were not dropped", left)
	}
	s.noFiles()
}
