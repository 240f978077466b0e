package create

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine/postgres"
)

// state is what is there, and what the administrator may do.
type state struct {
	version                     int
	user                        string
	super, createRole, createDB bool
	role                        bool // the role of the configuration exists
	member                      bool // the administrator may give things to it
	database                    *postgres.ServerInfo
}

func (s *state) mayGiveTo(role string) bool { return s.super || s.member || s.user == role }

// missing are the rights that the administrator would need and has not.
func (s *state) missing(role string) []string {
	if s.super {
		return nil
	}
	var rights []string
	if !s.role && !s.createRole {
		rights = append(rights, "CREATEROLE")
	}
	if s.database == nil && !s.createDB {
		rights = append(rights, "CREATEDB")
	}
	if s.database == nil && s.role && !s.mayGiveTo(role) && !s.createRole {
		rights = append(rights, "membership of "+role)
	}
	return rights
}

const administratorSQL = `SELECT current_setting('server_version_num')::int, rolname::text, rolsuper, rolcreaterole, rolcreatedb
FROM pg_roles WHERE rolname = current_user`

const roleSQL = `SELECT count(*) > 0, coalesce(bool_or(pg_has_role(current_user, oid, $2)), false) FROM pg_roles WHERE rolname = $1`

// databaseSQL reads the row as JSON because the columns of the locale's provider differ between versions.
const databaseSQL = `SELECT pg_get_userbyid(d.datdba)::text, pg_encoding_to_char(d.encoding)::text, d.datcollate::text, d.datctype::text,
	CASE coalesce(to_jsonb(d)->>'datlocprovider', 'c') WHEN 'c' THEN 'libc' WHEN 'i' THEN 'icu' WHEN 'b' THEN 'builtin' ELSE to_jsonb(d)->>'datlocprovider' END,
	coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', '')
FROM pg_database AS d WHERE d.datname = $1`

// read looks at what is there.
func (m *maker) read(ctx context.Context) error {
	s := state{}
	if err := m.connection.QueryRow(ctx, administratorSQL).Scan(&s.version, &s.user, &s.super, &s.createRole, &s.createDB); err != nil {
		return fmt.Errorf("read the administrator's rights: %w", err)
	}
	membership := "MEMBER"
	if s.version >= 160000 { // a member need no longer be allowed to act as the role
		membership = "SET"
	}
	if err := m.connection.QueryRow(ctx, roleSQL, m.config.User(), membership).Scan(&s.role, &s.member); err != nil {
		return fmt.Errorf("look for the role: %w", err)
	}
	info := &postgres.ServerInfo{VersionNum: s.version, Database: m.config.Database()}
	err := m.connection.QueryRow(ctx, databaseSQL, m.config.Database()).Scan(&info.Owner, &info.Encoding, &info.Collate, &info.CType, &info.LocaleProvider, &info.ProviderLocale)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("look for the database: %w", err)
	}
	if err == nil {
		s.database = info
	}
	m.state = s
	return nil
}

// RightsError says that nobody who was tried may make what is missing.
type RightsError struct {
	Database string
	// Tried are the roles, with what hindered each.
	Tried []string
}

// Error says what to do, too.
func (e *RightsError) Error() string {
	return fmt.Sprintf("nobody may create database %s or its role: %s; name an administrator by --as (a password comes from PGPASSWORD or ~/.pgpass), "+
		"run this as the operating system's user postgres, or give what --print-sql prints to psql", e.Database, strings.Join(e.Tried, "; "))
}

// connect finds somebody who may make what is missing.
func (m *maker) connect(ctx context.Context) error {
	var tried []string
	candidates, err := m.candidates(ctx)
	if err != nil {
		return err
	}
	for _, candidate := range candidates {
		missing, err := m.try(ctx, candidate)
		if err == nil && len(missing) == 0 {
			m.result.Administrator = m.state.user
			return nil
		}
		m.close(ctx)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			tried = append(tried, err.Error())
			continue
		}
		tried = append(tried, candidate.User()+" lacks "+strings.Join(missing, ", "))
	}
	return &RightsError{Database: m.config.Describe(), Tried: tried}
}

// try connects to a database that every server has.
func (m *maker) try(ctx context.Context, candidate *postgres.Config) (missing []string, err error) {
	m.connection, err = candidate.Connect(ctx, map[string]string{"application_name": "synapse create-database", "statement_timeout": "0"})
	if failure := candidate.FailureOf(err); failure != nil && failure.Kind == postgres.FailedDatabaseMissing {
		other, otherErr := candidate.In("template1")
		if otherErr != nil {
			return nil, otherErr
		}
		m.connection, err = other.Connect(ctx, map[string]string{"application_name": "synapse create-database", "statement_timeout": "0"})
	}
	if err != nil {
		return nil, err
	}
	if err := m.read(ctx); err != nil {
		return nil, err
	}
	return m.state.missing(m.config.User()), nil
}

// candidates are who may be an administrator.
func (m *maker) candidates(ctx context.Context) ([]*postgres.Config, error) {
	if m.options.As != "" {
		one, err := m.config.As(m.options.As)
		if err != nil {
			return nil, fmt.Errorf("--as: %w", err)
		}
		if one.Database() == m.config.Database() { // it names none
			one, err = one.In("postgres")
		}
		return []*postgres.Config{one}, err
	}
	own, err := m.config.In("postgres")
	if err != nil {
		return nil, err
	}
	var found []*postgres.Config
	for _, login := range append(m.socketLogins(ctx), administrators(m.config.User())...) {
		other, err := own.As(login)
		if err != nil {
			return nil, err
		}
		found = append(found, other)
	}
	return append(found, own), nil
}

// usualSockets are the folders in which servers keep their sockets: Debian's and Red Hat's, and PostgreSQL's own.
func usualSockets() []string { return []string{"/var/run/postgresql", "/run/postgresql", "/tmp"} }

// socketLogins are for a server on this machine that is configured by its address: an administrator is let in at the socket, as a rule, and
// needs a password elsewhere. A server has the same port at both.
func (m *maker) socketLogins(ctx context.Context) []string {
	_, port, err := net.SplitHostPort(m.result.Server)
	if err != nil || strings.HasPrefix(m.result.Server, "/") || m.config.Remote(ctx) != "" {
		return nil
	}
	folders := m.options.Sockets
	if folders == nil {
		folders = usualSockets()
	}
	index := slices.IndexFunc(folders, func(folder string) bool {
		_, err := os.Stat(filepath.Join(folder, ".s.PGSQL."+port))
		return err == nil
	})
	if index < 0 {
		return nil
	}
	var logins []string
	for _, name := range administrators(m.config.User()) {
		quoted := "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(name) + "'"
		logins = append(logins, fmt.Sprintf("host=%s port=%s user=%s", folders[index], port, quoted))
	}
	return logins
}

// administrators are names to try, apart from the configuration's own role.
func administrators(own string) []string {
	names := []string{os.Getenv("PGUSER"), "postgres"}
	if current, err := user.Current(); err == nil {
		names = slices.Insert(names, 1, current.Username)
	}
	var different []string
	for _, name := range names {
		if name != "" && name != own && !slices.Contains(different, name) {
			different = append(different, name)
		}
	}
	return different
}
