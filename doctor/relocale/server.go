package relocale

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// The names of sessions, by which those of a killed run are known. Behind pg_dump's stands what no other has.
const (
	ownApplication     = "synapse relocale"
	dumpApplication    = "synapse relocale dump "
	restoreApplication = "synapse relocale restore"
)

// lockTimeout is how long a session waits for a lock.
const lockTimeout = "30s"

// sessionSettings have nothing end what may take hours. What an index reads is what has to be doubted, so no row is looked up by one.
func sessionSettings() map[string]string {
	return map[string]string{
		"application_name":                    ownApplication,
		"statement_timeout":                   "0",
		"lock_timeout":                        lockTimeout,
		"idle_in_transaction_session_timeout": "0",
		"idle_session_timeout":                "0",
		"default_transaction_isolation":       "read committed",
		"client_min_messages":                 "warning",
		"maintenance_work_mem":                "128MB",
		"work_mem":                            "64MB",
		"enable_indexscan":                    "off",
		"enable_indexonlyscan":                "off",
		"enable_bitmapscan":                   "off",
		"row_security":                        "off",
	}
}

// connect opens a session. Settings that a server does not know yet are left out.
func connect(ctx context.Context, config *postgres.Config, changed map[string]string) (*pgx.Conn, error) {
	settings := sessionSettings()
	maps.Copy(settings, changed)
	opened, err := config.Connect(ctx, nil)
	if err != nil {
		return nil, err
	}
	const setSQL = `SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS wanted(name, value)
WHERE EXISTS (SELECT FROM pg_settings AS s WHERE s.name = wanted.name)`
	var names, values []string
	for name, value := range settings {
		names, values = append(names, name), append(values, value)
	}
	if _, err := opened.Exec(ctx, setSQL, names, values); err != nil {
		closeNow(opened)
		return nil, fmt.Errorf("set up a session on %s: %w", config.Describe(), err)
	}
	return opened, nil
}

// invalidCatalogName is PostgreSQL's code for a database that is not there.
const invalidCatalogName = "3D000"

// connectBeside opens a session in a database that every cluster has, from where others can be closed, made and dropped.
func connectBeside(ctx context.Context, config *postgres.Config) (opened *pgx.Conn, err error) {
	for _, name := range []string{"postgres", "template1"} {
		var beside *postgres.Config
		if beside, err = config.In(name); err != nil {
			return nil, err
		}
		opened, err = connect(ctx, beside, map[string]string{"enable_indexscan": "on"})
		if refused, ok := errors.AsType[*pgconn.PgError](err); !ok || refused.Code != invalidCatalogName {
			break
		}
	}
	return opened, err
}

// database is one of the server's, as its catalog describes it.
type database struct {
	oid         uint32
	name        string
	owner       string
	locale      Locale
	encoding    string
	open        bool // accepts connections
	limit       int
	tablespace  string
	comment     string
	bytes       int64
	version     int // of the server, as server_version_num
	recovering  bool
	lookOver    bool // the role may do what the owner may
	superuser   bool // the role
	mayCreate   bool
	mayOwn      bool // it may make databases of the owner
	currentRole string
}

const databaseSQL = `SELECT d.oid, d.datname, o.rolname, d.datcollate, d.datctype, coalesce(to_jsonb(d)->>'datlocprovider', 'c'),
    coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', ''), pg_encoding_to_char(d.encoding), d.datallowconn, d.datconnlimit,
    t.spcname, coalesce(shobj_description(d.oid, 'pg_database'), ''),
    CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END,
    current_setting('server_version_num')::int, pg_is_in_recovery(), pg_has_role(d.datdba, 'USAGE'), r.rolsuper, r.rolsuper OR r.rolcreatedb,
    pg_has_role(d.datdba, 'MEMBER'), r.rolname
FROM pg_database AS d JOIN pg_roles AS o ON o.oid = d.datdba JOIN pg_tablespace AS t ON t.oid = d.dattablespace
    JOIN pg_roles AS r ON r.rolname = current_user
WHERE d.datname = $1`

// readDatabase is nil when there is no such database.
func readDatabase(ctx context.Context, on *pgx.Conn, name string) (*database, error) {
	d := &database{}
	err := on.QueryRow(ctx, databaseSQL, name).Scan(&d.oid, &d.name, &d.owner, &d.locale.Collate, &d.locale.CType, &d.locale.Provider,
		&d.locale.Of, &d.encoding, &d.open, &d.limit, &d.tablespace, &d.comment, &d.bytes, &d.version, &d.recovering, &d.lookOver,
		&d.superuser, &d.mayCreate, &d.mayOwn, &d.currentRole)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil //nolint:nilnil // as said
	}
	if err != nil {
		return nil, fmt.Errorf("read what the server says of the database %s: %w", name, err)
	}
	if full, known := map[string]string{"c": "libc", "i": "icu", "b": "builtin"}[d.locale.Provider]; known {
		d.locale.Provider = full
	}
	return d, nil
}

// isC reports whether the locale is as a homeserver wants it.
func (l Locale) isC() bool {
	return l.Collate == "C" && l.CType == "C" && (l.Provider == "libc" || l.Provider == "builtin" && l.Of == "C")
}

// lockClass keeps two moves of one database apart, in the database where both begin: "relo" in ASCII.
const lockClass = 0x72656c6f

// patience is how long sessions that are about to end may take: those of a run that was killed.
const patience = 5 * time.Second

// lock takes an advisory lock, which ends with the control session.
func (r *run) lock(ctx context.Context) error {
	locked := false
	err := waitFor(ctx, func() (bool, error) {
		err := r.control.QueryRow(ctx, "SELECT pg_try_advisory_lock($1, $2)", lockClass, int32(r.source.oid)).Scan(&locked)
		return locked, err
	})
	if err == nil && !locked {
		err = engine.Refuse(SourceLocked, "another process is moving the database "+r.source.name, "wait until it has ended")
	}
	return err
}

// waitFor asks until something is so, or until patience has come to its end.
func waitFor(ctx context.Context, isSo func() (bool, error)) error {
	for begun := time.Now(); ; {
		done, err := isSo()
		if err != nil || done || time.Since(begun) > patience {
			return err
		}
		if err := engine.Wait(ctx, 20*time.Millisecond); err != nil {
			return err
		}
	}
}

// othersSQL lists clients as far as the role may see them; what has no user, such as autovacuum, is none.
const othersSQL = `SELECT format('pid %s, user %s, application %s', pid, usename, coalesce(nullif(application_name, ''), 'unknown'))
FROM pg_stat_activity WHERE datid = $1 AND usename IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend'
    AND NOT pid = ANY($2::int[]) AND coalesce(application_name, '') <> $3 ORDER BY pid`

// staleSQL ends the pg_dump of a run that was killed: whoever holds the lock knows that no other is at work.
const staleSQL = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datid = $1 AND strpos(application_name, $2) = 1 AND application_name <> $3`

// others lists who else is connected to the old database, after those have gone who are about to.
func (r *run) others(ctx context.Context) (sessions []string, err error) {
	pids := []int32{}
	for _, reader := range r.readers {
		pids = append(pids, int32(reader.PgConn().PID()))
	}
	err = waitFor(ctx, func() (bool, error) {
		if _, err := r.control.Exec(ctx, staleSQL, r.source.oid, dumpApplication, r.dumpName()); err != nil {
			return false, err
		}
		rows, err := r.control.Query(ctx, othersSQL, r.source.oid, pids, r.dumpName())
		if err != nil {
			return false, err
		}
		sessions, err = pgx.CollectRows(rows, pgx.RowTo[string])
		return len(sessions) == 0, err
	})
	return sessions, err
}

// execute runs a statement by the simple protocol: some refuse to be part of a transaction or a prepared statement.
func execute(ctx context.Context, on *pgx.Conn, statement string) error {
	_, err := on.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol)
	return err
}
