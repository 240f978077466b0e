package port

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/engine/postgres/catalog"
	"github.com/synapsedb/synapse/homeserver"
)

// target is what a port knows of the PostgreSQL side.
type target struct {
	config *postgres.Config
	part   part      // which logical databases it is for
	conn   *pgx.Conn // the control connection: holds the lock for as long as the port lasts
	server *postgres.ServerInfo
	schema *catalog.Schema

	set      homeserver.Identity
	version  int64
	compat   *int64   // the real value, also while the guard stands in its place; nil for none
	pending  []string // background updates
	earlier  *earlier // what a port of ours left in it; nil for none
	sessions []string // others that are connected
	filled   map[string]bool
	absent   map[objectID]bool           // what an unfinished port took away and did not put back
	record   *record                     // of what an earlier port took away
	recorded map[string][]*catalog.Index // by table, what an unfinished port took away, put back or not
}

// settings are those of every session of a port. What is lost by a crash of the server the next run copies again,
// so commits need not wait for the disk, except the last one (see finish).
var settings = map[string]string{
	"statement_timeout":                   "0",
	"lock_timeout":                        "30s",
	"idle_in_transaction_session_timeout": "0",
	"synchronous_commit":                  "off",
	"default_transaction_isolation":       "read committed",
	"maintenance_work_mem":                "128MB",
	"client_min_messages":                 "warning",
	"application_name":                    controlApplication,
}

// openTarget connects and reads what the checks need.
func openTarget(ctx context.Context, config *postgres.Config, part part) (*target, []Problem) {
	t, problems := connectTarget(ctx, config, part)
	if t == nil {
		return nil, problems
	}
	return t.examine(ctx)
}

func connectTarget(ctx context.Context, config *postgres.Config, part part) (*target, []Problem) {
	conn, err := config.Connect(ctx, settings)
	if err != nil {
		return nil, []Problem{{ID: "target_unreachable", What: err.Error()}}
	}
	return &target{config: config, part: part, conn: conn}, nil
}

// examine reads what the checks need.
func (t *target) examine(ctx context.Context) (*target, []Problem) {
	problems, err := t.read(ctx)
	if err != nil {
		problems = append(problems, Problem{ID: "target_unreadable", What: err.Error()})
	}
	if err != nil || t.schema == nil || t.set == "" { // what is half known must not be compared with the source
		t.close()
		return nil, problems
	}
	return t, problems
}

func (t *target) close() {
	_ = t.conn.Close(context.Background()) // nothing is pending on it: its transactions ended before
}

func (t *target) read(ctx context.Context) ([]Problem, error) {
	server, err := postgres.Inspect(ctx, t.conn)
	if err != nil {
		return nil, err
	}
	t.server = server
	var problems []Problem
	for _, problem := range server.Problems(postgres.Rules{AllowUnsafeLocale: t.config.AllowUnsafeLocale}) {
		problems = append(problems, Problem{ID: "target_" + string(problem.ID), What: problem.What, Hint: problem.Hint})
	}
	if server.VersionNum < postgres.MinimumVersion || server.Standby { // a standby does not show unlogged tables
		return problems, nil
	}
	more, err := t.readSchema(ctx)
	return append(problems, more...), err
}

func (t *target) readSchema(ctx context.Context) ([]Problem, error) {
	var name *string
	if err := t.conn.QueryRow(ctx, "SELECT current_schema()").Scan(&name); err != nil {
		return nil, err
	}
	if name == nil {
		return []Problem{{ID: "target_no_schema", What: "the target has no schema that the role may use",
			Hint: "create one, or set search_path in the database's args: options: '-c search_path=NAME'"}}, nil
	}
	// The lock comes before the state is read: what another port changes meanwhile would be taken for how it is.
	locked, err := t.lock(ctx)
	if err != nil {
		return nil, fmt.Errorf("take the target's lock: %w", err)
	}
	if locked != nil {
		return []Problem{*locked}, nil
	}
	schema, err := catalog.Load(ctx, t.conn, *name)
	if err != nil {
		return nil, err
	}
	t.schema = schema
	if problem := t.identify(); problem != nil {
		return []Problem{*problem}, nil
	}
	return t.readState(ctx)
}

func (t *target) readState(ctx context.Context) ([]Problem, error) {
	steps := []func(context.Context) error{
		t.readSet, t.readVersion, t.readEarlier, t.readPending, t.readSessions, t.readFilled,
	}
	for _, step := range steps {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	problems := t.problems()
	connections, err := t.connectionProblems(ctx)
	return append(problems, connections...), err
}

func (t *target) readSet(ctx context.Context) error {
	t.set = homeserver.Upstream
	if t.schema.Table(homeserver.MarkerTable) == nil {
		return nil
	}
	var name string
	err := t.conn.QueryRow(ctx, "SELECT name FROM "+t.quote(homeserver.MarkerTable)).Scan(&name)
	t.set = homeserver.Identity(name)
	return err
}

func (t *target) readVersion(ctx context.Context) error {
	err := t.conn.QueryRow(ctx, "SELECT version FROM schema_version").Scan(&t.version)
	if errors.Is(err, pgx.ErrNoRows) {
		return errors.New("schema_version is empty: the creation of the target's schema was not finished; drop the database and create it again")
	}
	if err != nil {
		return err
	}
	err = t.conn.QueryRow(ctx, "SELECT compat_version FROM schema_compat_version").Scan(&t.compat)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	return err
}

func (t *target) readPending(ctx context.Context) (err error) {
	t.pending, err = t.texts(ctx, "SELECT update_name FROM background_updates ORDER BY ordering, update_name")
	return err
}

const sessionsQuery = `
SELECT format('pid %s, role %s%s%s, since %s', pid, usename,
              CASE WHEN application_name <> '' THEN ', application ' || application_name ELSE '' END,
              coalesce(', from ' || host(client_addr), ''), to_char(backend_start, 'YYYY-MM-DD HH24:MI:SS'))
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
ORDER BY pid`

// endLeftovers ends the sessions of workers of a port that was killed. Whoever holds the target's lock knows that no other
// port is running; the server notices the end of a client only when it next listens to it, which may be after an index is built.
const endLeftovers = `
SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
WHERE datname = current_database() AND usename = current_user AND application_name = $1`

// readSessions gives sessions time to end that are about to: the server notices only then that a client is gone, when
// it next listens to it, and another port that was begun at the same moment gives way by itself (see lockPatience).
func (t *target) readSessions(ctx context.Context) error {
	if _, err := t.conn.Exec(ctx, endLeftovers, workerApplication); err != nil {
		return err
	}
	return patiently(ctx, sessionPatience, func() (done bool, err error) {
		t.sessions, err = t.texts(ctx, sessionsQuery)
		return len(t.sessions) == 0, err
	})
}

// readFilled finds out which tables hold any rows.
func (t *target) readFilled(ctx context.Context) error {
	parts := make([]string, 0, len(t.schema.Tables))
	for _, table := range t.schema.Tables {
		parts = append(parts, fmt.Sprintf("SELECT %s WHERE EXISTS (SELECT 1 FROM %s)",
			postgres.QuoteLiteral(table.Name), t.quote(table.Name)))
	}
	names, err := t.texts(ctx, strings.Join(parts, " UNION ALL "))
	t.filled = map[string]bool{}
	for _, name := range names {
		t.filled[name] = true
	}
	return err
}

// quote writes a table or sequence of the schema for SQL.
func (t *target) quote(name string) string { return quoteIn(t.schema.Name, name) }

func quoteIn(schema, name string) string {
	return postgres.QuoteIdentifier(schema) + "." + postgres.QuoteIdentifier(name)
}

func (t *target) texts(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := t.conn.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowTo[string])
}

// livedIn lists tables that hold what only a server that has run can have written.
func (t *target) livedIn() []string {
	var names []string
	for _, name := range homeserver.LivedInTables() {
		if t.filled[name] {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (t *target) problems() []Problem {
	var problems []Problem
	names, ofState := t.livedIn(), t.rowsOfState()
	switch {
	case len(ofState) > 0:
		problems = append(problems, Problem{
			ID:   "target_lived_in",
			What: "the database for main has been used, or ported into, for state too: " + engine.List(ofState),
			Hint: "port into new databases; or go on with this one for both, and then move state out of it: synapse schema split",
		})
	case len(names) > 0 && t.earlier == nil:
		problems = append(problems, Problem{
			ID:   "target_lived_in",
			What: "the target has been used: there are rows in " + engine.List(names),
			Hint: "port into a new database, prepared but never started on; this one is left as it is",
		})
	}
	// In a database that was used another one is wanted in any case, and a port itself leaves updates for the homeserver.
	if len(t.pending) > 0 && len(names) == 0 && t.earlier == nil {
		problems = append(problems, Problem{
			ID:   "target_pending_updates",
			What: "the target has unfinished background updates: " + engine.List(t.pending),
			Hint: "let the homeserver run them while the tables are empty: " +
				"update_synapse_database --database-config homeserver-postgres.yaml --run-background-updates",
		})
	}
	if len(t.sessions) > 0 {
		problems = append(problems, Problem{
			ID:   "target_in_use",
			What: "the target has other sessions:\n" + strings.Join(t.sessions, "\n"),
			Hint: "stop the homeserver, and whatever else uses the database, until the port is done",
		})
	}
	if foreign := t.notOwned(); len(foreign) > 0 {
		problems = append(problems, Problem{
			ID:   "target_not_owner",
			What: "the role does not own the tables " + engine.List(foreign),
			Hint: "connect as their owner, or as a superuser: ALTER TABLE name OWNER TO role;",
		})
	}
	return problems
}

func (t *target) notOwned() []string {
	var names []string
	for _, table := range t.schema.Tables {
		if !table.Owned {
			names = append(names, table.Name)
		}
	}
	return names
}

const connectionsQuery = `
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
           - coalesce(current_setting('reserved_connections', true)::int, 0)
           - (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend')::int,
       d.datconnlimit, r.rolconnlimit,
       (SELECT count(*) FROM pg_stat_activity WHERE usename = current_user AND backend_type = 'client backend')::int,
       has_database_privilege(d.oid, 'CREATE') AND has_database_privilege(d.oid, 'TEMP'), current_user::text
FROM pg_database d, pg_roles r
WHERE d.datname = current_database() AND r.rolname = current_user`

// connectionProblems finds out whether as many connections as the port wants can be had.
func (t *target) connectionProblems(ctx context.Context) ([]Problem, error) {
	var free, databaseLimit, roleLimit, used int
	var mayCreate bool
	var role string
	row := t.conn.QueryRow(ctx, connectionsQuery)
	if err := row.Scan(&free, &databaseLimit, &roleLimit, &used, &mayCreate, &role); err != nil {
		return nil, err
	}
	if databaseLimit >= 0 {
		free = min(free, databaseLimit-1-len(t.sessions))
	}
	if roleLimit >= 0 {
		free = min(free, roleLimit-used)
	}
	var problems []Problem
	if free < minConnections {
		problems = append(problems, Problem{
			ID:   "target_connections",
			What: fmt.Sprintf("the server can give %d more connections, the port needs %d", max(free, 0), minConnections),
			Hint: "raise max_connections, or the limits of the database and the role (ALTER ROLE … CONNECTION LIMIT)",
		})
	}
	if !mayCreate {
		problems = append(problems, Problem{
			ID:   "target_privileges",
			What: fmt.Sprintf("role %q may not create schemas or temporary tables in the target", role),
			Hint: "make it the owner of its database: ALTER DATABASE name OWNER TO role;",
		})
	}
	pooled, err := postgres.BehindPooler(ctx, t.conn)
	if pooled {
		problems = append(problems, Problem{
			ID:   "target_pooler",
			What: "a connection pooler stands between this program and PostgreSQL; its sessions cannot hold locks and settings",
			Hint: "give host and port of PostgreSQL itself for the port",
		})
	}
	return problems, err
}
