package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// RefusesValue reports whether an error says that the server does not take a value for what it is: its size, its encoding, or a constraint. These are
// the classes 22, 23 and 54 (https://www.postgresql.org/docs/current/errcodes-appendix.html).
func RefusesValue(err error) bool {
	server, isServer := errors.AsType[*pgconn.PgError](err)
	return isServer && (strings.HasPrefix(server.Code, "22") || strings.HasPrefix(server.Code, "23") || strings.HasPrefix(server.Code, "54"))
}
