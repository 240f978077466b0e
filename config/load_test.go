package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/engine/postgres"
)

// write makes files in a new directory and gives its path.
func write(t *testing.T, files map[string]string) string {
	t.Helper()
	folder := t.TempDir()
	for name, text := range files {
		path := filepath.Join(folder, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return folder
}

// load loads one file with the given text.
func load(t *testing.T, text string) (*config.Config, error) {
	t.Helper()
	return config.Load(filepath.Join(write(t, map[string]string{"homeserver.yaml": text}), "homeserver.yaml"))
}

func mustLoad(t *testing.T, text string) *config.Config {
	t.Helper()
	loaded, err := load(t, text)
	if err != nil {
		t.Fatal(err)
	}
	return loaded
}

const postgresText = `
server_name: example.com
media_store_path: /srv/media
database:
  name: psycopg2
  txn_limit: 10000
  statement_timeout: 60000
  synchronous_commit: no
  allow_unsafe_locale: true
  args:
    user: synapse_user
    password: "secret"
    database: synapse
    host: db.example.com
    port: 5433
    cp_min: 2
    cp_max: 8
    cp_reconnect: true
`

func TestPostgresSectionIsReadWhole(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, postgresText)
	database := loaded.Databases[0]
	timeout := time.Minute
	got := map[string]any{
		"server": loaded.ServerName, "media": loaded.MediaStorePath, "label": database.Label, "name": database.Name,
		"engine": database.Engine, "stores": database.DataStores, "limit": database.TxnLimit, "where": database.Postgres.Describe(),
		"min": database.Postgres.PoolMin, "max": database.Postgres.PoolMax, "timeout": *database.Postgres.StatementTimeout,
		"sync": database.Postgres.SynchronousCommit, "unsafe": database.Postgres.AllowUnsafeLocale, "pgLimit": database.Postgres.TxnLimit,
		"line": database.Position.Line,
	}
	want := map[string]any{
		"server": "example.com", "media": "/srv/media", "label": "master", "name": "psycopg2",
		"engine": engine.Postgres, "stores": []string{"main", "state"}, "limit": 10000, "where": "synapse_user@db.example.com:5433/synapse",
		"min": 2, "max": 8, "timeout": timeout, "sync": false, "unsafe": true, "pgLimit": 10000,
		"line": 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if len(loaded.Warnings) != 1 || loaded.Warnings[0].Key != "cp_reconnect" || loaded.Warnings[0].Position.Line != 18 {
		t.Errorf("warnings: %v", loaded.Warnings)
	}
}

func TestDefaults(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, "database: {name: psycopg2, args: {user: u, host: h}}\n")
	database := loaded.Databases[0].Postgres
	if *database.StatementTimeout != postgres.DefaultStatementTimeout || !database.SynchronousCommit || database.AllowUnsafeLocale ||
		database.PoolMin != 3 || database.PoolMax != 5 || database.TxnLimit != 0 {
		t.Errorf("defaults: timeout %v, pool %d to %d", database.StatementTimeout, database.PoolMin, database.PoolMax)
	}
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(working, "media_store"); loaded.MediaStorePath != want {
		t.Errorf("media store %s, want %s", loaded.MediaStorePath, want)
	}
}

func TestStatementTimeoutNullLeavesTheServers(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, "database: {name: psycopg2, statement_timeout: null, args: {cp_max: 2}}\n")
	if database := loaded.Databases[0].Postgres; database.StatementTimeout != nil || database.PoolMin != 2 {
		t.Errorf("timeout %v, pool minimum %d", database.StatementTimeout, database.PoolMin)
	}
}

func TestDirectoriesAndMerging(t *testing.T) {
	t.Parallel()
	folder := write(t, map[string]string{
		"homeserver.yaml":         "server_name: one.example.com\ndatabase: {name: sqlite3, args: {database: /one.db}}\n",
		"conf.d/10_name.yaml":     "server_name: two.example.com\n",
		"conf.d/20_db.yaml":       "database:\n  name: psycopg2\n  args: {user: u, host: h, dbname: d}\n",
		"conf.d/30_empty.yaml":    "# nothing\n",
		"conf.d/40_list.yaml":     "- a\n- b\n",
		"conf.d/other.yml":        "server_name: three.example.com\n",
		"conf.d/sub.yaml/db.yaml": "server_name: four.example.com\n",
	})
	confd := filepath.Join(folder, "conf.d")
	loaded, err := config.Load(filepath.Join(folder, "homeserver.yaml"), confd)
	if err != nil {
		t.Fatal(err)
	}
	if loaded.ServerName != "two.example.com" || loaded.Databases[0].Engine != engine.Postgres || loaded.Databases[0].SQLitePath != "" {
		t.Errorf("not merged: %s, %s", loaded.ServerName, loaded.Databases[0].Engine)
	}
	wantFiles := []string{filepath.Join(folder, "homeserver.yaml"), filepath.Join(confd, "10_name.yaml"), filepath.Join(confd, "20_db.yaml")}
	if diff := cmp.Diff(wantFiles, loaded.Files); diff != "" {
		t.Error(diff)
	}
	wantNotes := []string{
		filepath.Join(confd, "other.yml") + " is not read: its name does not end in .yaml",
		filepath.Join(confd, "sub.yaml") + " is not read: it is not a regular file",
		filepath.Join(confd, "30_empty.yaml") + " is not read: it is empty",
		filepath.Join(confd, "40_list.yaml") + " is not read: it is not a mapping",
	}
	if diff := cmp.Diff(wantNotes, loaded.Notes); diff != "" {
		t.Error(diff)
	}
}

func TestSQLiteSections(t *testing.T) {
	t.Parallel()
	working, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]string{
		"database: {name: sqlite3, args: {database: /var/lib/hs.db}}":             "/var/lib/hs.db",
		"database: {name: sqlite, args: {database: hs.db, cp_max: 1}}":            filepath.Join(working, "hs.db"),
		"database: {name: sqlite3, args: {database: ':memory:'}}":                 config.InMemory,
		"database: {name: sqlite3}":                                               config.InMemory,
		"database: {name: sqlite3, args: {database: /a.db, uri: false}}":          "/a.db",
		"database_path: /old.db":                                                  "/old.db",
		"database_path: ':memory:'":                                               config.InMemory,
		"database: {name: sqlite3, args: {database: /a.db}}\ndatabase_path: /b":   "/a.db",
		"database: {name: sqlite3, statement_timeout: 1, args: {database: /a}}":   "/a",
		"x: &p /anchored.db\ndatabase: {name: sqlite3, args: {database: *p}}":     "/anchored.db",
		"database: {name: sqlite3, args: {database: !!str 12}, data_stores: ~}\n": filepath.Join(working, "12"),
	} {
		loaded, err := load(t, text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := loaded.Databases[0].SQLitePath; got != want {
			t.Errorf("%s: path %q, want %q", text, got, want)
		}
	}
}

func TestSeveralDatabases(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, `
base: &base
  name: psycopg2
  args: &args {user: u, host: h, keepalives_idle: 10}
databases:
  master:
    <<: *base
    data_stores: [main]
  other:
    name: psycopg2
    data_stores: ["state"]
    args:
      <<: *args
      host: other
      dbname: states
`)
	var got []string
	for _, database := range loaded.Databases {
		got = append(got, database.Label+" "+strings.Join(database.DataStores, ",")+" "+database.Postgres.Describe())
	}
	want := []string{"master main u@h:5432/u", "other state u@other:5432/states"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestProblemsAreTypedAndPlaced(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		text string
		want []string
	}{
		"unknown key with its place": {
			"database:\n  name: psycopg2\n  args:\n    prot: 5432\n  pool: 3\n",
			[]string{"5:3: database: unknown key pool", "4:5: database.args: unknown key prot; did you mean port?"},
		},
		"unknown pool key": {
			"database:\n  name: psycopg2\n  args:\n    cp_maximum: 5\n    cp_maxx: 3\n",
			[]string{"4:5: database.args: unknown key cp_maximum; did you mean cp_max?", "5:5: database.args: unknown key cp_maxx; did you mean cp_max?"},
		},
		"database level key among args": {
			"database:\n  name: psycopg2\n  args: {statement_timeout: 3}\n",
			[]string{"3:10: database.args: unknown key statement_timeout"},
		},
		"contradiction": {
			"database:\n  name: psycopg2\n  args:\n    dbname: a\n    database: b\n",
			[]string{"4:5: database.args: dbname and database: two names for one key, given with different values; keep one of them"},
		},
		"key given twice": {
			"database:\n  name: psycopg2\n  args:\n    host: a\n    host: b\n",
			[]string{"5:5: database.args: host: given more than once; keep one"},
		},
		"value out of range": {
			"database:\n  name: psycopg2\n  txn_limit: -1\n  args:\n    port: 70000\n    sslmode: maybe\n",
			[]string{
				"3:3: database: txn_limit: not such a number; allowed: 0 to 2147483647",
				"5:5: database.args: port: out of range; allowed: 1 to 65535, comma separated",
				"6:5: database.args: sslmode: none of the values it takes; allowed: disable, allow, prefer, require, verify-ca, verify-full",
			},
		},
		"number that must be quoted": {
			"database:\n  name: psycopg2\n  args:\n    password: 0123\n    user: 1.5\n",
			[]string{
				"4:5: database.args: password: neither text nor a plain number; write text in quotes",
				"5:5: database.args: user: neither text nor a plain number; write text in quotes",
			},
		},
		"pool upside down": {
			"database:\n  name: psycopg2\n  args: {cp_min: 9, cp_max: 3}\n",
			[]string{"3:10: database.args: cp_min and cp_max: the smallest pool is larger than the largest"},
		},
		"both forms": {
			"database: {name: sqlite3}\ndatabases: {a: {name: sqlite3}}\n",
			[]string{"2:1: databases and database: both are given; keep one of them"},
		},
		"old path with databases": {
			"databases: {a: {name: sqlite3}}\ndatabase_path: x\n",
			[]string{"2:1: database_path and databases: both are given; keep databases"},
		},
		"a store twice": {
			"databases:\n  a: {name: sqlite3, args: {database: a}}\n  b: {name: sqlite3, args: {database: b}}\n",
			[]string{
				"3:3: data_stores: more than one database keeps main; list main and state once each over all databases",
				"3:3: data_stores: more than one database keeps state; list main and state once each over all databases",
			},
		},
		"a store nowhere": {
			"database: {name: sqlite3, data_stores: [main]}\n",
			[]string{"1:1: data_stores: no database keeps state; list main and state once each over all databases"},
		},
		"unknown store": {
			"database:\n  name: sqlite3\n  data_stores: [main, common]\n",
			[]string{"3:23: database: data_stores: not a list of different stores; allowed: main, state"},
		},
		"SQLite as URI": {
			"database:\n  name: sqlite3\n  args: {database: 'file:x', uri: true, colour: red}\n",
			[]string{"3:30: database.args: uri: URIs are not supported; allowed: false", "3:41: database.args: unknown key colour"},
		},
		"not a mapping": {
			"database: psycopg2\n", []string{"1:1: database: not a mapping"},
		},
		"server name of another type": {
			"server_name: [x]\ndatabase: {name: sqlite3}\n", []string{"1:1: server_name: not text; allowed: text"},
		},
		"syntax": {"database:\n  name: 'x\n", []string{"2:9: could not find end character of single-quoted text"}},
		"second document": {
			"a: 1\n---\nb: 2\n", []string{"3:2: a second YAML document begins; a configuration file holds one"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := load(t, test.text)
			if err == nil {
				t.Fatal("no error")
			}
			var got []string
			for line := range strings.SplitSeq(err.Error(), "\n") {
				_, after, _ := strings.Cut(line, "homeserver.yaml:")
				got = append(got, after)
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsTheCommandLineTellsApart(t *testing.T) {
	t.Parallel()
	var missing *config.MissingNameError
	var unsupported *config.EngineError
	var syntax *config.SyntaxError
	var unknown *engine.UnknownKeyError
	for text, is := range map[string]func(error) bool{
		"server_name: x\n":              func(err error) bool { return errors.Is(err, config.ErrNoDatabase) },
		"database:\n":                   func(err error) bool { return errors.Is(err, config.ErrNoDatabase) },
		"databases: {}\n":               func(err error) bool { return errors.Is(err, config.ErrNoDatabase) },
		"database: {}\n":                func(err error) bool { return errors.As(err, &missing) },
		"database: {args: {user: x}}\n": func(err error) bool { return errors.As(err, &missing) },
		"database: {name: mysql}\n":     func(err error) bool { return errors.As(err, &unsupported) && unsupported.Engine == engine.MySQL },
		"database: {name: oracle}\n":    func(err error) bool { return errors.As(err, &unsupported) && unsupported.Engine == "" },
		"a: [\n":                        func(err error) bool { return errors.As(err, &syntax) },
		"database: {name: psycopg2, args: {hots: x}}\n":         func(err error) bool { return errors.As(err, &unknown) && unknown.Key == "hots" },
		"database: {name: psycopg2, args: {a: *undefined}}\n":   func(err error) bool { return errors.As(err, &unknown) },
		"a: &a {b: *a}\ndatabase: {name: psycopg2, args: *a}\n": func(err error) bool { return errors.As(err, &unknown) },
	} {
		if _, err := load(t, text); err == nil || !is(err) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestMissingFileAndNoPath(t *testing.T) {
	t.Parallel()
	if _, err := config.Load(filepath.Join(t.TempDir(), "none.yaml")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing file: %v", err)
	}
	if _, err := config.Load(); err == nil {
		t.Error("no path is no error")
	}
}

func TestRequireServerName(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, "database: {name: sqlite3, args: {database: /x}}\n")
	_, err := loaded.RequireServerName()
	if !errors.Is(err, config.ErrNoServerName) || !strings.Contains(err.Error(), filepath.Join(filepath.Dir(loaded.Files[0]), "conf.d")) {
		t.Errorf("error: %v", err)
	}
	named := mustLoad(t, "server_name: example.com\ndatabase: {name: sqlite3}\n")
	if name, err := named.RequireServerName(); name != "example.com" || err != nil {
		t.Errorf("%q, %v", name, err)
	}
}

func TestRepeatedTopLevelKeyIsWarnedAbout(t *testing.T) {
	t.Parallel()
	loaded := mustLoad(t, "server_name: a\nserver_name: b\ndatabase: {name: sqlite3, args: {database: /x}}\n")
	if loaded.ServerName != "b" || len(loaded.Warnings) != 1 || loaded.Warnings[0].Position.Line != 2 {
		t.Errorf("%s, %v", loaded.ServerName, loaded.Warnings)
	}
}
