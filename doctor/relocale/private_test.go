package relocale_test

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/doctor/relocale"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// What locks the catalogs of the whole server, or needs a server with other settings, has one of its own, so that no other test waits.
func TestOnAServerOfItsOwn(t *testing.T) {
	t.Parallel()
	settings := map[string]string{"max_prepared_transactions": "2", "wal_level": "logical"}
	private := dbtest.StartPostgres(t, server.PostgresOptions{Settings: settings})
	t.Run("pending things are refused", func(t *testing.T) { sceneOn(t, private, "pending").refusesPending() })
	for _, catalog := range []string{"pg_db_role_setting", "pg_authid"} { // the second one is read by the server's views, too
		t.Run("a dump that waits for itself is begun anew, "+catalog, func(t *testing.T) { sceneOn(t, private, "waits_"+catalog[3:]).waitsForItself(catalog) })
	}
	t.Run("the other remedy works", func(t *testing.T) { sceneOn(t, private, "remedy").remediesInPlace() })
}

// sceneOn makes the database on a server that is removed as a whole.
func sceneOn(t *testing.T, private *server.Postgres, name string) *scene {
	t.Helper()
	if err := private.CreateRole(t.Context(), name, "secret"); err != nil {
		t.Fatal(err)
	}
	if err := private.CreateDatabase(t.Context(), server.DatabaseOptions{Name: name, Owner: name, Locale: unsafe}); err != nil {
		t.Fatal(err)
	}
	database := &dbtest.Database{Name: name, Owner: name, Config: superuser(t, private.DSN(name, name))}
	return &scene{t: t, server: private, database: database, to: name + "_c", folder: t.TempDir(), super: superuser(t, private.DSN(name, private.Superuser()))}
}

// refusesPending has a prepared transaction and a replication slot pend, which no dump holds.
func (s *scene) refusesPending() {
	s.t.Helper()
	s.in(s.database.Name, "CREATE TABLE t (id integer)", "SELECT pg_create_logical_replication_slot('slot', 'test_decoding')",
		"BEGIN", "INSERT INTO t VALUES (1)", "PREPARE TRANSACTION 'it''s'")
	refused := s.refused(s.options(), relocale.SourcePending)
	for _, want := range []string{"prepared transaction 'it''s'", "replication slot slot"} {
		if !strings.Contains(refused.Error(), want) {
			s.t.Errorf("%q lacks %q", refused, want)
		}
	}
	s.in(s.database.Name, "SELECT pg_drop_replication_slot('slot')", "ROLLBACK PREPARED 'it''s'")
}

// waitsForItself has the indexes of a catalog that all databases share rebuilt again and again until the dump is begun anew. Each REINDEX
// waits for pg_dump's first session, which has read the catalog, and whoever connects, as pg_dump's other sessions do, waits for the REINDEX.
func (s *scene) waitsForItself(catalog string) {
	s.t.Helper()
	s.fillSmall()
	before := s.rowsOf(s.database.Name)
	conn := s.beside(context.Background())
	ctx, cancel := context.WithCancel(s.t.Context())
	anew := &listener{message: "begin the dump anew", heard: cancel}
	var group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	options := s.options()
	options.Log = slog.New(anew)
	options.Progress = func(progress relocale.Progress) {
		if progress.Phase == relocale.PhaseDump {
			group.Go(func() { s.rebuild(ctx, conn, catalog) })
		}
	}
	report := s.mustRun(options)
	if ctx.Err() == nil {
		s.t.Errorf("the dump has not waited: %+v", report)
	}
	s.moved(before)
}

func (s *scene) rebuild(ctx context.Context, conn *pgx.Conn, catalog string) {
	for ctx.Err() == nil {
		if _, err := conn.Exec(context.Background(), "REINDEX TABLE pg_catalog."+catalog); err != nil {
			s.t.Error(err)
			break
		}
	}
	s.end(conn)
}

// listener is a log that waits for a message.
type listener struct {
	message string
	heard   func()
}

func (*listener) Enabled(context.Context, slog.Level) bool { return true }

func (l *listener) Handle(_ context.Context, record slog.Record) error {
	if record.Message == l.message {
		l.heard()
	}
	return nil
}

func (l *listener) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *listener) WithGroup(string) slog.Handler { return l }

// remediesInPlace: the other way does what it says, on a sound database.
func (s *scene) remediesInPlace() {
	s.t.Helper()
	s.fill()
	options := s.options()
	options.Check = true
	report := s.mustRun(options)
	if report.Result != relocale.Clean || report.InPlace == nil {
		s.t.Fatalf("%+v", report)
	}
	for _, command := range report.InPlace.Commands {
		if !strings.HasPrefix(command, `\`) {
			s.in(s.database.Name, command)
		}
	}
	s.refused(options, relocale.LocaleIsC)
	session, err := options.Database.OpenSession(s.t.Context(), nil)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = session.Close() }()
	if _, err := postgres.CheckSession(s.t.Context(), engine.Querier(session), postgres.Rules{}); err != nil {
		s.t.Error(err)
	}
}
