package postgres

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/engine"
)

// MinimumVersion is the oldest server that is supported, as server_version_num.
const MinimumVersion = 100000

// Querier runs queries: a *pgx.Conn, a *Pool, a pgx.Tx.
type Querier interface {
	QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row
}

// ServerInfo is what a server says about itself and the current database.
type ServerInfo struct {
	// VersionNum is the version as a number: 150004 is 15.4.
	VersionNum int `json:"version_num"`
	// Version is the version as text.
	Version  string `json:"version"`
	Database string `json:"database"`
	// User is the current role, Owner the one that owns the database.
	User  string `json:"user"`
	Owner string `json:"owner"`
	// Encoding is the database's character set.
	Encoding string `json:"encoding"`
	// Collate and CType are the database's datcollate and datctype.
	Collate string `json:"collate"`
	CType   string `json:"ctype"`
	// LocaleProvider is "libc", "icu" or "builtin"; it is libc before
	// PostgreSQL 15. ProviderLocale is the locale of the other two.
	LocaleProvider string `json:"locale_provider"`
	ProviderLocale string `json:"provider_locale,omitempty"`
	// Standby is true when the server is in recovery.
	Standby bool `json:"standby"`
	// ReadOnly is true when transactions are read-only, as they are on a
	// standby.
	ReadOnly bool `json:"read_only"`
}

const versionSQL = `SELECT current_setting('server_version_num')::int, current_setting('server_version'), current_database()`

// inspectSQL reads the row as JSON because the columns of the locale's
// provider differ between versions.
const inspectSQL = `SELECT current_user::text, pg_get_userbyid(d.datdba)::text,
	current_setting('server_encoding'), d.datcollate::text, d.datctype::text,
	coalesce(to_jsonb(d)->>'datlocprovider', 'c'),
	coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', ''),
	pg_is_in_recovery(), current_setting('transaction_read_only')::bool
FROM pg_database AS d WHERE d.datname = current_database()`

// Inspect asks the server about itself. Of a server that is too old only the
// version and the database are known.
func Inspect(ctx context.Context, connection Querier) (*ServerInfo, error) {
	info := &ServerInfo{}
	err := connection.QueryRow(ctx, versionSQL).Scan(&info.VersionNum, &info.Version, &info.Database)
	if err != nil {
		return nil, fmt.Errorf("read the server's version: %w", err)
	}
	if info.VersionNum < MinimumVersion {
		return info, nil
	}
	var provider string
	err = connection.QueryRow(ctx, inspectSQL).Scan(&info.User, &info.Owner, &info.Encoding, &info.Collate, &info.CType,
		&provider, &info.ProviderLocale, &info.Standby, &info.ReadOnly)
	if err != nil {
		return nil, fmt.Errorf("read the database's encoding and locale: %w", err)
	}
	info.LocaleProvider = providerName(provider)
	return info, nil
}

func providerName(letter string) string {
	names := map[string]string{"c": "libc", "i": "icu", "b": "builtin"}
	return firstOf(names[letter], letter)
}

// Check inspects the server and judges it. The error is Problems when the
// database must not be used; the information is then given as well.
func Check(ctx context.Context, connection Querier, rules Rules) (*ServerInfo, error) {
	info, err := Inspect(ctx, connection)
	if err != nil {
		return nil, err
	}
	if problems := info.Problems(rules); len(problems) > 0 {
		return info, problems
	}
	return info, nil
}

// CheckSession is Check for a session on which a schema is created or changed.
func CheckSession(ctx context.Context, session engine.Querier, rules Rules) (*ServerInfo, error) {
	return Check(ctx, sessionQuerier{session}, rules)
}

// sessionQuerier lets an engine.Querier be asked in PostgreSQL's own way.
type sessionQuerier struct{ session engine.Querier }

func (q sessionQuerier) QueryRow(ctx context.Context, sql string, arguments ...any) pgx.Row {
	return q.session.QueryRow(ctx, sql, arguments...)
}

// Rules say what Check tolerates.
type Rules struct {
	// AllowUnsafeLocale accepts any locale (database.allow_unsafe_locale).
	AllowUnsafeLocale bool
	// AllowReadOnly accepts standbys and read-only sessions, for callers that
	// only read.
	AllowReadOnly bool
}

// What Check finds is of the types of package engine.
type (
	// ProblemID names a kind of problem.
	ProblemID = engine.ProblemID
	// Problem is one reason why a database must not be used.
	Problem = engine.Problem
	// Problems are all the reasons.
	Problems = engine.Problems
)

// The problems that Check finds.
const (
	ProblemVersion        ProblemID = "version"
	ProblemEncoding       ProblemID = "encoding"
	ProblemCollate        ProblemID = "collate"
	ProblemCType          ProblemID = "ctype"
	ProblemLocaleProvider ProblemID = "locale_provider"
	ProblemStandby        ProblemID = "standby"
	ProblemReadOnly       ProblemID = "read_only"
)
