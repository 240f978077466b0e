package backup

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/pgprogram"
	"github.com/synapsedb/synapse/schema"
)

// postgresTarget is an empty database that pg_restore fills.
type postgresTarget struct {
	*restoration

	database  *Database
	config    *postgres.Config
	session   engine.Session
	contents  contents
	continues bool
	done      bool // before this run
}

func openPostgresTarget(ctx context.Context, m *restoration, database *Database, config *postgres.Config) (target, error) {
	t := &postgresTarget{restoration: m, database: database, config: config}
	var err error
	t.session, err = config.OpenSession(ctx, m.options.Log)
	return t, err
}

// lockClass keeps two restores into one database apart: "rest" in ASCII.
const lockClass = 0x72657374

func (t *postgresTarget) check(ctx context.Context) (bool, error) {
	info, err := postgres.CheckSession(ctx, t.session, postgres.Rules{AllowUnsafeLocale: t.config.AllowUnsafeLocale})
	if problems, isProblem := errors.AsType[postgres.Problems](err); isProblem {
		return false, refuse(TargetUnfit, "the database "+t.session.Name()+" does not fit: "+problems.Error(), "make another one: docs/create-database.md")
	}
	if err != nil {
		return false, err
	}
	if err := needProgram(ctx, t.options.PgRestore, info); err != nil {
		return false, err
	}
	room, err := t.config.Space(ctx)
	if err != nil {
		return false, err
	}
	if room.Known && room.Free < t.database.Bytes-room.Used {
		return false, refuse(SpaceMissing, fmt.Sprintf("the database %s takes %d MB, and its server has %d MB free", t.database.Label, t.database.Bytes>>20, room.Free>>20), "make room")
	}
	if err := t.lock(ctx); err != nil {
		return false, err
	}
	if t.contents, err = t.backup.contents(ctx, t.options.PgRestore, t.database); err != nil {
		return false, err
	}
	if missing := t.contents.missing(t.database); missing != "" {
		return false, &DamagedError{Name: t.database.Dump, What: "it holds no rows of " + missing}
	}
	err = t.checkEmpty(ctx)
	return t.continues, err
}

const (
	// A server of before version 14 looks for its client only between two statements.
	lookForClientSQL = `SELECT set_config('client_connection_check_interval', '1s', false) WHERE current_setting('server_version_num')::int >= 140000`
	// A session of a restore that was killed ends when the server finds that nobody is there any more.
	waitForSessionSQL = `SELECT set_config('lock_timeout', '10s', true)`
)

// lock keeps other restores out of the database. That of one that was killed is waited for.
func (t *postgresTarget) lock(ctx context.Context) error {
	if _, err := t.session.Exec(ctx, lookForClientSQL); err != nil {
		return err
	}
	err := t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if _, err := tx.Exec(ctx, waitForSessionSQL); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, fmt.Sprintf("SELECT pg_advisory_lock(%d, 0)", lockClass))
		return err
	})
	if err != nil && lockMessage.MatchString(err.Error()) {
		return refuse(TargetOther, "another process is filling the database "+t.session.Name(), "wait until it has ended")
	}
	return err
}

const (
	// Whatever an extension brought counts for nothing.
	relationsSQL = `SELECT count(*), coalesce(min(format('%I.%I', n.nspname, c.relname)), '') FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f') AND n.nspname <> 'information_schema' AND n.nspname NOT LIKE 'pg\_%'
    AND NOT EXISTS (SELECT FROM pg_depend AS d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')`
	hasMarkSQL = `SELECT to_regclass('synapse_restore.restore') IS NOT NULL`
	markSQL    = `SELECT backup, manifest, done FROM synapse_restore.restore`
	setMarkSQL = `CREATE SCHEMA synapse_restore; CREATE TABLE synapse_restore.restore (backup text NOT NULL, manifest text NOT NULL, done boolean NOT NULL DEFAULT false)`
	addMarkSQL = `INSERT INTO synapse_restore.restore (backup, manifest) VALUES (?, ?)`
)

// checkEmpty refuses a database with any table, but for one that the same restore has begun to fill.
func (t *postgresTarget) checkEmpty(ctx context.Context) error {
	var marked bool
	if err := t.session.QueryRow(ctx, hasMarkSQL).Scan(&marked); err != nil {
		return err
	}
	if marked {
		found := mark{}
		err := t.session.QueryRow(ctx, markSQL).Scan(&found.Backup, &found.Manifest, &t.done)
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		if found != (mark{Backup: t.backup.Manifest.ID, Manifest: t.backup.Sum}) {
			return refuse(TargetOther, fmt.Sprintf("the database %s is being filled with the backup %s", t.session.Name(), found.Backup), "let that restore go on and end, or drop the database and make it anew")
		}
		t.continues = true
		return nil
	}
	var relations int
	var first string
	if err := t.session.QueryRow(ctx, relationsSQL).Scan(&relations, &first); err != nil {
		return err
	}
	if relations > 0 && t.wasComplete() {
		t.continues, t.done = true, true
		return nil
	}
	if relations > 0 {
		return refuse(TargetNotEmpty, fmt.Sprintf("the database %s is not empty: it holds %s and what else there are, %d in all", t.session.Name(), first, relations),
			"restore into an empty one (docs/create-database.md): what is there is never written over")
	}
	return nil
}

// application is what the sessions of this restore are called, by which those of a killed one are known.
func (t *postgresTarget) application() string { return "synapse restore " + t.backup.Sum[:16] }

// fill begins anew whatever a stopped run has left: only the guard stays.
func (t *postgresTarget) fill(ctx context.Context) error {
	if t.done {
		return nil
	}
	t.meter.Enter(at(PhaseDatabase, t.database.Label), 0)
	for _, step := range []struct {
		name string
		do   func(context.Context) error
	}{
		{"mark the database", t.begin},
		{"clear what a stopped restore has left", t.clear},
		{"set the guard", t.guard},
		{"restore the dump", t.restoreRest},
		{"complete the database", t.complete},
	} {
		if err := step.do(ctx); err != nil {
			if ended := stopped(ctx, err); ended != nil {
				err = ended
			}
			return fmt.Errorf("restore the database %s: %s: %w", t.database.Label, step.name, err)
		}
	}
	return nil
}

func (t *postgresTarget) begin(ctx context.Context) error {
	if t.continues {
		var ended int
		return t.session.QueryRow(ctx, staleSQL, t.application()).Scan(&ended)
	}
	return t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if _, err := tx.Exec(ctx, setMarkSQL); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, addMarkSQL, t.backup.Manifest.ID, t.backup.Sum)
		return err
	})
}

// guardTables are the tables by which a homeserver knows whether it may open the database.
func guardTables() []string { return []string{schema.VersionTable, schema.CompatVersionTable} }

func isGuard(e entry) bool { return slices.Contains(guardTables(), e.name) }

// leftoverSQL are the statements that remove what a stopped restore has made, but for the guard; what an extension brought stays.
const leftoverSQL = `WITH ours AS (SELECT oid, nspname FROM pg_namespace WHERE nspname NOT IN ('information_schema', 'synapse_restore') AND nspname NOT LIKE 'pg\_%'),
brought AS (SELECT classid, objid FROM pg_depend WHERE deptype = 'e')
SELECT format('DROP TABLE IF EXISTS %I.%I CASCADE', o.nspname, c.relname), 1 FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
    WHERE c.relkind IN ('r', 'p') AND c.relname <> ALL(?) AND NOT EXISTS (SELECT FROM brought AS b WHERE b.classid = 'pg_class'::regclass AND b.objid = c.oid)
UNION ALL SELECT format('ALTER TABLE %s DROP CONSTRAINT %I CASCADE', k.conrelid::regclass, k.conname), 1 FROM pg_constraint AS k JOIN pg_class AS c ON c.oid = k.conrelid
    JOIN ours AS o ON o.oid = c.relnamespace WHERE c.relname = ANY(?) AND k.contype IN ('p', 'u', 'f', 'x')
UNION ALL SELECT format('DROP VIEW IF EXISTS %I.%I CASCADE', o.nspname, c.relname), 2 FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
    WHERE c.relkind = 'v' AND NOT EXISTS (SELECT FROM brought AS b WHERE b.classid = 'pg_class'::regclass AND b.objid = c.oid)
UNION ALL SELECT format('DROP SEQUENCE IF EXISTS %I.%I CASCADE', o.nspname, c.relname), 3 FROM pg_class AS c JOIN ours AS o ON o.oid = c.relnamespace
    WHERE c.relkind = 'S' AND NOT EXISTS (SELECT FROM brought AS b WHERE b.classid = 'pg_class'::regclass AND b.objid = c.oid)
UNION ALL SELECT format('DROP ROUTINE IF EXISTS %s CASCADE', p.oid::regprocedure), 4 FROM pg_proc AS p JOIN ours AS o ON o.oid = p.pronamespace
    WHERE NOT EXISTS (SELECT FROM brought AS b WHERE b.classid = 'pg_proc'::regclass AND b.objid = p.oid)
UNION ALL SELECT format('DROP SCHEMA IF EXISTS %I CASCADE', nspname), 5 FROM ours WHERE nspname <> 'public' AND nspname <> ALL(?)
ORDER BY 2, 1`

// clear empties the database that a stopped restore was filling. It held nothing before that.
func (t *postgresTarget) clear(ctx context.Context) error {
	if !t.continues {
		return nil
	}
	keep := guardTables()
	if guarded, err := t.isGuarded(ctx); err != nil {
		return err
	} else if !guarded {
		keep = []string{""}
	}
	var statements []string
	err := engine.Each(ctx, t.session, leftoverSQL, []any{keep, keep, t.schemasBefore()}, func(scan func(...any) error) error {
		var statement string
		var order int
		err := scan(&statement, &order)
		statements = append(statements, statement)
		return err
	})
	if err != nil {
		return err
	}
	for _, statement := range statements {
		if _, err := t.session.Exec(ctx, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	return nil
}

// schemasBefore are schemas that the dump does not make: whoever made the database made them.
func (t *postgresTarget) schemasBefore() []string {
	before := []string{""}
	for _, table := range t.database.Tables {
		made := slices.ContainsFunc(t.contents, func(e entry) bool { return e.kind == "SCHEMA" && e.name == table.Schema })
		if !made {
			before = append(before, table.Schema)
		}
	}
	return before
}

const guardedSQL = `SELECT to_regclass('schema_compat_version') IS NOT NULL AND to_regclass('schema_version') IS NOT NULL`

func (t *postgresTarget) isGuarded(ctx context.Context) (bool, error) {
	var there bool
	if err := t.session.QueryRow(ctx, guardedSQL).Scan(&there); err != nil || !there {
		return false, err
	}
	var guarded bool
	err := t.session.QueryRow(ctx, "SELECT EXISTS (SELECT FROM schema_compat_version WHERE compat_version = ?)", schema.GuardVersion).Scan(&guarded)
	return guarded, err
}

// guard makes the two tables that a homeserver looks at first, without rows, and then fills them in one transaction, so that it refuses to start.
func (t *postgresTarget) guard(ctx context.Context) error {
	if guarded, err := t.isGuarded(ctx); err != nil || guarded {
		return err
	}
	if err := t.run(ctx, func(e entry) bool { return e.kind == tableEntry && isGuard(e) }, "--single-transaction"); err != nil {
		return err
	}
	return t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if _, err := tx.Exec(ctx, "INSERT INTO schema_version (version, upgraded) VALUES (?, ?)", t.database.SchemaVersion, t.database.Upgraded); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "INSERT INTO schema_compat_version (compat_version) VALUES (?)", schema.GuardVersion)
		return err
	})
}

// restoreRest restores everything that is not there yet, without the rows that must not come back.
func (t *postgresTarget) restoreRest(ctx context.Context) error {
	return t.run(ctx, func(e entry) bool {
		isRows := e.kind == rowsEntry
		return !isGuard(e) || e.kind != tableEntry && !isRows && e.kind != ""
	}, "--jobs="+strconv.Itoa(t.options.Jobs))
}

// run has pg_restore do a part of the dump. It ends at the first error.
func (t *postgresTarget) run(ctx context.Context, wanted func(entry) bool, arguments ...string) error {
	never := neverRestored()
	list, err := os.CreateTemp("", "synapse-restore-")
	if err != nil {
		return err
	}
	defer func() { _ = os.Remove(list.Name()) }() // it holds no secret
	_, err = list.WriteString(t.contents.list(func(e entry) bool {
		return wanted(e) && (e.kind != rowsEntry || !slices.Contains(never, e.name))
	}))
	if err := errors.Join(err, list.Close()); err != nil {
		return err
	}
	path, err := t.backup.path(t.database.Dump)
	if err != nil {
		return err
	}
	arguments = append(arguments, "--format=directory", "--exit-on-error", "--no-owner", "--no-acl", "--use-list="+list.Name(), path)
	restoring := pgprogram.New(ctx, t.options.PgRestore, arguments...)
	if err := restoring.On(t.config, t.application()); err != nil {
		return err
	}
	return restoring.Run()
}

// sequencesSQL moves each sequence on, as far as it can go. One that was never used may have been since the backup.
const sequencesSQL = `SELECT count(setval(format('%I.%I', schemaname, sequencename)::regclass, least(coalesce(last_value, start_value) + ?::bigint, max_value), true))
FROM pg_sequences WHERE increment_by > 0 AND NOT cycle`

func (t *postgresTarget) complete(ctx context.Context) error {
	result := RestoredDatabase{Label: t.database.Label, Target: t.session.Name(), Snapshot: t.database.Snapshot, Tables: len(t.database.Tables)}
	for _, table := range t.database.Tables {
		if slices.Contains(neverRestored(), table.Name) {
			if _, err := t.session.Exec(ctx, "DELETE FROM "+quoteTable(table)); err != nil {
				return err
			}
		}
	}
	if err := t.session.QueryRow(ctx, sequencesSQL, t.options.SequenceMargin).Scan(&result.Sequences); err != nil {
		return fmt.Errorf("move the sequences on: %w", err)
	}
	if _, err := t.session.Exec(ctx, "ANALYZE"); err != nil {
		return err
	}
	var err error
	result.Rows, result.Emptied, err = t.prove(ctx, t.session, t.database, quoteTable)
	t.report.Databases = append(t.report.Databases, result)
	return err
}

// finish takes the guard away, and marks the database as complete, in one transaction.
func (t *postgresTarget) finish(ctx context.Context) error {
	if t.done {
		return nil
	}
	err := t.session.Transact(ctx, engine.TxOptions{}, func(tx engine.Tx) error {
		if t.database.CompatVersion == nil {
			if _, err := tx.Exec(ctx, "DELETE FROM schema_compat_version"); err != nil {
				return err
			}
		} else if _, err := tx.Exec(ctx, "UPDATE schema_compat_version SET compat_version = ?", *t.database.CompatVersion); err != nil {
			return err
		}
		_, err := tx.Exec(ctx, "UPDATE synapse_restore.restore SET done = true")
		return err
	})
	if err != nil {
		return fmt.Errorf("take the guard of the database %s away: %w", t.database.Label, err)
	}
	return nil
}

func (t *postgresTarget) unmark(ctx context.Context) error {
	_, err := t.session.Exec(ctx, "DROP SCHEMA IF EXISTS synapse_restore CASCADE")
	return err
}

func (t *postgresTarget) close() error {
	if t.session == nil {
		return nil
	}
	return t.session.Close()
}

// Labels are those of the databases of PostgreSQL, in words.
func (m *Manifest) Labels() string {
	var labels []string
	for _, database := range m.Databases {
		if database.Engine == string(engine.Postgres) {
			labels = append(labels, database.Label)
		}
	}
	return strings.Join(labels, ", ")
}
