package postgres_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
	"github.com/synapsedb/synapse/internal/dbtest"
)

// configOf reads the arguments for a test's database, with others on top.
func configOf(t *testing.T, database *dbtest.Database, others args) *postgres.Config {
	t.Helper()
	given := maps.Clone(database.Config)
	maps.Copy(given, others)
	config, _, err := postgres.ParseArgs(given)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// overTCP connects to the loopback address instead of the socket.
func overTCP(t *testing.T, others args) args {
	t.Helper()
	given := args{"host": "127.0.0.1", "port": dbtest.Postgres(t).Port()}
	maps.Copy(given, others)
	return given
}

func connect(t *testing.T, config *postgres.Config, parameters map[string]string) *pgx.Conn {
	t.Helper()
	connection, err := config.Connect(t.Context(), parameters)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return connection
}

func open(t *testing.T, config *postgres.Config) *postgres.Pool {
	t.Helper()
	pool, err := postgres.Open(t.Context(), config, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(pool.Close)
	return pool
}

func setting(t *testing.T, connection postgres.Querier, name string) string {
	t.Helper()
	var value string
	if err := connection.QueryRow(t.Context(), "SELECT current_setting($1)", name).Scan(&value); err != nil {
		t.Fatal(err)
	}
	return value
}

func TestEveryHarmlessKeyIsAcceptedByAServer(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewDatabase(t), overTCP(t, args{
		"application_name": "app", "fallback_application_name": "other", "channel_binding": "prefer", "client_encoding": "utf8",
		"connect_timeout": 20, "gssencmode": "prefer", "gsslib": "gssapi", "gssdelegation": 0, "keepalives": 1, "keepalives_count": 3,
		"keepalives_idle": 10, "keepalives_interval": 10, "krbsrvname": "postgres", "load_balance_hosts": "random",
		"max_protocol_version": "latest", "options": `-c work_mem=9MB --search-path=a,\ b`, "replication": "false", "require_auth": "scram-sha-256",
		"requirepeer": "", "ssl_min_protocol_version": "TLSv1.2", "sslcompression": 0, "sslcrl": "/x", "sslcrldir": "/x", "sslmode": "prefer",
		"sslnegotiation": "postgres", "sslsni": 1, "target_session_attrs": "read-write", "tcp_user_timeout": 30000, "async": false,
		"hostaddr": "127.0.0.1", "host": "name.invalid",
	}))
	connection := connect(t, config, nil)
	got := map[string]string{}
	want := map[string]string{"application_name": "app", "work_mem": "9MB", "search_path": "a, b", "client_encoding": "UTF8"}
	for name := range want {
		got[name] = setting(t, connection, name)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSessionsAreSetUpAsUpstreams(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	minute := time.Minute
	for name, test := range map[string]struct {
		change     func(*postgres.Config)
		parameters map[string]string
		want       map[string]string
	}{
		"by default": {
			func(*postgres.Config) {}, nil,
			map[string]string{"default_transaction_isolation": "repeatable read", "statement_timeout": "10min", "application_name": "synapse"},
		},
		"as configured": {
			func(c *postgres.Config) { c.StatementTimeout, c.SynchronousCommit = &minute, false }, nil,
			map[string]string{"statement_timeout": "1min", "synchronous_commit": "off"},
		},
		"the server's timeout": {
			func(c *postgres.Config) { c.StatementTimeout = nil }, nil,
			map[string]string{"statement_timeout": "7s"},
		},
		"parameters of a connection": {
			func(*postgres.Config) {}, map[string]string{"statement_timeout": "0", "maintenance_work_mem": "99MB", "synchronous_commit": "off"},
			map[string]string{"statement_timeout": "0", "maintenance_work_mem": "99MB", "synchronous_commit": "off"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(t, database, args{"options": "-c statement_timeout=7s"})
			config.PoolMin = 0
			test.change(config)
			sessions := map[string]postgres.Querier{"connection": connect(t, config, test.parameters)}
			if test.parameters == nil {
				sessions["pool"] = open(t, config)
			}
			for kind, session := range sessions {
				got := map[string]string{}
				for name := range test.want {
					got[name] = setting(t, session, name)
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("%s: %s", kind, diff)
				}
			}
		})
	}
}

func TestFailedConnectionsAreExplained(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	for name, test := range map[string]struct {
		args    args
		message string
	}{
		"no such database": {args{"dbname": "none such"}, "(SQLSTATE 3D000); create the database: createdb --encoding=UTF8 --locale=C --template=template0 --owner=" + database.Owner + " 'none such'"},
		"wrong password":   {overTCP(t, args{"password": "s3cr3t-m4rk3r"}), "(SQLSTATE 28P01); check user and password in database.args"},
		"refused":          {args{"host": "127.0.0.1", "port": 1}, "connection refused; check host and port in database.args, and that the server runs and listens there (listen_addresses)"},
		"no socket":        {args{"host": t.TempDir()}, "no such file or directory; check that the server runs and keeps its socket in the directory given as host"},
		"no abstract one":  {args{"host": "@none-such"}, "connection refused; check host and port"},
		"no such name":     {args{"host": "name.invalid"}, "check host in database.args: the name cannot be looked up"},
		"no TLS":           {overTCP(t, args{"sslmode": "require"}), "server refused TLS connection; check sslmode and the ssl keys in database.args against the server's ssl settings"},
		"bad option":       {args{"options": "-c no_such_parameter=1"}, "(SQLSTATE 42704); check options in database.args"},
		"not allowed in":   {overTCP(t, args{"host": "127.0.0.1", "require_auth": "md5"}), "authentication method requirement"},
		"another peer":     {args{"host": dbtest.Postgres(t).SocketDir(), "requirepeer": "nobody"}, `not as the required user; check requirepeer in database.args`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config := configOf(t, database, test.args)
			_, err := config.Connect(t.Context(), nil)
			var operator *engine.Error
			if !errors.As(err, &operator) {
				t.Fatalf("error %v of type %T", err, err)
			}
			if !strings.Contains(err.Error(), test.message) {
				t.Errorf("%q does not hold %q", err, test.message)
			}
			for _, text := range []string{fmt.Sprintf("%+v %#v", err, operator.Hint), operator.Object} {
				if strings.Contains(text, "s3cr3t-m4rk3r") || strings.Contains(text, database.Password) || strings.Contains(text, "\n") {
					t.Errorf("shows too much: %s", text)
				}
			}
			if _, poolErr := postgres.Open(t.Context(), config, nil); poolErr == nil || !errors.As(poolErr, &operator) {
				t.Errorf("pool: %v", poolErr)
			}
		})
	}
}

func TestPeerOfTheSocketIsVerified(t *testing.T) {
	t.Parallel()
	database := dbtest.NewDatabase(t)
	directory := dbtest.Postgres(t).SocketDir()
	_, err := configOf(t, database, args{"host": directory, "requirepeer": "nobody"}).Connect(t.Context(), nil)
	_, after, _ := strings.Cut(fmt.Sprint(err), `the server runs as "`)
	peer, _, found := strings.Cut(after, `"`)
	if !found {
		t.Fatalf("error %v", err)
	}
	connect(t, configOf(t, database, args{"host": directory, "requirepeer": peer}), nil)
}

func TestConnectionIsReplacedAfterItsLastTransaction(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewDatabase(t), nil)
	config.TxnLimit, config.PoolMin, config.PoolMax = 3, 0, 1
	pool := open(t, config)
	var processes []int
	for range 8 {
		var process int
		if err := pool.QueryRow(t.Context(), "SELECT pg_backend_pid()").Scan(&process); err != nil {
			t.Fatal(err)
		}
		processes = append(processes, process)
	}
	// Open used the first connection once.
	got := []bool{}
	for i := 1; i < len(processes); i++ {
		got = append(got, processes[i] == processes[i-1])
	}
	if diff := cmp.Diff([]bool{true, false, true, true, false, true, true}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNoticesAreLogged(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewDatabase(t), nil)
	config.PoolMin, config.PoolMax = 0, 1
	var log bytes.Buffer
	pool, err := postgres.Open(t.Context(), config, slog.New(slog.NewTextHandler(&log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := pool.Exec(t.Context(), "DO $$ BEGIN RAISE WARNING 'take care'; END $$"); err != nil {
		t.Fatal(err)
	}
	pool.Close()
	if !strings.Contains(log.String(), `level=WARN msg="postgres notice" code=01000 message="take care"`) {
		t.Error(log.String())
	}
}

func TestPoolOffersWhatItWraps(t *testing.T) {
	t.Parallel()
	config := configOf(t, dbtest.NewDatabase(t), nil)
	pool := open(t, config)
	rows, err := pool.Query(t.Context(), "SELECT 1 UNION ALL SELECT 2")
	if err != nil {
		t.Fatal(err)
	}
	if numbers, err := pgx.CollectRows(rows, pgx.RowTo[int]); err != nil || len(numbers) != 2 {
		t.Errorf("%v, %v", numbers, err)
	}
	connection, err := pool.Connect(t.Context(), map[string]string{"statement_timeout": "0"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = connection.Close(context.Background()) }()
	if pool.Config() != config || pool.Stat().MaxConns() != postgres.DefaultPoolMax {
		t.Error("not the pool's configuration")
	}
}

func TestQuoteIdentifier(t *testing.T) {
	t.Parallel()
	connection := dbtest.NewDatabase(t).Connect(t)
	for _, name := range []string{"plain", `with "quotes"`, "user", "Ümlaut; DROP", "%s $1"} {
		rows, err := connection.Query(t.Context(), "SELECT 1 AS "+postgres.QuoteIdentifier(name))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(name, rows.FieldDescriptions()[0].Name); diff != "" {
			t.Error(diff)
		}
		rows.Close()
	}
}

func TestHostsAreTriedInTurn(t *testing.T) {
	t.Parallel()
	server := dbtest.Postgres(t)
	database := dbtest.NewDatabase(t)
	config := configOf(t, database, args{"host": "127.0.0.1,127.0.0.1", "port": fmt.Sprintf("1,%d", server.Port()), "load_balance_hosts": "random"})
	connection := connect(t, config, nil)
	if port := connection.PgConn().Conn().RemoteAddr().String(); !strings.HasSuffix(port, fmt.Sprintf(":%d", server.Port())) {
		t.Errorf("connected to %s", port)
	}
	standby := configOf(t, database, overTCP(t, args{"target_session_attrs": "standby"}))
	if _, err := standby.Connect(t.Context(), nil); !errors.Is(err, pgconn.ErrPrimaryConnection) {
		t.Errorf("error %v", err)
	}
}
