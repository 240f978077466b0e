package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/synapsedb/synapse/config"
	"github.com/synapsedb/synapse/engine/postgres"
)

const marker = "S3cr3tM4rk3r"

// show gives every text that could reach a terminal, a log or a file.
func show(t *testing.T, loaded *config.Config, err error) string {
	t.Helper()
	var text strings.Builder
	fmt.Fprintf(&text, "%v %+v %#v %s", err, err, loaded, err)
	if loaded == nil {
		return text.String()
	}
	for _, database := range loaded.Databases {
		fmt.Fprintf(&text, "%v %+v %#v", database, database, database)
	}
	encoded, jsonErr := json.Marshal([]any{loaded})
	if jsonErr != nil {
		t.Error(jsonErr)
	}
	fmt.Fprintf(&text, "%v %+v %#v %s", *loaded, *loaded, *loaded, encoded)
	return text.String()
}

func TestSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"database: {name: psycopg2, args: {user: u, host: h, password: M}}",
		"database: {name: psycopg2, args: {user: u, host: h, sslpassword: M}}",
		"database: {name: psycopg2, args: {dsn: 'user=u password=M host=h'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:M@h/d'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:M@h:port/d'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:%zzM@h/d'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:a/M@h/d?x'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://u:a?M@h/d'}}",
		"database: {name: psycopg2, args: {dsn: 'postgres://h/d?M=1'}}",
		"database: {name: psycopg2, args: {dsn: 'password=a M=b'}}",
		"database: {name: psycopg2, args: {dsn: 'password=a M'}}",
		"database: {name: psycopg2, args: {dsn: \"password='M\"}}",
		"database: {name: psycopg2, args: {dsn: M}}",
		"database: {name: psycopg2, args: {dsn: [M]}}",
		"database: {name: psycopg2, args: {password: [M]}}",
		"database: {name: psycopg2, args: {password: {M: M}}}",
		"database: {name: psycopg2, args: {password: 'M\\0'}}",
		"database: {name: psycopg2, args: {password: \"M\\0\"}}",
		"database: {name: psycopg2, args: {password:M}}",
		"database: {name: psycopg2, args: {'password M': x}}",
		"database:\n  name: psycopg2\n  args:\n    user: u\n    password:M\n",
		"database:\n  name: psycopg2\n  args:\n    password: \"M\n    user: u\n",
		"database:\n  name: psycopg2\n  args:\n    password: M: x\n",
		"database:\n  name: psycopg2\n  args:\n    password: @M\n",
		"database:\n  name: psycopg2\n  args:\n    password: %M\n",
		"database:\n  name: psycopg2\n  args:\n    password: `M\n",
		"database:\n  name: psycopg2\n  args:\n    password: *M\n",
		"database:\n  name: psycopg2\n  args:\n    password: &M\n",
		"database:\n  name: psycopg2\n  args:\n    password: !M x\n",
		"database:\n  name: psycopg2\n  args:\n    password: \"\\M\"\n",
		"database:\n  name: psycopg2\n  args:\n    password: M\n   user: u\n",
		"database:\n  name: psycopg2\n  args:\n    password: |M\n      x\n",
		"database:\n\tpassword: M\n",
		"database: M\n", "database: [M]\n", "databases: M\n", "databases: {a b M: M}\n", "databases: {a: M}\n",
		"database: {name: M}\n", "database: {name: [M]}\n", "database: {name: psycopg2, args: M}\n", "database: {name: psycopg2, data_stores: M}\n",
		"database: {name: psycopg2, data_stores: [M]}\n", "database: {name: psycopg2, txn_limit: M}\n",
		"database: {name: psycopg2, statement_timeout: M}\n", "database: {name: psycopg2, allow_unsafe_locale: M}\n",
		"database: {name: psycopg2, synchronous_commit: M}\n", "database: {name: psycopg2, 'pass M': x}\n",
		"database: {name: sqlite3, args: M}\n", "database: {name: sqlite3, args: {uri: M, 'pass M': 1, timeout: M}}\n",
		"database: {name: psycopg2, args: {cp_min: M, cp_max: M, cp_name: M}}\n",
		"server_name: {x: M}\ndatabase: {name: sqlite3}\n", "media_store_path: [M]\n", "registration_shared_secret: M\n", "M\n", "- M\n",
		"macaroon_secret_key: M\nmacaroon_secret_key: M\n'key M': 1\n'key M': 2\ndatabase: {name: sqlite3}\n",
	} {
		loaded, err := load(t, strings.ReplaceAll(text, "M", marker))
		if shown := show(t, loaded, err); strings.Contains(shown, marker) {
			t.Errorf("%s\nshows: %s", text, shown)
		}
	}
}

// Every key that takes only certain values keeps a misplaced password to
// itself. Names of hosts, roles and databases are shown on purpose.
func TestMisplacedSecretsAreNeverShown(t *testing.T) {
	t.Parallel()
	public := map[string]bool{"host": true, "dbname": true, "database": true, "user": true, "servicefile": true}
	for _, key := range postgres.Keys() {
		if public[key.Name] {
			continue
		}
		for _, value := range []string{marker, "[" + marker + "]", "'-1 " + marker + "'", "{" + marker + ": 1}"} {
			loaded, err := load(t, "database:\n  name: psycopg2\n  args:\n    host: h\n    "+key.Name+": "+value+"\n")
			if shown := show(t, loaded, err); strings.Contains(shown, marker) {
				t.Errorf("%s: %s\nshows: %s", key.Name, value, shown)
			}
		}
	}
}

func TestSecretsOfServiceFilesAreNeverShown(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "services")
	for _, section := range []string{"password=M\nport=M\n", "M\n", "M=1\n", "pass M=1\n"} {
		text := "[s]\n" + strings.ReplaceAll(section, "M", marker)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		loaded, err := load(t, "database: {name: psycopg2, args: {service: s, servicefile: "+file+"}}\n")
		if err == nil {
			t.Errorf("%q: no error", section)
		}
		if shown := show(t, loaded, err); strings.Contains(shown, marker) {
			t.Errorf("%q shows: %s", section, shown)
		}
	}
}
