package backup

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"regexp"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/pgprogram"
)

// postgresSource has pg_dump read the snapshot that a session of its own holds.
type postgresSource struct {
	database config.Database
	name     string
	session  engine.Session
	snapshot string
	server   *postgres.ServerInfo
}

func openPostgres(ctx context.Context, c *creation, database config.Database, name string) (source, error) {
	s := &postgresSource{database: database, name: name}
	var err error
	if s.session, err = database.Postgres.OpenSession(ctx, c.options.Log); err != nil {
		return nil, err
	}
	return s, s.explainLock(ctx, s.check(ctx, c))
}

func (s *postgresSource) check(ctx context.Context, c *creation) (err error) {
	if _, err := s.session.Exec(ctx, "SELECT set_config('lock_timeout', ?, false)", c.options.lockWait()); err != nil {
		return err
	}
	if s.server, err = postgres.CheckSession(ctx, s.session, postgres.Rules{AllowUnsafeLocale: true, AllowReadOnly: true}); err != nil {
		return err
	}
	if err := needProgram(ctx, c.options.PgDump, s.server); err != nil {
		return err
	}
	if err := c.endStale(ctx, s.session); err != nil {
		return err
	}
	if err := (&Database{}).describe(ctx, s.session, s.database); err != nil {
		return err
	}
	if err := s.leavable(ctx, c.options.LeaveOut); err != nil {
		return err
	}
	return s.space(ctx, c)
}

// needProgram refuses programs that are older than the server.
func needProgram(ctx context.Context, path string, server *postgres.ServerInfo) error {
	version, err := pgprogram.MajorVersion(ctx, path)
	if err != nil {
		return refuse(ProgramMissing, err.Error(), "install PostgreSQL's programs for clients")
	}
	if major := server.VersionNum / 10000; version < major {
		return refuse(ProgramMissing, fmt.Sprintf("%s is of PostgreSQL %d, and the server of %d", path, version, major),
			fmt.Sprintf("a dump needs the server's version or a later one: install postgresql-client-%d", major))
	}
	return nil
}

const staleSQL = `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = ? AND pid <> pg_backend_pid() AND usename = current_user`

// ownApplication is what the session that holds a snapshot is called: it changes no schema, unlike other sessions of its kind.
const ownApplication = "synapse backup"

// endStale ends the pg_dump of a backup that was killed: whoever has the repository's lock knows that no other is at work.
func (c *creation) endStale(ctx context.Context, session engine.Session) error {
	var ended int
	if err := session.QueryRow(ctx, staleSQL, c.to.application()).Scan(&ended); err != nil {
		return fmt.Errorf("look for what a killed backup has left: %w", err)
	}
	_, err := session.Exec(ctx, "SELECT set_config('application_name', ?, false)", ownApplication)
	return err
}

// space: a dump is compressed, and takes half of what the tables do, as a rule.
func (s *postgresSource) space(ctx context.Context, c *creation) error {
	const tableBytesSQL = `SELECT coalesce(sum(pg_table_size(oid)), 0)::bigint FROM pg_class WHERE relkind IN ('r', 'm') AND oid >= 16384`
	var tables int64
	if err := s.session.QueryRow(ctx, tableBytesSQL).Scan(&tables); err != nil {
		return err
	}
	c.dumps += tables / 2
	if free, known := engine.FreeSpace(c.path); known && free < tables/2 {
		return refuse(SpaceMissing, fmt.Sprintf("the dump of %s may need %d MB in %s, and %d MB are free", s.database.Label, tables>>21, c.path, free>>20), "make room, or remove old backups")
	}
	return nil
}

var tableName = regexp.MustCompile(`^[a-z_][a-z0-9_]*$`)

// leavable refuses tables that are not there: a mistake in a name would keep what is not wanted.
func (s *postgresSource) leavable(ctx context.Context, tables []string) error {
	for _, table := range tables {
		var there bool
		if err := s.session.QueryRow(ctx, "SELECT to_regclass(?) IS NOT NULL", table).Scan(&there); err != nil {
			return err
		}
		if !there || !tableName.MatchString(table) {
			return refuse(DatabaseUnfit, fmt.Sprintf("there is no table %q in %s whose rows could be left out", table, s.database.Label), "look at --exclude-table-data")
		}
	}
	return nil
}

func (s *postgresSource) take(ctx context.Context, c *creation, into *Database) error {
	into.Label, into.Dump = s.database.Label, s.name
	if _, err := s.session.Exec(ctx, "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"); err != nil {
		return err
	}
	into.Snapshot = time.Now().UTC()
	if err := s.session.QueryRow(ctx, "SELECT pg_export_snapshot()").Scan(&s.snapshot); err != nil {
		return err
	}
	return c.distance(ctx, s.session, s.database.DataStores, into)
}

// dump runs pg_dump and counts meanwhile, both in the one snapshot.
func (s *postgresSource) dump(ctx context.Context, c *creation, into *Database) error {
	c.meter.Enter(at(PhaseDatabase, s.database.Label), 0)
	if err := c.folder.MkdirAll(path.Dir(s.name), 0o700); err != nil {
		return err
	}
	work, working := errgroup.WithContext(ctx)
	work.Go(func() error { return s.runDump(working, c) })
	work.Go(func() error { return s.explainLock(working, s.inspect(working, c, into)) })
	if err := work.Wait(); err != nil {
		return err
	}
	if _, err := s.session.Exec(ctx, "COMMIT"); err != nil {
		return err
	}
	return s.sumDump(ctx, c, into)
}

func (s *postgresSource) runDump(ctx context.Context, c *creation) error {
	arguments := []string{
		"--format=directory", "--compress=1", "--no-sync", "--jobs=" + strconv.Itoa(c.options.Jobs), "--lock-wait-timeout=" + c.options.lockWait(),
		"--snapshot=" + s.snapshot, "--file=" + c.absolute(s.name),
	}
	for _, table := range c.leftOut() {
		arguments = append(arguments, "--exclude-table-data=*."+table)
	}
	dumping := pgprogram.New(ctx, c.options.PgDump, arguments...)
	if err := dumping.On(s.database.Postgres, c.to.application()); err != nil {
		return err
	}
	return s.explainLock(ctx, dumping.Run())
}

// Rows of extensions are the extension's.
const (
	postgresTables = `SELECT n.nspname, c.relname FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind = 'r' AND c.relpersistence <> 't' AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e') ORDER BY 1, 2`
	postgresSequences = `SELECT schemaname, sequencename, last_value FROM pg_sequences ORDER BY 1, 2`
)

func (s *postgresSource) inspect(ctx context.Context, c *creation, into *Database) error {
	if err := into.describe(ctx, s.session, s.database); err != nil {
		return err
	}
	into.ServerVersion, into.Encoding = s.server.Version, s.server.Encoding
	into.Collate, into.CType = s.server.Collate, s.server.CType
	into.Tables, into.Sequences = []Table{}, []Sequence{}
	if err := s.session.QueryRow(ctx, "SELECT pg_database_size(current_database())").Scan(&into.Bytes); err != nil {
		return err
	}
	if err := s.readSequences(ctx, into); err != nil { // first: they go on meanwhile, and pg_dump may not see less than is written down
		return err
	}
	err := engine.Each(ctx, s.session, postgresTables, nil, func(scan func(...any) error) error {
		table := Table{}
		err := scan(&table.Schema, &table.Name)
		into.Tables = append(into.Tables, table)
		return err
	})
	if err != nil {
		return err
	}
	if err := s.lock(ctx, into.Tables); err != nil {
		return err
	}
	if err := into.count(ctx, s.session, quoteTable, c.leftOut()); err != nil {
		return err
	}
	return c.listRows(ctx, s.session, s.database.DataStores)
}

func quoteTable(table Table) string {
	return postgres.QuoteIdentifier(table.Schema) + "." + postgres.QuoteIdentifier(table.Name)
}

func (s *postgresSource) readSequences(ctx context.Context, into *Database) error {
	return engine.Each(ctx, s.session, postgresSequences, nil, func(scan func(...any) error) error {
		sequence := Sequence{}
		err := scan(&sequence.Schema, &sequence.Name, &sequence.Last)
		into.Sequences = append(into.Sequences, sequence)
		return err
	})
}

// sumDump lists the files that pg_dump has made; only their owner may read them.
func (s *postgresSource) sumDump(ctx context.Context, c *creation, into *Database) error {
	c.meter.Enter(at(PhaseProof, s.database.Label), 0)
	if err := c.folder.Chmod(s.name, 0o700); err != nil {
		return err
	}
	entries, err := fs.ReadDir(c.folder.FS(), s.name)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := s.name + "/" + entry.Name()
		if err := c.folder.Chmod(name, 0o600); err != nil {
			return err
		}
		stored, err := sumFile(ctx, c.folder, name, c.meter.Add)
		if err != nil {
			return err
		}
		into.Files = append(into.Files, stored)
	}
	return nil
}

func (s *postgresSource) close() error {
	if err := s.session.Close(); err != nil && !errors.Is(err, context.Canceled) {
		return err
	}
	return nil
}
