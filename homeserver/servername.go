package homeserver

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"

	"github.com/synapsedb/synapse/engine"
)

// Config is what the steps of an upgrade know of the homeserver whose database it is: the value of schema.Options.Config
// for upstream's set and for ours.
type Config struct {
	// ServerName is the part of a user's id after the first ":", server_name in homeserver.yaml. Empty means that it is
	// not known, and is taken from the users.
	ServerName string
	// AllowUnsafeLocale accepts a PostgreSQL database whose locale is not C (allow_unsafe_locale in homeserver.yaml).
	AllowUnsafeLocale bool
}

// ServerNameError says that a database belongs to a homeserver of another name, or that no name could be found.
type ServerNameError struct {
	// Configured is the name that was given, empty for none.
	Configured string
	// Found is the name in the id of User, empty when there is no user to tell.
	Found string
	// User is one user of the database.
	User string
}

// Error says what to do.
func (e *ServerNameError) Error() string {
	switch {
	case e.Configured == "":
		return "the name of the homeserver is needed to complete the ids of its users, and no user tells it; give server_name in the configuration"
	case e.Found == "":
		return fmt.Sprintf("the user %q of this database has no server name in its id, but server_name is %q; give the database of this homeserver", e.User, e.Configured)
	}
	return fmt.Sprintf("this is the database of the homeserver %q (its user %q says so), but server_name is %q: the name of a homeserver cannot be changed; "+
		"correct server_name, or give the database of this homeserver", e.Found, e.User, e.Configured)
}

// CheckServerName refuses the database of another homeserver by a *ServerNameError: it looks at one user, as upstream
// does. A database without users can belong to any.
func CheckServerName(ctx context.Context, database engine.Querier, serverName string) error {
	user, found, err := FindServerName(ctx, database)
	if err != nil {
		return err
	}
	if user != "" && found != serverName {
		return &ServerNameError{Configured: serverName, Found: found, User: user}
	}
	return nil
}

// FindServerName reads the name of the homeserver from the id of one user; both are empty when there is none.
func FindServerName(ctx context.Context, database engine.Querier) (user, serverName string, err error) {
	err = database.QueryRow(ctx, "SELECT name FROM users LIMIT 1").Scan(&user)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", "", fmt.Errorf("read the name of a user: %w", err)
	}
	_, serverName, _ = strings.Cut(user, ":")
	return user, serverName, nil
}
