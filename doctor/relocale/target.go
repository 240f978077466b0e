package relocale

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
)

// providerVersion is the first server whose databases choose the provider of their locale.
const providerVersion = 150000

// createStatement makes a database as a homeserver wants it.
func createStatement(source *database, name string) string {
	words := []string{
		"CREATE DATABASE", postgres.QuoteIdentifier(name), "OWNER", postgres.QuoteIdentifier(source.owner),
		"TEMPLATE template0 ENCODING 'UTF8' LC_COLLATE 'C' LC_CTYPE 'C'",
	}
	if source.version >= providerVersion {
		words = append(words, "LOCALE_PROVIDER libc")
	}
	if source.tablespace != "pg_default" {
		words = append(words, "TABLESPACE", postgres.QuoteIdentifier(source.tablespace))
	}
	return strings.Join(words, " ")
}

// create makes the new database under a name that nobody has configured, and marks it as ours before anything else is done.
func (r *run) create(ctx context.Context) error {
	folder, err := filepath.Abs(filepath.Join(r.options.Folder, folderBegins+r.chance))
	if err != nil {
		return err
	}
	r.made = &made{
		name: workName(r.source.oid, r.chance), unnamed: true, marked: true,
		marker: marker{Source: r.source.name, OID: r.source.oid, To: r.options.To, Folder: folder},
	}
	if err := execute(ctx, r.control, createStatement(r.source, r.made.name)); err != nil {
		return err
	}
	if err := r.mark(ctx, r.control, r.made.name, r.made.marker, ""); err != nil {
		return err
	}
	if err := os.Mkdir(folder, 0o700); err != nil { // nobody else is to read it
		return err
	}
	return r.control.QueryRow(ctx, "SELECT oid FROM pg_database WHERE datname = $1", r.made.name).Scan(&r.made.oid)
}

func (r *run) mark(ctx context.Context, on *pgx.Conn, name string, as marker, before string) error {
	text, err := as.comment(before)
	if err != nil {
		return err
	}
	return execute(ctx, on, fmt.Sprintf("COMMENT ON DATABASE %s IS %s", postgres.QuoteIdentifier(name), postgres.QuoteLiteral(text)))
}

// work is how to connect to the new database as long as it has no name.
func (r *run) work() (*postgres.Config, error) { return r.options.As.In(r.made.name) }

func (r *run) analyze(ctx context.Context) error {
	r.meter.Enter(PhaseAnalyze, 0)
	config, err := r.work()
	if err != nil {
		return err
	}
	connection, err := connect(ctx, config, map[string]string{"enable_indexscan": "on", "client_min_messages": "error"})
	if err != nil {
		return err
	}
	defer closeNow(connection)
	return execute(ctx, connection, "ANALYZE")
}

// rehearse does the end and takes it back, so that a right that is missing there is known before hours have gone by.
func (r *run) rehearse(ctx context.Context) error { return r.finishing(ctx, "ROLLBACK") }

// finish gives the new database everything that the old one has as a database, and its name, in one transaction.
func (r *run) finish(ctx context.Context) error {
	r.meter.Enter(PhaseFinish, 0)
	if err := r.mustBeAlone(ctx); err != nil {
		return err
	}
	if err := removeFolder(r.made.marker.Folder); err != nil { // while the marker still says where it is
		return err
	}
	if err := r.finishing(ctx, "COMMIT"); err != nil {
		return err
	}
	r.report.GoBack = []string{doorStatement(r.source.name, true)}
	r.report.Drop = "DROP DATABASE " + postgres.QuoteIdentifier(r.source.name)
	return nil
}

func (r *run) finishing(ctx context.Context, end string) (err error) {
	statements, err := r.properties(ctx)
	if err != nil {
		return err
	}
	statements = append(statements, fmt.Sprintf("ALTER DATABASE %s RENAME TO %s", postgres.QuoteIdentifier(r.made.name), postgres.QuoteIdentifier(r.options.To)))
	if err := execute(ctx, r.control, "BEGIN"); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = execute(context.WithoutCancel(ctx), r.control, "ROLLBACK") // the error before is what counts
		}
	}()
	for _, statement := range statements {
		if err := execute(ctx, r.control, statement); err != nil {
			return fmt.Errorf("%s: %w", statement, err)
		}
	}
	named := r.made.marker
	named.Folder = ""
	if err := r.mark(ctx, r.control, r.options.To, named, r.source.comment); err != nil {
		return err
	}
	return execute(ctx, r.control, end)
}

// properties are what pg_dump leaves out: privileges on the database itself, its settings, and those that roles have in it.
func (r *run) properties(ctx context.Context) (statements []string, err error) {
	if r.source.limit >= 0 {
		statements = append(statements, fmt.Sprintf("ALTER DATABASE %s CONNECTION LIMIT %d", postgres.QuoteIdentifier(r.made.name), r.source.limit))
	}
	settings, err := r.settings(ctx)
	if err != nil {
		return nil, err
	}
	privileges, err := r.privileges(ctx)
	return slices.Concat(statements, settings, privileges), err
}

const settingsSQL = `SELECT coalesce(r.rolname, ''), split_part(c.setting, '=', 1), substr(c.setting, strpos(c.setting, '=') + 1)
FROM pg_db_role_setting AS s LEFT JOIN pg_roles AS r ON r.oid = s.setrole, unnest(s.setconfig) AS c(setting) WHERE s.setdatabase = $1`

// lists are the settings that hold a list of names, which the catalog keeps quoted (GUC_LIST_QUOTE in PostgreSQL's guc_tables).
func lists() []string {
	return []string{"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"}
}

func (r *run) settings(ctx context.Context) (statements []string, err error) {
	rows, err := r.control.Query(ctx, settingsSQL, r.source.oid)
	if err != nil {
		return nil, fmt.Errorf("read the settings of the database: %w", err)
	}
	defer rows.Close()
	for rows.Next() {
		var role, name, value string
		if err := rows.Scan(&role, &name, &value); err != nil {
			return nil, err
		}
		alter := "ALTER DATABASE " + postgres.QuoteIdentifier(r.made.name)
		if role != "" {
			alter = fmt.Sprintf("ALTER ROLE %s IN DATABASE %s", postgres.QuoteIdentifier(role), postgres.QuoteIdentifier(r.made.name))
		}
		if !slices.Contains(lists(), strings.ToLower(name)) || value == "" {
			value = postgres.QuoteLiteral(value)
		}
		statements = append(statements, fmt.Sprintf("%s SET %s TO %s", alter, settingName(name), value))
	}
	return statements, rows.Err()
}

// settingName quotes the parts of a setting's name, which may be an extension's.
func settingName(name string) string {
	parts := strings.Split(name, ".")
	for i, part := range parts {
		parts[i] = postgres.QuoteIdentifier(part)
	}
	return strings.Join(parts, ".")
}

const privilegesSQL = `SELECT coalesce(r.rolname, ''), a.privilege_type, a.is_grantable
FROM pg_database AS d, aclexplode(d.datacl) AS a LEFT JOIN pg_roles AS r ON r.oid = a.grantee WHERE d.oid = $1 ORDER BY a.is_grantable, 1, 2`

// privileges come last: they may keep this role itself out.
func (r *run) privileges(ctx context.Context) (statements []string, err error) {
	rows, err := r.control.Query(ctx, privilegesSQL, r.source.oid)
	if err != nil {
		return nil, fmt.Errorf("read the privileges on the database: %w", err)
	}
	defer rows.Close()
	name := postgres.QuoteIdentifier(r.made.name)
	for rows.Next() {
		var role, privilege, option string
		var grantable bool
		if err := rows.Scan(&role, &privilege, &grantable); err != nil {
			return nil, err
		}
		if len(statements) == 0 {
			statements = append(statements, fmt.Sprintf("REVOKE ALL ON DATABASE %s FROM PUBLIC, %s", name, postgres.QuoteIdentifier(r.source.owner)))
		}
		grantee := "PUBLIC"
		if role != "" {
			grantee = postgres.QuoteIdentifier(role)
		}
		if grantable {
			option = " WITH GRANT OPTION"
		}
		statements = append(statements, fmt.Sprintf("GRANT %s ON DATABASE %s TO %s%s", privilege, name, grantee, option))
	}
	return statements, rows.Err()
}
