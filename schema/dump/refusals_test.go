package dump_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/synapsedb/synapse/engine"
	"github.com/synapsedb/synapse/internal/dbtest/anyengine"
	"github.com/synapsedb/synapse/schema"
	"github.com/synapsedb/synapse/schema/dump"
)

func TestDatabasesThatAreNotCompleteAreRefused(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.SQLite}, func(t *testing.T, on *scene) {
		set := hard(t)
		for name, test := range map[string]struct {
			statement string
			refused   func(error) bool
			says      string
		}{
			"a pending update": {"INSERT INTO background_updates (update_name, progress_json) VALUES ('fill_it', '{}')", is[*dump.UpdatesError], "fill_it"},
			"an older version": {"UPDATE schema_version SET version = 1", is[*dump.VersionError], "version 1"},
			"a newer version":  {"UPDATE schema_version SET version = 3", is[*dump.VersionError], "version 3"},
			"a missing delta":  {"DELETE FROM applied_schema_deltas WHERE file = '2/02state.sql'", is[*dump.VersionError], "2/02state.sql"},
			"another owner":    {"UPDATE schema_set SET name = 'other'", is[*schema.OwnerError], "other"},
			"a port's guard":   {"UPDATE schema_compat_version SET compat_version = 2147483647", is[*schema.TooNewError], "not complete"},
			"a creation that was interrupted": {
				"INSERT INTO schema_progress (file, checksum, statements) VALUES ('creation', '', 0)", is[*dump.VersionError], "interrupted",
			},
		} {
			database := on.create(set, "main", "state")
			_, err := database.Session.Exec(t.Context(), test.statement)
			on.check(err)
			_, err = dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*database}, Scratch: on.scratch(set)})
			if !test.refused(err) || !strings.Contains(err.Error(), test.says) {
				t.Errorf("%s: the error is %v", name, err)
			}
		}
		empty := on.empty("main", "state")
		_, err := dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*empty}, Scratch: on.scratch(set)})
		if refusal, isRefusal := errors.AsType[*dump.VersionError](err); !isRefusal || !refusal.Empty {
			t.Errorf("an empty one: the error is %v", err)
		}
	})
}

func is[E error](err error) bool {
	_, matches := errors.AsType[E](err)
	return matches
}

// One database with all logical databases gives the same files as one for each.
func TestSeveralLogicalDatabasesInOne(t *testing.T) {
	t.Parallel()
	onEngines(t, anyengine.Engines(), func(t *testing.T, on *scene) {
		set := hard(t)
		together := on.create(set, "main", "state")
		options := dump.Options{Set: set, Databases: []dump.Database{*together}, Scratch: on.scratch(set)}
		if diff := cmp.Diff(contents(on.make(dump.Options{Set: set, Databases: on.apart(set)})), contents(on.make(options))); diff != "" {
			t.Errorf("-apart +together:\n%s", diff)
		}
		for statement, want := range map[string]error{
			"CREATE TABLE nobodys (id INTEGER)":                &dump.AssignError{Objects: []string{"table nobodys"}},
			"ALTER TABLE common_first ADD COLUMN more INTEGER": &dump.AssignError{Objects: []string{"table common_first"}},
			"INSERT INTO main_first (id) VALUES (1)":           &dump.RowsError{Tables: []string{"main_first"}},
		} {
			database := on.create(set, "main", "state")
			_, err := database.Session.Exec(t.Context(), statement)
			on.check(err)
			options.Databases = []dump.Database{*database}
			_, err = dump.Make(t.Context(), options)
			if diff := cmp.Diff(objectsOf(want), objectsOf(err)); diff != "" {
				t.Errorf("%s: the error is %v\n%s", statement, err, diff)
			}
		}
	})
}

// objectsOf are what a refusal names.
func objectsOf(err error) []string {
	if refusal, isRefusal := errors.AsType[*dump.AssignError](err); isRefusal {
		return refusal.Objects
	}
	if refusal, isRefusal := errors.AsType[*dump.RowsError](err); isRefusal {
		return refusal.Tables
	}
	return nil
}

func TestPgDumpIsChecked(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.Postgres}, func(t *testing.T, on *scene) {
		set := hard(t)
		database := on.create(set)
		for script, says := range map[string]string{
			"echo 'pg_dump (PostgreSQL) 9.6.24'": "is of PostgreSQL 9, and the server of ",
			"echo something else":                "does not say its version",
			"exit 3":                             "cannot be run",
			`case $1 in --version) echo 'pg_dump (PostgreSQL) 99.1';; *) echo no luck >&2; exit 1;; esac`: "no luck",
		} {
			program := filepath.Join(t.TempDir(), "pg_dump")
			on.check(os.WriteFile(program, []byte("#!/bin/sh\n"+script+"\n"), 0o700))
			database.PgDump.Program = program
			_, err := dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*database}})
			if !is[*dump.ToolError](err) || !strings.Contains(err.Error(), says) {
				t.Errorf("%s: the error is %v", script, err)
			}
		}
		database.PgDump = nil
		if _, err := dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*database}}); !is[*dump.ToolError](err) {
			t.Errorf("without a program: the error is %v", err)
		}
	})
}

// The password reaches pg_dump by its environment, and no message or argument has it.
func TestPasswordIsNoArgument(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.Postgres}, func(t *testing.T, on *scene) {
		database := on.create(hard(t))
		arguments := filepath.Join(t.TempDir(), "arguments")
		program := filepath.Join(t.TempDir(), "pg_dump")
		script := "#!/bin/sh\ncase $1 in --version) echo 'pg_dump (PostgreSQL) 99.1'; exit;; esac\n" +
			"printf '%s\\n' \"$@\" > " + arguments + "\nprintf '%s' \"$PGPASSWORD\" > " + arguments + ".password\n"
		on.check(os.WriteFile(program, []byte(script), 0o700))
		database.PgDump.Program = program
		_, err := dump.Make(t.Context(), dump.Options{Set: hard(t), Databases: []dump.Database{*database}})
		on.check(err)
		password, err := os.ReadFile(arguments + ".password")
		on.check(err)
		given, err := os.ReadFile(arguments)
		on.check(err)
		if len(password) == 0 || bytes.Contains(given, password) {
			t.Errorf("the password has %d bytes, the arguments are\n%s", len(password), given)
		}
	})
}

func TestEventsOfMySQLAreRefused(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.MySQL}, func(t *testing.T, on *scene) {
		set := hard(t)
		database := on.create(set)
		_, err := database.Session.Exec(t.Context(), "CREATE EVENT tidy ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM common_first")
		on.check(err)
		_, err = dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*database}})
		if refusal, isRefusal := errors.AsType[*dump.UnsupportedError](err); !isRefusal || !cmp.Equal(refusal.Objects, []string{"event tidy"}) {
			t.Errorf("the error is %v", err)
		}
	})
}

// A row of a virtual table cannot be told from what its module made of it.
func TestRowsOfVirtualTablesAreRefused(t *testing.T) {
	t.Parallel()
	onEngines(t, []engine.Kind{engine.SQLite}, func(t *testing.T, on *scene) {
		set := hard(t)
		for _, statement := range []string{"INSERT INTO words (word) VALUES ('a')", "INSERT INTO old_words_content VALUES (1, 'a')"} {
			database := on.create(set, "main")
			_, err := database.Session.Exec(t.Context(), statement)
			on.check(err)
			_, err = dump.Make(t.Context(), dump.Options{Set: set, Databases: []dump.Database{*on.create(set), *database}})
			if !is[*dump.UnsupportedError](err) {
				t.Errorf("%s: the error is %v", statement, err)
			}
		}
	})
}

func TestEndOfContext(t *testing.T) {
	t.Parallel()
	onEngines(t, homeserverEngines(), func(t *testing.T, on *scene) {
		set := hard(t)
		database := on.create(set)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		if _, err := dump.Make(ctx, dump.Options{Set: set, Databases: []dump.Database{*database}}); !errors.Is(err, context.Canceled) {
			t.Errorf("the error is %v", err)
		}
	})
}
