package port_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/synapsedb/synapse/internal/dbtest"
	"github.com/synapsedb/synapse/internal/server"
)

// serverRefusals are about the way to the server, what it is and what it allows the role.
func serverRefusals() map[string]refusal {
	return map[string]refusal{
		"server not there": {
			shares: true, want: []string{"target_unreachable"}, says: []string{"127.0.0.1"},
			arrange: func(t *testing.T, s *scene) { s.args["host"], s.args["port"] = "127.0.0.1", closedPort(t) },
		},
		"wrong password": {
			shares: true, want: []string{"target_unreachable"}, says: []string{"password"},
			arrange: func(_ *testing.T, s *scene) { s.args["password"] = "marker-of-a-wrong-one" },
		},
		"no such database": {
			shares: true, want: []string{"target_unreachable"}, says: []string{"no_such_database"},
			arrange: func(_ *testing.T, s *scene) { s.args["dbname"] = "no_such_database" },
		},
		"too old": {
			want: []string{"target_version"}, says: []string{"9.6.24", "10 is the oldest"},
			arrange: func(t *testing.T, s *scene) {
				// Older servers than ten are not to be had; this one says that it is one.
				s.asSuperuser(t, "CREATE SCHEMA pretence", "GRANT USAGE ON SCHEMA pretence TO NAME",
					`CREATE FUNCTION pretence.current_setting(text) RETURNS text LANGUAGE sql
					AS $$SELECT CASE $1 WHEN 'server_version_num' THEN '90624' ELSE '9.6.24' END$$`,
					"ALTER ROLE NAME SET search_path = pretence, pg_catalog, public")
			},
		},
		"encoding LATIN1": {
			want: []string{"target_encoding"}, says: []string{"LATIN1, not UTF8", "createdb --encoding=UTF8"},
			target: encoded("LATIN1"),
		},
		"encoding SQL_ASCII": {
			want: []string{"target_encoding"}, says: []string{"SQL_ASCII, not UTF8"}, target: encoded("SQL_ASCII"),
		},
		"locale C.UTF-8": {
			want: []string{"target_collate", "target_ctype"}, says: []string{"allow_unsafe_locale"}, target: located("C.UTF-8", "C.UTF-8"),
		},
		"collation only":      {want: []string{"target_collate"}, target: located("C.UTF-8", "C")},
		"character type only": {want: []string{"target_ctype"}, target: located("C", "C.UTF-8")},
		"locale of ICU": {
			want: []string{"target_locale_provider"}, says: []string{"icu", "--locale-provider=libc"}, target: byICU,
		},
		"read-only role": {
			want: []string{"target_read_only"}, says: []string{"default_transaction_read_only"},
			arrange: func(t *testing.T, s *scene) {
				s.asSuperuser(t, "ALTER ROLE NAME SET default_transaction_read_only = on")
			},
		},
		"standby": {want: []string{"target_standby"}, says: []string{"target_session_attrs"}, arrange: useStandby},
		"pooler": {
			shares: true, want: []string{"target_pooler"}, says: []string{"PostgreSQL itself"},
			arrange: func(t *testing.T, s *scene) {
				s.args["host"], s.args["port"], s.args["sslmode"] = "127.0.0.1", startPooler(t), "disable"
			},
		},
		"connection limit of the role": {
			want: []string{"target_connections"}, says: []string{"CONNECTION LIMIT"},
			arrange: func(t *testing.T, s *scene) { s.asSuperuser(t, "ALTER ROLE NAME CONNECTION LIMIT 2") },
		},
		"connection limit of the database": {
			want:    []string{"target_connections"},
			arrange: func(t *testing.T, s *scene) { s.asSuperuser(t, "ALTER DATABASE NAME CONNECTION LIMIT 2") },
		},
		"not the database's owner": {
			want: []string{"target_privileges"}, says: []string{"ALTER DATABASE name OWNER TO role;"},
			arrange: func(t *testing.T, s *scene) { s.asSuperuser(t, "ALTER DATABASE NAME OWNER TO CURRENT_USER") },
		},
		"no temporary tables": {
			want: []string{"target_privileges"},
			arrange: func(t *testing.T, s *scene) {
				s.asSuperuser(t, "ALTER DATABASE NAME OWNER TO CURRENT_USER", "GRANT CREATE ON DATABASE NAME TO NAME",
					"REVOKE TEMP ON DATABASE NAME FROM PUBLIC")
			},
		},
		"not the tables' owner": {
			want: []string{"target_not_owner"}, says: []string{"rooms, users"},
			arrange: func(t *testing.T, s *scene) {
				s.asSuperuser(t, "ALTER TABLE users OWNER TO CURRENT_USER", "ALTER TABLE rooms OWNER TO CURRENT_USER",
					"GRANT ALL ON users, rooms TO NAME")
			},
		},
		"tables that cannot be read": {
			want: []string{"target_unreadable"}, says: []string{"permission denied"},
			arrange: func(t *testing.T, s *scene) { s.asSuperuser(t, "ALTER TABLE schema_version OWNER TO CURRENT_USER") },
		},
	}
}

func closedPort(t *testing.T) int {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().(*net.TCPAddr).Port
}

func encoded(encoding string) func(*testing.T) *dbtest.Database {
	return func(t *testing.T) *dbtest.Database {
		return preparedTarget(t, func(o *server.DatabaseOptions) { o.Encoding = encoding })
	}
}

func located(collate, ctype string) func(*testing.T) *dbtest.Database {
	return func(t *testing.T) *dbtest.Database {
		return preparedTarget(t, func(o *server.DatabaseOptions) { o.Collate, o.CType = collate, ctype })
	}
}

// byICU makes a database whose texts ICU sorts, although the catalog says C.
func byICU(t *testing.T) *dbtest.Database {
	t.Helper()
	database := dbtest.NewDatabase(t)
	conn, err := dbtest.Postgres(t).Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	for _, statement := range []string{
		"DROP DATABASE " + database.Name,
		"CREATE DATABASE " + database.Name + " OWNER " + database.Owner +
			" ENCODING 'UTF8' LOCALE 'C' LOCALE_PROVIDER icu ICU_LOCALE 'de' TEMPLATE template0",
	} {
		if _, err := conn.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	prepare(t, database)
	return database
}

// useStandby makes the target a server that waits for a primary to tell it what to do.
func useStandby(t *testing.T, s *scene) {
	t.Helper()
	private := dbtest.StartPostgres(t, server.PostgresOptions{})
	conn, err := private.Connect(t.Context(), "postgres")
	if err != nil {
		t.Fatal(err)
	}
	var folder string
	err = errors.Join(conn.QueryRow(t.Context(), "SHOW data_directory").Scan(&folder),
		conn.Close(t.Context()), createOn(t, private, "postgres"),
		os.WriteFile(filepath.Join(folder, "standby.signal"), nil, 0o644),
		private.Restart(t.Context()))
	if err != nil {
		t.Fatal(err)
	}
	s.dump = private.DSN("postgres", private.Superuser())
	s.args = map[string]any{
		"host": private.SocketDir(), "port": private.Port(), "user": private.Superuser(), "dbname": "postgres", "password": "unused-marker",
	}
	awaitStandby(t, s.dump)
}

// awaitStandby returns when queries are answered.
func awaitStandby(t *testing.T, dsn string) {
	t.Helper()
	for {
		conn, err := pgx.Connect(t.Context(), dsn)
		if err == nil {
			_ = conn.Close(t.Context())
			return
		}
		if t.Context().Err() != nil {
			t.Fatal(err)
		}
	}
}
