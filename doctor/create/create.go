package create

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/doctor/connection"
	"github.com/synapsedb/synapse/doctor/finding"
	"github.com/synapsedb/synapse/engine/postgres"
)

// Database is one that the configuration names.
type Database struct {
	// Label is its name in the configuration.
	Label  string
	Config *postgres.Config
}

// Options say what to make.
type Options struct {
	Databases []Database
	// As is the administrator: a role, or a connection string or URI without a password. When it is empty, those are tried that may be one: the
	// operating system's user (or PGUSER), postgres, and the role of the configuration.
	As string
	// Sockets are the folders in which a server on this machine may have its socket; nil is the usual ones. An administrator is tried there,
	// too, when the configuration has the server's address.
	Sockets []string
	// Check only looks.
	Check bool
	// Log may be nil.
	Log *slog.Logger
}

// State says what became of a role or a database.
type State string

// The states.
const (
	Created State = "created"
	Exists  State = "exists"  // and was not touched
	Missing State = "missing" // and was not made, since that was not asked for
)

// Result is about one database of the configuration.
type Result struct {
	Label    string `json:"label"`
	Server   string `json:"server"`
	Database string `json:"database"`
	Role     string `json:"role"`
	// Administrator is the role that looked and made them.
	Administrator string `json:"administrator"`
	DatabaseState State  `json:"database_state"`
	RoleState     State  `json:"role_state"`
	// Statements are those that were run, or would be; passwords are left out.
	Statements []string `json:"statements"`
	// Differences are what a homeserver does not accept of a database that exists.
	Differences []string `json:"differences,omitempty"`
	// Problem is why the homeserver could not use the database now; nil when it can, or when that was not tried.
	Problem *finding.Finding `json:"problem,omitempty"`
}

// Usable reports whether nothing hinders the homeserver.
func (r *Result) Usable() bool { return len(r.Differences) == 0 && r.Problem == nil }

// Run makes what is missing, one database after the other. What was made stays when a later one fails, and the next run goes on there.
// The results are those until then.
func Run(ctx context.Context, options Options) ([]Result, error) {
	results := []Result{}
	for _, database := range options.Databases {
		m := &maker{options: options, config: database.Config}
		m.result = Result{
			Label: database.Label, Server: database.Config.Hosts()[0], Database: database.Config.Database(), Role: database.Config.User(),
			Statements: []string{},
		}
		if err := m.run(ctx); err != nil {
			return results, fmt.Errorf("%s: %w", database.Label, err)
		}
		results = append(results, m.result)
	}
	return results, nil
}

// maker makes one role and one database.
type maker struct {
	options Options
	config  *postgres.Config
	result  Result

	connection *pgx.Conn // the administrator's
	state      state
}

func (m *maker) run(ctx context.Context) error {
	if err := m.connect(ctx); err != nil {
		return err
	}
	defer m.close(ctx)
	if !m.options.Check {
		if err := m.lock(ctx); err != nil {
			return err
		}
	}
	if err := m.read(ctx); err != nil {
		return err
	}
	m.result.RoleState, m.result.DatabaseState = present(m.state.role), present(m.state.database != nil)
	if m.state.database != nil {
		m.compare()
	}
	m.result.Statements = m.statements()
	if m.options.Check {
		return nil
	}
	if err := m.make(ctx); err != nil {
		return err
	}
	m.prove(ctx)
	return nil
}

func present(there bool) State {
	if there {
		return Exists
	}
	return Missing
}

func (m *maker) close(ctx context.Context) {
	if m.connection != nil {
		_ = m.connection.Close(context.WithoutCancel(ctx)) // nothing is pending on it
		m.connection = nil
	}
}

// lockKey is of no other use on the database postgres; the number is chance.
const lockKey = 7325910684512347

// lock has a second run wait until the first one is done. It ends with the session.
func (m *maker) lock(ctx context.Context) error {
	behind, err := postgres.BehindPooler(ctx, m.connection)
	if err != nil {
		return err
	}
	if behind {
		return postgres.ErrPooler
	}
	if _, err := m.connection.Exec(ctx, "SELECT pg_advisory_lock($1)", int64(lockKey)); err != nil {
		return fmt.Errorf("wait for another run of the same command: %w", err)
	}
	return nil
}

// compare says what a homeserver would not accept.
func (m *maker) compare() {
	for _, problem := range m.state.database.Problems(postgres.Rules{AllowUnsafeLocale: m.config.AllowUnsafeLocale, AllowReadOnly: true}) {
		m.result.Differences = append(m.result.Differences, problem.What+"; "+problem.Hint)
	}
	if owner := m.state.database.Owner; owner != m.config.User() {
		m.result.Differences = append(m.result.Differences, fmt.Sprintf("the database belongs to %q, not to %q; the homeserver may be unable to create tables: ALTER DATABASE %s OWNER TO %s",
			owner, m.config.User(), postgres.QuoteIdentifier(m.config.Database()), postgres.QuoteIdentifier(m.config.User())))
	}
}

// createDatabase is the statement. Since PostgreSQL 15 a cluster's own provider of locales may not be libc.
func (m *maker) createDatabase() string {
	statement := fmt.Sprintf("CREATE DATABASE %s OWNER %s ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
		postgres.QuoteIdentifier(m.config.Database()), postgres.QuoteIdentifier(m.config.User()))
	if m.state.version >= 150000 {
		statement += " LOCALE_PROVIDER libc"
	}
	return statement + " TEMPLATE template0"
}

// join makes the administrator a member of the role for as long as it takes: only a member may give a database to a role.
func (m *maker) join() (join, leave string) {
	role := postgres.QuoteIdentifier(m.config.User())
	return "GRANT " + role + " TO CURRENT_USER", "REVOKE " + role + " FROM CURRENT_USER"
}

// statements are what is missing, as it can be shown.
func (m *maker) statements() []string {
	needed := []string{}
	if !m.state.role {
		statement := "CREATE ROLE " + postgres.QuoteIdentifier(m.config.User()) + " LOGIN"
		if m.config.HasPassword() {
			statement += " PASSWORD '********'"
		}
		needed = append(needed, statement+";")
	}
	if m.state.database != nil {
		return needed
	}
	if m.state.mayGiveTo(m.config.User()) {
		return append(needed, m.createDatabase()+";")
	}
	join, leave := m.join()
	return append(needed, join+";", m.createDatabase()+";", leave+";")
}

// make runs what is missing. What somebody else has made since is as good.
func (m *maker) make(ctx context.Context) (err error) {
	if !m.state.role {
		if err := m.config.CreateRole(ctx, m.connection); err != nil && !already(err) {
			return err
		}
		m.result.RoleState = Created
	}
	if m.state.database != nil {
		return nil
	}
	if !m.state.mayGiveTo(m.config.User()) {
		join, leave := m.join()
		if err := m.exec(ctx, join); err != nil {
			return err
		}
		defer func() { err = errors.Join(err, m.exec(context.WithoutCancel(ctx), leave)) }()
	}
	if err := m.exec(ctx, m.createDatabase()); err != nil && !already(err) {
		return err
	}
	m.result.DatabaseState = Created
	return nil
}

// exec uses the simple protocol: CREATE DATABASE refuses to be part of a transaction or to be prepared.
func (m *maker) exec(ctx context.Context, statement string) error {
	if _, err := m.connection.Exec(ctx, statement, pgx.QueryExecModeSimpleProtocol); err != nil {
		return fmt.Errorf("%s: %w", statement, err)
	}
	return nil
}

// already reports whether somebody has made it meanwhile: it was there, or its name was just being taken.
func already(err error) bool {
	server, ok := errors.AsType[*pgconn.PgError](err)
	return ok && slices.Contains([]string{"42710", "42P04", "23505"}, server.Code)
}

// prove connects as the homeserver will.
func (m *maker) prove(ctx context.Context) {
	session, err := m.config.OpenSession(ctx, m.options.Log)
	if err == nil {
		err = session.Close()
	}
	if err == nil || ctx.Err() != nil {
		return
	}
	found, explained := connection.Explain(ctx, m.config, err)
	if !explained {
		found = finding.Finding{ID: "connection", Severity: finding.Error, What: err.Error(), Meaning: "the homeserver cannot use the database"}
	}
	m.result.Problem = &found
}
