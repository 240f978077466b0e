package engine_test

import (
	"errors"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
)

func TestParseKind(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]engine.Kind{
		"sqlite": engine.SQLite, "sqlite3": engine.SQLite,
		"postgres": engine.Postgres, "postgresql": engine.Postgres, "psycopg2": engine.Postgres,
		"mysql": engine.MySQL, "MariaDB": engine.MySQL,
	} {
		got, known := engine.ParseKind(name)
		if got != want || !known {
			t.Errorf("ParseKind(%q) = %q, %v", name, got, known)
		}
	}
	if kind, known := engine.ParseKind("oracle"); known {
		t.Errorf("oracle is known as %q", kind)
	}
}

func TestErrorsSayWhatWhyAndWhatToDo(t *testing.T) {
	t.Parallel()
	for want, err := range map[string]error{
		"open /x: EOF; give another file":      &engine.Error{Op: "open", Object: "/x", Err: io.EOF, Hint: "give another file"},
		"close":                                &engine.Error{Op: "close"},
		"unknown key prot; did you mean port?": &engine.UnknownKeyError{Key: "prot", Suggestion: "port"},
		"unknown key x (service file /s)":      &engine.UnknownKeyError{Key: "x", Origin: "service file /s"},
		"unknown key (its text is no key's name and is not shown)": &engine.UnknownKeyError{Key: "password:marker"},
		"port: not a number; allowed: 1 to 65535":                  &engine.ValueError{Key: "port", Problem: "not a number", Allowed: "1 to 65535"},
		"dbname and database: both are given and differ; keep one": &engine.ConflictError{Keys: []string{"dbname", "database"}, Problem: "both are given and differ", Hint: "keep one"},
	} {
		if diff := cmp.Diff(want, err.Error()); diff != "" {
			t.Error(diff)
		}
	}
	if !errors.Is(&engine.Error{Op: "read", Err: io.EOF}, io.EOF) {
		t.Error("the cause cannot be found")
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	known := []string{"host", "hostaddr", "port", "password", "passfile", "dbname", "sslmode", "statement_timeout"}
	for word, want := range map[string]string{
		"prot": "port", "hots": "host", "passwort": "password", "pasword": "password",
		"ssl_mode": "sslmode", "db_name": "dbname", "Port": "port", "zebra": "", "x": "", "": "",
	} {
		if got := engine.Nearest(word, known); got != want {
			t.Errorf("Nearest(%q) = %q, want %q", word, got, want)
		}
	}
}
