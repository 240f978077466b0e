package server

import (
	"net/url"
	"strings"
)

// keywords writes a connection string in libpq's keyword form from names and values in turn.
func keywords(pairs ...string) string {
	var text strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		if i > 0 {
			text.WriteByte(' ')
		}
		text.WriteString(pairs[i] + "=" + quoteKeyword(pairs[i+1]))
	}
	return text.String()
}

// quoteKeyword quotes a value for libpq's keyword form (libpq, "Keyword/Value Connection Strings").
func quoteKeyword(value string) string {
	if value != "" && !strings.ContainsAny(value, " '\\") {
		return value
	}
	return "'" + strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(value) + "'"
}

// withTarget returns a connection string that differs from the given one in database, user and password only.
func withTarget(dsn, database, user, password string) string {
	if address, err := url.Parse(dsn); err == nil && strings.HasPrefix(address.Scheme, "postgres") {
		address.Path, address.User = "/"+database, url.UserPassword(user, password)
		return address.String()
	}
	// The last of several equal keywords counts.
	return dsn + " " + keywords("user", user, "password", password, "dbname", database)
}
